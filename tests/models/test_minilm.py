"""MiniLM against the original on sentences."""

from pathlib import Path

import jax
import numpy as np
import pytest

from jaxlife.models import bert, minilm

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "models.npz")


@pytest.fixture(scope="module")
def model():
    return minilm.load(), minilm.tokenizer()


def test_embeddings_equal_the_original(model):
    variables, tokenize = model
    got = jax.jit(minilm.embed)(variables, tokenize(GOLDEN["sentences"].tolist()))
    np.testing.assert_allclose(got, GOLDEN["embeddings"], atol=1e-4)


@pytest.mark.slow
def test_padding_does_not_matter(model):
    variables, tokenize = model
    alone, beside = (
        tokenize(["a red ring"]),
        tokenize(["a red ring", "a sentence that needs many more tokens, to force padding"]),
    )
    assert beside.ids.shape[1] > alone.ids.shape[1]
    np.testing.assert_allclose(minilm.embed(variables, alone)[0], minilm.embed(variables, beside)[0], atol=1e-5)


def test_long_texts_are_cut(model):
    _, tokenize = model
    assert tokenize(["word " * 1000]).ids.shape == (1, 256)


def test_init_has_the_checkpoints_structure(model):
    ids = np.zeros((1, 8), np.int32)
    drawn = jax.eval_shape(bert.Bert(minilm.CONFIG).init, jax.random.key(0), ids, ids)
    assert jax.tree.map(lambda a: a.shape, drawn) == jax.tree.map(lambda a: a.shape, model[0])
