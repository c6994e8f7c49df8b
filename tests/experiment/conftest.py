"""A toy System that a single wrong bit, key or step would give away."""

import importlib.util
from pathlib import Path

import pytest

WORKER = Path(__file__).with_name("worker.py")


@pytest.fixture(scope="session")
def worker():
    """The module that also runs as a process of its own."""
    spec = importlib.util.spec_from_file_location("experiment_worker", WORKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
