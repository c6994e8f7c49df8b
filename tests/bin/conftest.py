"""A system so small that the command line is all there is to test."""

import sys
import types

import jax.numpy as jnp
import pytest

from jaxlife.bin import jobs
from jaxlife.core.protocol import Assembly


def build_counter(*, by: int, prompts: str = "", seed: int = 0):
    """Counts up by `by`; leaves a file at its end."""

    def finish(workdir, state):
        (workdir / "count.txt").write_text(str(int(state)))

    step = lambda key, state, params, x: (state + params, {})  # noqa: E731
    observe = lambda state, params, out: {"count": state}  # noqa: E731
    return Assembly(lambda key, params: jnp.int32(0), step, jnp.int32(by), observe), finish


CONFIG = """
from jaxlife.bin import settings

def get_config(arg=None):
    base = {"system": "counter", "by": 2, "prompts": ("one", "two"), "generations": 20, "runner": {"chunk": 4}}
    return settings.config(arg, base, smoke={"generations": 5})
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with configs/toy/counter.py, which is also the current one."""
    (tmp_path / "configs" / "toy").mkdir(parents=True)
    (tmp_path / "configs" / "toy" / "counter.py").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    toy = types.ModuleType("toy_job")
    toy.build = build_counter
    monkeypatch.setitem(sys.modules, "toy_job", toy)
    monkeypatch.setitem(jobs.JOBS, "counter", "toy_job:build")
    return tmp_path
