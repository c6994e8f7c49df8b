"""Gradient search: it learns, its gradient is that of finite differences, the pool ages, NaN costs an update only."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife import strategies
from jaxlife.core import protocol, rollout
from jaxlife.systems import asal_gradient

PROMPTS = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


@pytest.fixture
def mix():
    """A colour that turns into that of its params at a pace of its own, on three channels and a clock."""

    def init(key, params):
        return {"colour": jnp.full(3, 0.3), "time": jnp.zeros(())}

    def step(key, state, params, x):
        goal = jax.nn.sigmoid(params["first"] + state["time"] * params["drift"])
        return {"colour": state["colour"] + 0.5 * (goal - state["colour"]), "time": state["time"] + 1}, {}

    def render(state, params):
        return jnp.broadcast_to(state["colour"][None, None], (4, 4, 3))

    params = {"first": jnp.zeros(3), "drift": jnp.zeros(3)}
    return protocol.Substrate(init, step, render, lambda key: params), params


def build(mix, colour_encoder, **options):
    world, params = mix
    es = strategies.sep_cma_es(params, population=4, sigma=0.5)
    given = {
        "frames": 2,
        "stride": 4,
        "updates": 4,
        "unroll": 3,
        "pool": 8,
        "batch": 4,
        "learning_rate": 0.1,
        **options,
    }
    return asal_gradient.against_evolution(world, colour_encoder, PROMPTS, es, params, **given)


def test_both_learn_the_prompts_in_time_and_runs_repeat(mix, colour_encoder, key):
    search = build(mix, colour_encoder, contrast=0.01)
    run = jax.jit(rollout.rollout(search, frames=30, observe=search.observe))
    final, seen = run(key, search.params)
    assert float(seen["gradient"][0]) < 0.75  # near grey: .58
    assert float(seen["gradient"][-1]) > 0.85
    assert float(seen["evolution"][-1]) > float(seen["evolution"][0])
    assert int(final.skipped) == 0
    assert set(np.asarray(final.learner.age)) <= {0, 1}
    again, _ = run(key, search.params)
    jax.tree.map(np.testing.assert_array_equal, again.learner.params, final.learner.params)


def test_the_update_follows_the_gradient_of_the_last_steps_alone(mix, colour_encoder, key):
    """One AdamW step of a fresh learner moves each number by the rate against the sign of its derivative."""
    world, params = mix
    params = {"first": jnp.array([0.4, -0.3, 0.2]), "drift": jnp.array([0.02, 0.05, -0.03])}
    options = {"frames": 2, "stride": 4, "n_prompts": 2, "pool": 1, "batch": 1, "weight_decay": 0.0}
    init, update = asal_gradient.learner(world, colour_encoder, unroll=2, **options)
    learner, _ = update(key, init(key, params), PROMPTS, colour_encoder.weights, 1e-3, 0.0)

    def loss(moved):
        state = world.init(key, params)
        for t in range(4):
            state, _ = world.step(key, state, params if t < 2 else moved, None)
        return -colour_encoder.embed_image(colour_encoder.weights, world.render(state, params)[None])[0, 0]

    for name in params:
        for i in range(3):
            nudge = lambda by, name=name, i=i: {**params, name: params[name].at[i].add(by)}  # noqa: E731
            slope = float(loss(nudge(1e-2)) - loss(nudge(-1e-2)))
            moved = float(learner.params[name][i] - params[name][i])
            assert moved == pytest.approx(-1e-3 * np.sign(slope), rel=0.05), (name, i)


def test_a_gradient_that_is_not_finite_is_skipped_and_the_world_begins_anew(mix, colour_encoder, key):
    world, params = mix

    def step(key, state, params, x):
        after, out = world.step(key, state, params, x)
        return {**after, "colour": jnp.where(state["time"] > 2, jnp.nan, after["colour"])}, out

    search = build((world._replace(step=step), params), colour_encoder)
    final, seen = jax.jit(rollout.rollout(search, frames=3, observe=search.observe))(key, search.params)
    assert int(final.skipped) == 12
    assert np.isfinite(final.learner.pool["colour"]).all()
    for leaf, start in zip(jax.tree.leaves(final.learner.params), jax.tree.leaves(params), strict=True):
        np.testing.assert_array_equal(leaf, start)
    assert np.isfinite(seen["loss"]).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"frames": 3}, "frames: expected a multiple of the 2 prompts"),
        ({"unroll": 5}, "unroll: expected 1 to stride=4"),
        ({"batch": 9}, "batch: expected 1 to pool=8"),
        ({"updates": 0}, "updates: expected"),
    ],
)
def test_counts_that_do_not_fit_are_refused(mix, colour_encoder, changed, message):
    with pytest.raises(ValueError, match=message):
        build(mix, colour_encoder, **changed)
