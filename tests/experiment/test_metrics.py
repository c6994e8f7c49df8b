import builtins
import json
import math

import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife.experiment import metrics


def write(path, steps):
    log = metrics.Jsonl(path, step=0)
    for step in steps:
        log.write(step, {"loss": np.float32(step)})
    log.flush()
    log.close()


def test_opening_cuts_back_to_the_checkpoint_and_heals_a_torn_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, range(1, 6))
    with open(path, "a") as file:
        file.write('{"step": 6, "lo')
    log = metrics.Jsonl(path, step=3)
    log.write(4, {"loss": np.float32(40)})
    log.close()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["step"], row["loss"]) for row in rows] == [(1, 1), (2, 2), (3, 3), (4, 40)]


def test_a_line_torn_just_before_its_end_is_not_glued_to_the_next(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}')
    metrics.Jsonl(path, step=2).close()
    assert path.read_text() == '{"step": 1}\n'


@pytest.mark.parametrize("value", [np.float32(0.1), np.float32(1e-30), np.float64(1 / 3), np.int32(-4), np.bool_(True)])
def test_numbers_come_back_exactly(value):
    back = json.loads(json.dumps(metrics.plain(value)))
    assert type(value)(back) == value


def test_a_bfloat16_comes_back_exactly():
    assert jnp.bfloat16(metrics.plain(jnp.bfloat16(0.1))) == jnp.bfloat16(0.1)


def test_what_json_lacks_is_strict_json_and_reads_as_float():
    text = json.dumps(metrics.plain(np.array([np.nan, np.inf, -np.inf])), allow_nan=False)
    back = [float(item) for item in json.loads(text)]
    assert math.isnan(back[0])
    assert back[1:] == [math.inf, -math.inf]


def test_an_unknown_logger_gets_the_nearest_name(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'tensorboard'"):
        metrics.open_loggers(("tensorbord",), tmp_path, step=0, config={})


def test_tensorboard_gets_every_scalar(tmp_path):
    tensorboard = pytest.importorskip("tensorboardX", reason="the extra [tb] is not installed")
    logs = metrics.open_loggers(("tensorboard",), tmp_path, step=0, config={})
    for log in logs:
        log.write(1, {"loss": np.float32(0.5), "weights": np.arange(4.0)})
        log.flush()
        log.close()
    content = b"".join(path.read_bytes() for path in (tmp_path / "tensorboard").iterdir())
    assert tensorboard
    assert b"loss" in content
    assert b"weights" in content


@pytest.mark.parametrize(("logger", "package"), [("tensorboard", "tensorboardX"), ("wandb", "wandb")])
def test_a_missing_package_is_named_with_the_command(tmp_path, monkeypatch, logger, package):
    load = builtins.__import__
    import importlib

    def without(name, *rest):
        if name == package:
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(ModuleNotFoundError, match=rf"{package}: pip install 'jaxlife\["):
        metrics.open_loggers((logger,), tmp_path, step=0, config={})
