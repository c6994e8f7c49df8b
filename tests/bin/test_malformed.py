"""Two hundred malformed configs and weight files: each gives an error that says what, and nothing else happens."""

import io
import pathlib
import random
import shutil

import numpy as np
import pytest

from jaxlife import models
from jaxlife.bin import jobs, settings
from jaxlife.experiment import CheckpointError, WorkdirError, archive_file, report
from jaxlife.models import safetensors

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "vision" / "clip"
CLEAR = (ValueError, OSError, CheckpointError, WorkdirError)
FIELDS = {
    "system": "asal",
    "seed": 0,
    "world": "gray_scott",
    "world_args": {"size": 16},
    "encoder": "pixels",
    "objective": "open_endedness",
    "strategy": {"name": "sep_cma_es", "population": 4},
    "frames": 2,
    "stride": 4,
    "n_inits": 1,
    "keep": 2,
    "devices": 1,
    "report": {"seeds": 2},
}
WRONG = {
    "system": ["", "asall", "sfd"],
    "world": ["", "gray_scot", "Lenia", "life2"],
    "world_args": [{"size": 0}, {"size": -4}, {"sise": 16}],
    "encoder": ["", "pixel", "clip", "nobody/nothing-at-all"],
    "objective": ["", "targets", "target", {"target": 1.0}, {}],
    "strategy": [
        {"name": "sep_cma"}, {"name": "sep_cma_es", "population": 0}, {"name": "sep_cma_es", "sigma": -1.0},
        {"name": "evosax:Sep_CMA"}, {"name": "illumination_ga", "capacity": 1}, {"name": "map_elites", "bins": 0},
        {"name": "sep_cma_es", "sgima": 1.0},
    ],
    "frames": [0, -1, 1],
    "stride": [0, -3],
    "n_inits": [0, -1],
    "keep": [0, -2],
    "devices": [-1, 3, 99],
    "report": [{"seed": 2}, {"picture": 1}],
}  # fmt: skip


def malformed_configs(count, seed=0):
    """One to three fields wrong at once."""
    dice = random.Random(seed)
    singles = [(name, value) for name, values in WRONG.items() for value in values]
    for i in range(count):
        if i < len(singles):
            changes = dict([singles[i]])
        else:
            names = dice.sample(list(WRONG), dice.randint(1, 3))
            changes = {name: dice.choice(WRONG[name]) for name in names}
        yield {**FIELDS, **changes}


@pytest.mark.filterwarnings("ignore")
def test_a_hundred_malformed_configs_are_refused_with_words(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for fields in malformed_configs(80):
        with pytest.raises(CLEAR) as caught:
            jobs.build(fields)
        assert len(str(caught.value)) > 15, fields
    for name in [
        *(f"{name}x" for name in FIELDS),
        "promts",
        "runner.chunk.more",
        "strategy.name.x",
        "",
        ".",
        "report.",
    ]:
        with pytest.raises(ValueError, match="unknown config field"):
            settings.check_field(settings.config(None, FIELDS), name)


def damage(data, dice):
    """Cuts, flips or overwrites bytes; always near the front too, where the structure is."""
    kind = dice.randrange(4)
    if kind == 0:
        return data[: dice.randrange(len(data))]
    changed = bytearray(data)
    if kind == 1:
        changed[:8] = dice.randbytes(8)
    elif kind == 2:
        at = dice.randrange(min(len(data), 400))
        changed[at : at + 16] = dice.randbytes(16)
    else:
        return dice.randbytes(dice.randrange(1, 300))
    return bytes(changed)


def loads(read, path, data):
    """True where the file is read after all (the damage hit numbers only) or nothing is said; other errors escape."""
    path.write_bytes(data)
    try:
        read()
    except CLEAR as error:
        return not len(str(error)) > 15
    return True


def test_a_hundred_damaged_weight_files_are_refused_with_words(tmp_path):
    dice = random.Random(1)
    params = {"feed": np.ones(3, np.float32), "kill": np.zeros((2, 2), np.float32)}
    best = report.save_params(tmp_path / "best.npz", params)
    archive = archive_file.Archive(np.eye(3), {"feed": np.ones(3)}, 0, "gray_scott", "pixels", 1, 8)
    shutil.copytree(GOLDEN, tmp_path / "clip")
    weights = tmp_path / "clip" / "model.safetensors"
    targets = [
        (lambda: report.load_params(best, params), best),
        (lambda: archive_file.read(tmp_path), archive_file.write(tmp_path, archive)),
        (lambda: archive_file.read(tmp_path), tmp_path / archive_file.ABOUT),
        (lambda: [t.read() for t in safetensors.read_folder(tmp_path / "clip").values()], weights),
        (lambda: models.load(tmp_path / "clip"), tmp_path / "clip" / "config.json"),
    ]
    survived = 0
    for read, path in targets:
        whole = path.read_bytes()
        read()
        survived += sum(loads(read, path, damage(whole, dice)) for _ in range(20))
        path.write_bytes(whole)
        read()
    assert survived < 25, "damage that nobody notices"


def test_numbers_that_are_not_numbers_are_refused_too(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, embeddings=np.array(["a", "b"]), seed=np.int64(0))
    (tmp_path / archive_file.ARRAYS).write_bytes(buffer.getvalue())
    (tmp_path / archive_file.ABOUT).write_text("{}")
    with pytest.raises(ValueError, match="something else"):
        archive_file.read(tmp_path)
