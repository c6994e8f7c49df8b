import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife.core import protocol, rollout

WALK = protocol.System(
    init=lambda key, params: jnp.zeros(2),
    step=lambda key, state, params, x: (
        state + params * jax.random.normal(key, (2,)) + (0.0 if x is None else x),
        {"norm": jnp.sum(state**2)},
    ),
)


def test_ten_steps_equal_six_plus_four_resumed_bit_for_bit(key):
    whole, seen = jax.jit(rollout.rollout(WALK, frames=10))(key, 0.5)
    half, first = jax.jit(rollout.rollout(WALK, frames=6))(key, 0.5)
    resumed, second = jax.jit(rollout.rollout(WALK, frames=4))(key, 0.5, state=half, start=6)
    assert whole.tobytes() == resumed.tobytes()
    assert seen["norm"].tobytes() == jnp.concatenate([first["norm"], second["norm"]]).tobytes()


def test_one_compiled_program_serves_every_start(key):
    traces = []
    run = rollout.rollout(WALK, frames=5)

    @jax.jit
    def chunk(key, params, state, start):
        traces.append(1)
        return run(key, params, state=state, start=start)

    state = jnp.zeros(2)
    for start in (0, 5, 10):
        state, _ = chunk(key, 0.5, state, start)
    whole, _ = rollout.rollout(WALK, frames=15)(key, 0.5, state=jnp.zeros(2))
    assert len(traces) == 1
    np.testing.assert_allclose(state, whole, rtol=1e-6)


def test_a_stride_sees_every_stride_th_state_and_the_last_out(key):
    def observe(state, params, out):
        return state, out["norm"]

    _, (states, norms) = rollout.rollout(WALK, frames=12, observe=observe)(key, 1.0)
    _, (strided, strided_norms) = rollout.rollout(WALK, frames=4, stride=3, observe=observe)(key, 1.0)
    np.testing.assert_allclose(strided, states[2::3], rtol=1e-6)
    np.testing.assert_allclose(strided_norms, norms[2::3], rtol=1e-6)


def test_inputs_reach_their_own_step(key):
    xs = jnp.arange(12.0).reshape(6, 2)
    final, _ = rollout.rollout(WALK, frames=2, stride=3)(key, 0.0, xs=xs)
    np.testing.assert_allclose(final, xs.sum(axis=0))


def test_memory_grows_with_frames_and_not_with_steps(key):
    board = protocol.System(lambda key, params: jnp.zeros((128, 128)), lambda key, s, params, x: (s + params, {}))

    def temporary(frames, stride):
        run = jax.jit(rollout.rollout(board, frames=frames, stride=stride, observe=lambda s, p, o: s))
        return run.lower(key, 1.0).compile().memory_analysis().temp_size_in_bytes

    board_bytes = 128 * 128 * 4
    assert temporary(4, 1000) <= temporary(4, 10) + board_bytes


def test_it_vmaps_over_seeds_and_over_params():
    keys = jax.random.split(jax.random.key(1), 3)
    run = rollout.rollout(WALK, frames=4)
    final, _ = jax.vmap(jax.vmap(run, in_axes=(0, None)), in_axes=(None, 0))(keys, jnp.array([0.0, 1.0]))
    assert final.shape == (2, 3, 2)
    np.testing.assert_allclose(final[1, 2], run(keys[2], 1.0)[0], rtol=1e-6)
    np.testing.assert_array_equal(final[0], 0.0)


@pytest.mark.parametrize(("frames", "stride"), [(0, 1), (1, 0), (2.0, 1)])
def test_frames_and_stride_below_one_are_refused(frames, stride):
    with pytest.raises(ValueError, match="expected an integer of at least 1"):
        rollout.rollout(WALK, frames=frames, stride=stride)


def test_inputs_of_the_wrong_length_are_refused(key):
    with pytest.raises(ValueError, match=r"leading axis of frames \* stride = 6"):
        rollout.rollout(WALK, frames=2, stride=3)(key, 0.0, xs=jnp.zeros((5, 2)))
