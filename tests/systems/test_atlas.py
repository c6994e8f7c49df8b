import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife import models, substrates
from jaxlife.core import rollout
from jaxlife.systems import atlas

WORLD = substrates.gray_scott(size=12)
KEY = jax.random.key(3)


@pytest.fixture(scope="module")
def params():
    made = jax.vmap(WORLD.default_params)(jax.random.split(KEY, 3))
    return made.replace(feed=jnp.array([0.02, 0.03, jnp.nan]))


def test_a_film_shows_the_worlds_as_a_rollout_does_and_ends_where_they_were_seen(params):
    films = np.asarray(jax.jit(atlas.films(WORLD, steps=11, pictures=3))(KEY, params))
    assert films.shape == (3, 3, 12, 12, 3)
    see = rollout.rollout(WORLD, 11, observe=lambda state, params, out: WORLD.render(state, params))
    for i in range(2):
        _, every = jax.jit(see)(KEY, jax.tree.map(lambda leaf, i=i: leaf[i], params))
        np.testing.assert_allclose(films[i], 255 * np.asarray(every)[[4, 7, 10]], atol=0.51)
    assert np.ptp(films[0, -1]) > 50


@pytest.mark.slow
def test_a_film_may_show_the_last_moments_only(params):
    whole = np.asarray(jax.jit(atlas.films(WORLD, steps=11, pictures=11))(KEY, params))
    last = np.asarray(jax.jit(atlas.films(WORLD, steps=11, pictures=3, stride=2))(KEY, params))
    np.testing.assert_array_equal(last, whole[:, [6, 8, 10]])
    assert atlas.films(WORLD, steps=4, pictures=9, stride=9)(KEY, params).shape[1] == 1


def test_a_world_that_blew_up_is_black(params):
    assert not np.asarray(jax.jit(atlas.films(WORLD, steps=4, pictures=1))(KEY, params))[2].any()


def test_what_is_embedded_is_the_last_picture(params):
    encoder = models.load("pixels")
    z, picture = jax.jit(atlas.sight(WORLD, encoder, steps=11))(KEY, params, encoder.weights)
    np.testing.assert_allclose(z, encoder.embed_image({}, picture / 255), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(("steps", "pictures"), [(0, 1), (1, 0)])
def test_counts_below_one_are_refused(steps, pictures):
    with pytest.raises(ValueError, match="at least 1"):
        atlas.films(WORLD, steps=steps, pictures=pictures)
