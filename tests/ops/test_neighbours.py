import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife.ops import neighbours


def test_blocks_change_nothing():
    place = jax.random.uniform(jax.random.key(0), (23, 2))

    def rows(a, b, present):
        return neighbours.total(jnp.exp(-9 * neighbours.gap(a, b)[2]))

    whole = neighbours.dense(rows, place, block=23)
    for block in (1, 4, 22):
        found = jax.jit(lambda place, block=block: neighbours.dense(rows, place, block=block))(place)
        np.testing.assert_allclose(found, whole, rtol=1e-6)


@pytest.mark.parametrize("m", [1, 7, 150, 2000])
def test_the_nearest_are_those_of_a_sort(m):
    square = jax.random.uniform(jax.random.key(m), (9, m), maxval=0.5)
    which, found = jax.jit(lambda s: neighbours.nearest(s, 5, reach=0.5))(square)
    for row in range(9):
        near = np.flatnonzero(np.asarray(square[row]) < 0.25)
        expected = near[np.argsort(np.asarray(square[row])[near])][:5]
        np.testing.assert_array_equal(which[row][found[row]], expected)


def test_ties_are_all_found():
    which, found = neighbours.nearest(jnp.full((1, 6), 0.01), 4, reach=0.2)
    assert bool(found.all())
    assert len(set(which[0].tolist())) == 4


def test_the_pair_of_an_agent_with_itself_has_a_finite_gradient():
    def inverse(place):
        return jnp.sum(jax.lax.rsqrt(neighbours.others(neighbours.gap(place, place)[2])))

    place = jnp.array([[0.2, 0.2], [0.2, 0.2], [0.4, 0.2]])
    grad = jax.grad(inverse)(place)
    assert bool(jnp.isfinite(grad).all())
    # two see the third .2 away, and it sees two: 4 pairs of 1 / |r|
    np.testing.assert_allclose(grad[2], [-4 / 0.2**2, 0], rtol=1e-5)
