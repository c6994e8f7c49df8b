import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife import objectives, strategies
from jaxlife.core import mesh, rollout
from jaxlife.systems.asal import Context, asal, trial

RED, BLUE = jnp.array([1.0, 0.0, 0.0]), jnp.array([0.0, 0.0, 1.0])


@pytest.fixture
def build(paint, colour_encoder):
    def build(score=None, encoder=colour_encoder, world=paint, **options):
        es = strategies.sep_cma_es(jnp.zeros(3), population=8, sigma=1.0)
        return asal(world, encoder, score or objectives.target(RED), es, **{"frames": 2, "stride": 4, **options})

    return build


def test_a_search_for_red_finds_red(key, build):
    search = build()
    final, out = jax.jit(rollout.rollout(search, frames=30, observe=search.observe))(key, search.params)
    assert float(final.best_fitness) < -0.99
    assert float(out["best_fitness"][0]) > float(out["best_fitness"][-1])
    colour = jax.nn.sigmoid(final.best)
    assert float(colour[0]) > 5 * float(jnp.max(colour[1:]))


def test_another_prompt_is_data_and_compiles_nothing(key, build, colour_encoder):
    traces = []

    def embed_image(weights, rgb):
        traces.append(rgb.shape)
        return colour_encoder.embed_image(weights, rgb)

    search = build(encoder=colour_encoder._replace(embed_image=embed_image))
    run = jax.jit(rollout.rollout(search, frames=30))
    run(key, search.params)
    seen = len(traces)
    context = search.params.context.replace(score=BLUE[None])
    final, _ = run(key, search.params.replace(context=context))
    assert len(traces) == seen
    assert int(jnp.argmax(final.best)) == 2


def test_the_weights_of_the_encoder_are_an_argument(key, build):
    search = build()
    blind = search.params.context.replace(encoder=jnp.array([0.0, 1.0, 1.0]))
    final, _ = jax.jit(rollout.rollout(search, frames=5))(key, search.params.replace(context=blind))
    assert float(final.best_fitness) == 0.0


def test_the_fitness_is_the_mean_of_trials_over_initial_states(key, build, paint):
    def blink(key, params):
        return jnp.where(jax.random.uniform(key) < 0.5, 1.0, 0.0) * BLUE

    world = paint._replace(init=blink, step=lambda key, state, params, x: (state, {}))
    search = build(world=world, score=objectives.target(BLUE), n_inits=4, frames=1)
    _, out = search.step(key, search.init(key, search.params), search.params, None)
    np.testing.assert_allclose(out["fitness"] * 4, np.round(out["fitness"] * 4), atol=1e-5)
    assert len(np.unique(np.round(out["fitness"], 4))) > 1


def test_a_trial_is_the_rollout_rendered_embedded_and_scored(key, build, paint, colour_encoder):
    search = build()
    loss, descriptor = trial(paint, colour_encoder, objectives.target(RED), frames=2, stride=4)(
        key, jnp.array([1.0, -1.0, 0.0]), search.params.context
    )
    colour = jax.nn.sigmoid(jnp.array([1.0, -1.0, 0.0]))
    expected = colour / jnp.linalg.norm(colour)  # fading in changes the length of the colour, not its direction
    np.testing.assert_allclose(descriptor, expected, rtol=1e-5)
    np.testing.assert_allclose(loss, -expected[0], rtol=1e-5)


def test_a_world_that_blows_up_costs_its_own_fitness_only(key, build, paint):
    def step(key, state, params, x):
        return jnp.where(params[0] > 0, jnp.nan, jax.nn.sigmoid(params)), {}

    search = build(world=paint._replace(step=step), score=objectives.illumination())
    _, out = search.step(key, search.init(key, search.params), search.params, None)
    failed = jnp.isinf(out["fitness"])
    assert 0 < int(failed.sum()) < 8
    assert bool(jnp.all(jnp.isfinite(out["descriptor"])))
    np.testing.assert_array_equal(out["descriptor"][failed], 0.0)


def test_two_devices_equal_one_and_chunks_change_nothing(key, build):
    results = [
        jax.jit(rollout.rollout(build(**options), frames=5))(key, build().params)[0]
        for options in ({}, {"mesh": mesh.make_mesh(pop=2)}, {"chunk": 3})
    ]
    chex.assert_trees_all_close(*results, atol=1e-6)


def test_devices_exchange_embeddings_and_fitness_only(key, build):
    search = build(mesh=mesh.make_mesh(pop=2))
    state = jax.eval_shape(search.init, key, search.params)
    text = jax.jit(search.step).lower(key, state, search.params, None).compile().as_text()
    moved = re.findall(r"= (\w+)\[([\d,]*)\]\S* (all-gather|all-reduce|all-to-all|collective-permute)", text)
    assert moved, "a population over two devices must be gathered"
    sizes = [int(np.prod([int(n) for n in shape.split(",") if n], dtype=int)) for _, shape, _ in moved]
    assert max(sizes) <= 8 * 3  # N embeddings of the last frame; a picture alone has 48 numbers


def test_memory_does_not_grow_with_the_frames(key, colour_encoder, paint):
    wide = paint._replace(render=lambda state, params: jnp.broadcast_to(state[None, None], (64, 64, 3)))

    def temporary(frames):
        run = jax.vmap(trial(wide, colour_encoder, objectives.target(RED), frames=frames, stride=2), (0, None, None))
        context = Context(encoder=colour_encoder.weights, score=RED[None])
        compiled = jax.jit(run).lower(jax.random.split(key, 8), jnp.zeros(3), context).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert temporary(64) - temporary(2) < 62 * 8 * 3 * 4 * 4  # embeddings, not pictures of 48 KB each


def test_the_log_is_scalars(key, build):
    search = build()
    state, out = search.step(key, search.init(key, search.params), search.params, None)
    kept = search.observe(state, search.params, out)
    assert {"best_fitness", "generation_best", "sigma"} <= kept.keys()
    assert all(jnp.ndim(value) == 0 for value in kept.values())


def test_prompts_that_do_not_divide_the_frames_are_refused(build):
    with pytest.raises(ValueError, match="multiple of the 3 prompts"):
        build(score=objectives.target(jnp.eye(3)), frames=4)


def test_no_initial_state_is_refused(build):
    with pytest.raises(ValueError, match="n_inits: expected at least 1"):
        build(n_inits=0)
