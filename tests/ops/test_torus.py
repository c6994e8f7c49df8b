import jax
import jax.numpy as jnp
import numpy as np

from jaxlife.ops import torus


def test_wrap_never_gives_one():
    assert torus.wrap(jnp.array([-1e-9, -1e-7, 1.0, 3.25, -0.25])).tolist()[:1] == [0.0]
    wrapped = torus.wrap(jnp.linspace(-3, 3, 1001))
    assert float(wrapped.min()) >= 0
    assert float(wrapped.max()) < 1


def test_the_shortest_way_is_no_longer_than_through_any_image():
    a, b = jax.random.uniform(jax.random.key(0), (2, 50, 2))
    images = [np.hypot(*(np.asarray(b - a) + np.array([i, j])).T) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    np.testing.assert_allclose(torus.norm(torus.shortest(b - a)), np.min(images, 0), rtol=1e-5)


def test_norms_and_units_of_zero_vectors_have_zero_gradient():
    for f in (torus.norm, lambda v: torus.unit(v).sum()):
        np.testing.assert_array_equal(jax.grad(f)(jnp.zeros(2)), [0, 0])
    np.testing.assert_allclose(jax.grad(torus.norm)(jnp.array([3.0, 4.0])), [0.6, 0.8], rtol=1e-6)
