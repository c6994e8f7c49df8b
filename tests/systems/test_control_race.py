"""A race on a control task is its searches, each as if alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife import objectives, strategies
from jaxlife.core import search as searches
from jaxlife.core.population import population
from jaxlife.core.protocol import Evals
from jaxlife.systems import control_race

SQUARES = objectives.Control(jnp.zeros(2), population(lambda key, x, context: Evals(jnp.sum((x - context) ** 2))), 1.0)


@pytest.mark.slow
def test_a_racer_searches_as_if_alone(key):
    racers = {"snes": strategies.snes(jnp.zeros(2), population=4), "random": strategies.random_search(jnp.zeros(2))}
    race = control_race.control_race(racers, SQUARES, seeds=2, generations=3)
    alone = searches.search(racers["snes"], SQUARES.evaluate)
    state, step = race.init(key, race.params), jax.jit(race.step)
    mine = alone.init(jax.random.split(key, 2)[1], race.params["snes"])
    for t in range(2):
        now = jax.random.fold_in(key, t)
        state, _ = step(now, state, race.params, None)
        mine, _ = jax.jit(alone.step)(jax.random.split(now, 2)[1], mine, race.params["snes"], None)
        np.testing.assert_allclose(state.curves["snes"][1, t], -mine.best_fitness, rtol=1e-6)
    assert np.isneginf(state.curves["random"][:, 2]).all()
    assert set(race.observe(state, race.params, {})) == {"snes", "random"}


def test_it_refuses_a_race_of_nobody():
    with pytest.raises(ValueError, match="racer"):
        control_race.control_race({}, SQUARES, seeds=1, generations=1)
