"""Illumination: archives side by side over one behaviour space, measured by one measure; stops and goes on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife import strategies
from jaxlife.core import protocol, rollout
from jaxlife.systems import illumination

N = 4


@pytest.fixture(scope="module")
def glow():
    """A world that shows the colour of its params, and blows up where the first is very large."""

    def step(key, state, params, x):
        return jnp.where(params[0] > 1.5, jnp.nan, jax.nn.sigmoid(4 * params)), {}

    def render(state, params):
        return jnp.broadcast_to(state[None, None], (4, 4, 3))

    return protocol.Substrate(lambda key, params: jnp.zeros(3), step, render, lambda key: jnp.zeros(3))


@pytest.fixture(scope="module")
def build(glow, colour_encoder):
    def build(**options):
        own = {"population": N, "descriptor_size": 3, "sigma": 0.3}
        archives = {
            "illumination_ga": strategies.illumination_ga(jnp.zeros(3), capacity=12, **own),
            "map_elites": strategies.map_elites(jnp.zeros(3), centres=jnp.zeros((12, 3)), **own),
            "novelty_search": strategies.novelty_search(jnp.zeros(3), capacity=12, neighbours=3, added=2, **own),
        }
        given = {"population": N, "scout": 2, "planes": 4, "frames": 1, "stride": 2, **options}
        return illumination.illumination(glow, colour_encoder, archives, jnp.zeros(3), **given)

    return build


@pytest.fixture(scope="module")
def ran(build):
    search = build()
    run = jax.jit(rollout.rollout(search, frames=14, observe=search.observe))
    return search, run(jax.random.key(0), search.params)


@pytest.mark.slow
def test_archives_fill_spread_and_are_measured_alike(ran):
    _, (final, seen) = ran
    assert set(final.archives) == {"illumination_ga", "map_elites", "novelty_search"}
    for name in final.archives:
        worlds = np.asarray(seen[f"{name}/worlds"])
        assert worlds[:2].max() == 0  # nobody is told of the scouts
        assert worlds[-1] >= 6
        z, filled = illumination.embeddings(final.archives[name])
        unit = np.asarray(z)[np.asarray(filled)]
        gaps = 1 - unit @ unit.T
        np.fill_diagonal(gaps, np.inf)
        np.testing.assert_allclose(seen[f"{name}/nearest_distance"][-1], gaps.min(axis=1).mean(), atol=1e-5)
    full = int(np.argmax(np.asarray(seen["illumination_ga/worlds"]) == 12))  # from here on like replaces like
    spread = np.asarray(seen["illumination_ga/nearest_distance"])
    assert 0 < full < 10
    assert spread[-1] > spread[full]


def test_a_world_that_blows_up_enters_no_archive(ran):
    _, (final, seen) = ran
    assert float(np.max(seen["failed"])) > 0
    assert np.isfinite(final.reference).all()
    for archive in final.archives.values():
        z, filled = illumination.embeddings(archive)
        params = illumination.worlds(archive, jnp.zeros(3))
        assert np.isfinite(z).all()
        assert len(params) == int(filled.sum())
        assert float(params[:, 0].max()) <= 1.5


def test_the_cells_of_map_elites_are_scouted_worlds(ran):
    _, (final, _) = ran
    elites = final.archives["map_elites"]
    kept = np.asarray(elites.descriptors)[np.asarray(elites.fitness) < np.inf]
    assert len(kept) > 6
    reference = np.asarray(final.reference)
    assert reference.shape == (2 * 3 * N, 3)
    assert (np.linalg.norm(reference, axis=1) > 0.9).all()


@pytest.mark.slow
def test_it_goes_on_to_the_same_bits(ran):
    search, (final, _) = ran
    key, half = jax.random.key(0), jax.jit(rollout.rollout(search, frames=7))
    middle, _ = half(key, search.params)
    end, _ = half(key, search.params, state=middle, start=7)
    jax.tree.map(np.testing.assert_array_equal, end, final)


def test_what_does_not_fit_is_refused(build, glow, colour_encoder):
    with pytest.raises(ValueError, match="scout: expected"):
        build(scout=0)
    es = strategies.sep_cma_es(jnp.zeros(3), population=N)
    with pytest.raises(ValueError, match="expected a strategy with an archive"):
        illumination.illumination(glow, colour_encoder, {"es": es}, jnp.zeros(3), population=N, frames=1, stride=1)
    cells = strategies.map_elites(jnp.zeros(3), population=N, descriptor_size=3, centres=jnp.zeros((99, 3)))
    with pytest.raises(ValueError, match="expected at most 16 cells"):
        illumination.illumination(glow, colour_encoder, {"me": cells}, jnp.zeros(3), population=N, frames=1, stride=1)
    with pytest.raises(ValueError, match="at least one"):
        illumination.illumination(glow, colour_encoder, {}, jnp.zeros(3), population=N)
