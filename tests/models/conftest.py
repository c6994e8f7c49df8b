"""The packaged SmolLM2, loaded once, and the tiny random models that torch made."""

import pathlib

import jax
import numpy as np
import pytest

from jaxlife.models import llm
from jaxlife.models.llm import checkpoint, decoder
from jaxlife.models.llm.config import Config

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "llm"
FAMILIES = ("llama", "mistral", "qwen2", "qwen3")


@pytest.fixture(scope="session")
def lm():
    return llm.load("smollm2-135m-instruct")


@pytest.fixture(scope="session")
def golden():
    return lambda name: dict(np.load(GOLDEN / name))


@pytest.fixture(scope="session", params=FAMILIES)
def family(request):
    """(name, config, params, fixture) of one tiny model saved by transformers."""
    config, params = checkpoint.read_folder(GOLDEN / request.param)
    return request.param, config, params, dict(np.load(GOLDEN / request.param / "golden.npz"))


@pytest.fixture(scope="session")
def tiny():
    """(config, params) of a small untrained decoder."""
    config = Config(
        n_layers=3, width=32, hidden=48, n_heads=4, n_kv_heads=2, head_dim=8, vocab=96, context=512, tied=True
    )
    ids = np.zeros((1, 2), np.int32)
    params = decoder.Decoder(config).init(jax.random.key(7), ids)["params"]
    return config, jax.tree.map(lambda w: 5.0 * w if w.ndim > 2 else w, params)
