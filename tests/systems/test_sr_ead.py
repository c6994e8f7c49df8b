"""Self-referential distillation: ranks choose, the gate keeps the best, nothing that is not finite gets through."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife.models import evotf
from jaxlife.models.evotf import features, imitation
from jaxlife.strategies import trajectory
from jaxlife.systems import sr_ead

SMALL = evotf.Config(width=4, n_heads=1, n_latents=1, latent_width=2, fitness=False, cross=False)
GATE_EVERY, PATIENCE = 2, 2


@pytest.fixture(scope="module")
def trainer():
    sizes: dict[str, Any] = {"dim": 2, "population": 4, "generations": 6, "tasks": 4, "copies": 6, "imitations": 2}
    return sr_ead.sr_ead(
        config=SMALL,
        functions=(1,),
        instances=2,
        gate_every=GATE_EVERY,
        patience=PATIENCE,
        gate_tasks=6,
        learning_rate=1e-2,
        **sizes,
    )


@pytest.fixture(scope="module")
def run(trainer):
    """Runs 12 steps with other sigmas and learning rates: the states after each, stacked, and what was reported."""

    @jax.jit
    def twelve(sigma, rate):
        params = dataclasses.replace(trainer.params, learning_rate=rate, sigma=sigma)

        def step(state, t):
            state, out = trainer.step(jax.random.fold_in(jax.random.key(1), t), state, params, None)
            return state, (state, out)

        start = trainer.init(jax.random.key(0), params)
        return start, jax.lax.scan(step, start, jnp.arange(12))[1]

    return twelve


@pytest.mark.slow  # one program of a minute of compilation
def test_the_best_never_gets_worse_and_gets_better(run):
    _, (states, _) = run(0.2, 1e-2)
    scores = np.asarray(states.best_score)[GATE_EVERY - 1 :]
    assert (np.diff(scores) <= 0).all()
    assert scores[-1] < scores[0] - 0.02


@pytest.mark.slow  # one program of a minute of compilation
def test_what_does_not_get_better_is_given_up_for_the_best(run):
    _, (states, _) = run(0.2, 30.0)
    back = [np.array_equal(states.weights[i], states.best[i]) for i in range(12)]
    assert not back[0]
    assert any(back[GATE_EVERY * (PATIENCE + 1) - 1 :])


@pytest.mark.slow  # one program of a minute of compilation
def test_copies_out_of_all_bounds_leave_nothing_behind(run):
    _, (states, out) = run(1e18, 1e-2)
    for leaf in jax.tree.leaves((states.weights, states.best, states.optimizer)):
        assert np.isfinite(leaf).all()
    assert np.isfinite(out["gate"][GATE_EVERY - 1 :]).all()


def test_copies_are_chosen_by_rank_within_a_task():
    scores = jnp.asarray(np.random.default_rng(0).normal(size=(7, 5)), jnp.float32)
    bent = scores * jnp.array([[1.0, 1e3, 1e-3, 5.0, 1.0]]) + jnp.arange(5.0)[None]
    for trust in (0.0, 1.0, 3.0):
        np.testing.assert_array_equal(sr_ead.choose(scores, trust, 3), sr_ead.choose(bent, trust, 3))
    np.testing.assert_array_equal(sr_ead.choose(scores, 0.0, 7), jnp.argsort(scores, axis=0))
    assert len(set(sr_ead.choose(scores, 1e4)[0].tolist())) == 1, "full trust: one copy teaches all tasks"


@pytest.mark.slow
def test_the_same_key_gives_every_copy_the_same_noise(trainer):
    draw = lambda: sr_ead.draw_tasks(jax.random.split(jax.random.key(3), 3), trainer.params.suite)  # noqa: E731
    a, b = draw(), draw()
    np.testing.assert_array_equal(jax.random.key_data(a.key), jax.random.key_data(b.key))
    assert len(np.unique(np.asarray(a.mean)[:, 0])) == 3


def test_a_reflected_search_looks_the_same_but_for_signs():
    """So what is odd in x stays a step of the mean, and what is even does not."""
    draw = np.random.default_rng(1)
    mean, std, noise = draw.normal(size=(4, 2)), np.exp(draw.normal(size=(4, 2))), draw.normal(size=(3, 5, 2))
    x, mean, std = (jnp.asarray(a, jnp.float32) for a in (mean[:3, None] + std[:3, None] * noise, mean, std))
    search = trajectory.Trajectory(x, jnp.sum(x**2, axis=-1), mean, std)
    signs = set()

    @jax.jit
    def see(s):
        return features.of_trajectory(s.x, s.f, s.mean[:-1], s.std[:-1], evotf.Options(relative=True))

    for seed in range(4):
        turned = sr_ead.reflect(jax.random.key(seed), search)
        signs |= set(np.sign((turned.mean[1] - mean[0]) / (mean[1] - mean[0])).tolist())
        for a, b in zip(see(search), see(turned), strict=True):
            np.testing.assert_allclose(jnp.abs(a), jnp.abs(b), atol=1e-4)
    assert signs == {-1.0, 1.0}


def test_a_search_that_blew_up_teaches_nothing():
    lost = lambda *shape: jnp.full(shape, jnp.inf)  # noqa: E731
    wild = trajectory.Trajectory(x=lost(3, 4, 2), f=lost(3, 4), mean=lost(4, 2), std=lost(4, 2))
    calm = sr_ead.blank(jnp.array(True), wild)
    assert not imitation.divergence(jnp.ones((3, 2, 2)), calm.mean, calm.std).any()
    assert sr_ead.blank(jnp.array(False), wild).x.max() == jnp.inf


def test_a_search_that_fails_is_the_worst():
    assert float(sr_ead.quality(jnp.full((4, 3), jnp.inf))) == pytest.approx(8.0)
    assert float(sr_ead.quality(jnp.zeros((4, 3)))) == pytest.approx(-8.0)


@pytest.mark.parametrize("wrong", [{"copies": 3}, {"tasks": 0}, {"patience": 0}, {"elites": 18}])
def test_bad_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: expected"):
        sr_ead.sr_ead(config=SMALL, functions=(1,), instances=1, dim=2, **wrong)
