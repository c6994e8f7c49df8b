"""Windows see everybody that all pairs see, however crowded; derivatives too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife.ops import cells, neighbours, windows

REACH = 0.1


def pushes(first, second, receiver, sender):
    square = neighbours.others(first**2 + second**2)
    near = jnp.maximum(1 - jnp.sqrt(square) / REACH, 0) * sender * receiver
    return near * first, near * second


@pytest.fixture(scope="module")
def engines():
    def fast(place, weight):
        return windows.add_up(pushes, weight, place, 10, block=8, window=16, unroll=4)

    return jax.jit(fast), jax.jit(lambda place, weight: neighbours.dense(neighbours.rows_of(pushes), (place, weight)))


@pytest.mark.parametrize(("spread", "apart"), [(0.0, 0), (0.004, 0), (0.04, 0), (0.4, 0), (0.04, 40)])
def test_all_pairs_agree_however_crowded(engines, spread, apart):
    """A spread of 0.004 puts everyone into the four cells around a corner of the torus; of 0, all in one point.

    Of those who live apart few are in a row of cells: a block of them sees around the torus from both sides.
    """
    key = jax.random.key(0)
    place = spread * jax.random.normal(key, (300, 2))
    place = jnp.where(jnp.arange(300)[:, None] < apart, jax.random.uniform(key, (300, 2)), place)
    place = jnp.mod(place, 1)
    place = jnp.where(place < 1, place, 0)
    weight = jax.random.normal(jax.random.key(1), (300,))
    fast, slow = (np.asarray(each(place, weight)) for each in engines)
    np.testing.assert_allclose(fast, slow, atol=2e-5 * max(1e-3, np.abs(slow).max()))
    assert spread == 0 or np.abs(slow).max() > 1e-3


def test_derivatives_and_populations_agree_with_all_pairs(engines):
    place = jax.random.uniform(jax.random.key(2), (2, 300, 2))
    weight = jax.random.normal(jax.random.key(3), (2, 300))
    by_place = [
        jax.vmap(jax.grad(lambda p, w, each=each: jnp.sum(jnp.sin(9 * each(p, w))), (0, 1)))(place, weight)
        for each in engines
    ]
    for fast, slow in zip(*by_place, strict=True):
        np.testing.assert_allclose(fast, slow, atol=1e-4)
        assert np.abs(np.asarray(slow)).max() > 1e-2


def test_windows_are_refused_where_they_cannot_be():
    with pytest.raises(ValueError, match="sum over neighbours"):
        cells.engine(5000, 0.1, name="windows")
    with pytest.raises(ValueError, match="at least three"):
        cells.engine(5000, 0.4, name="windows", pair=pushes)
    with pytest.raises(ValueError, match="at least 3 cells"):
        windows.add_up(pushes, None, None, 2)
    with pytest.raises(ValueError, match="multiple of unroll"):
        windows.add_up(pushes, None, None, 3, window=12)
