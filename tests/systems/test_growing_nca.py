"""The trainer of growing automata: what a generation does to the pool, and that it learns."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxlife as jl
from jaxlife.core import checks
from jaxlife.substrates.nca_growing import grow
from jaxlife.systems.growing_nca import errors, growing_nca, intact

TARGET = np.zeros((10, 10, 4), np.float32)
TARGET[3:7, 3:7] = [0.8, 0.2, 0.4, 1.0]
SMALL = {"channels": 6, "units": 8, "pool": 6, "batch": 3, "wounded": 1, "steps": (3, 5)}


@pytest.fixture(scope="module")
def trainer():
    return growing_nca(TARGET, **SMALL)


@pytest.fixture(scope="module")
def generation(trainer):
    return jax.jit(trainer.step)


@pytest.mark.slow
def test_it_keeps_the_laws_of_a_system(trainer, key):
    checks.check_system(trainer, trainer.params, key)


def test_a_generation_reseeds_the_worst_and_wounds_the_best(trainer, generation, key):
    # Patterns hold alpha alone, and the first weights are zero: what comes back is what went in.
    state = trainer.init(key, trainer.params)
    levels = jnp.array([0.2, 0.4, 0.6, 0.8, 1.0, 0.3])
    pool = jnp.zeros_like(state.pool).at[:, 3].set(levels[:, None, None])
    after, _out = generation(key, state.replace(pool=pool), trainer.params, None)
    changed = np.flatnonzero(np.asarray(jnp.any(after.pool != pool, axis=(1, 2, 3))))
    error = np.asarray(errors(pool, trainer.params.target))
    seed = jl.substrates.nca_growing(size=10, channels=6, units=8).init(key, state.weights).cells
    reseeded = [i for i in changed if bool(jnp.all(after.pool[i] == seed))]
    wounded = [
        i for i in changed if bool(jnp.all((after.pool[i] == pool[i]) | (after.pool[i] == 0))) and i not in reseeded
    ]
    assert (len(reseeded), len(wounded)) == (1, 1)
    assert error[reseeded[0]] > error[wounded[0]]
    assert int(after.generation) == 1


@pytest.mark.slow
def test_the_update_is_adam_on_gradients_of_unit_norm(trainer, key):
    single = growing_nca(TARGET, **{**SMALL, "batch": 1, "wounded": 0, "pool": 1, "steps": (2, 2)}, fire=1.0, drop=1)
    state = single.init(key, single.params)
    state = state.replace(weights=state.weights.replace(output=0.1 * jax.random.normal(key, (8, 6))))
    after, out = jax.jit(single.step)(key, state, single.params, None)
    seed = jl.substrates.nca_growing(size=10, channels=6, units=8).init(key, state.weights).cells

    def loss(weights):
        cells = grow(key, grow(key, seed, weights, fire=1.0), weights, fire=1.0)
        return jnp.mean((cells[:4] - single.params.target) ** 2)

    value, gradient = jax.jit(jax.value_and_grad(loss))(state.weights)
    np.testing.assert_allclose(out["loss"], value, rtol=1e-5)
    gradient = jax.tree.map(lambda g: g / (jnp.linalg.norm(g) + 1e-8), gradient)
    adam = optax.adam(2e-3)
    update, _ = adam.update(gradient, adam.init(state.weights))
    for mine, theirs in zip(
        jax.tree.leaves(after.weights), jax.tree.leaves(optax.apply_updates(state.weights, update)), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    later, _ = jax.jit(single.step)(key, state.replace(generation=jnp.asarray(1)), single.params, None)
    first, second = (jnp.abs(s.weights.output - state.weights.output).max() for s in (after, later))
    np.testing.assert_allclose(second, first / 10, rtol=1e-3)


def test_it_learns(trainer, key):
    small = growing_nca(TARGET, **{**SMALL, "steps": (8, 12), "units": 16, "wounded": 0}, learning_rate=5e-3)
    _, out = jax.jit(jl.rollout(small, frames=150))(key, small.params)
    loss = np.asarray(out["loss"])
    assert loss[-30:].mean() < 0.6 * loss[:5].mean()


def test_wounds_are_discs_of_the_said_size(key):
    masks = np.asarray(jax.vmap(lambda k: intact(k, 64))(jax.random.split(key, 50)))
    share = (masks == 0).mean((1, 2))
    assert np.pi * 0.09**2 / 4 < share.min()
    assert share.max() < np.pi * 0.42**2 / 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": np.zeros((8, 8, 3))}, "RGBA"),
        ({"target": 255 * np.ones((8, 8, 4))}, "divide by 255"),
        ({"batch": 7}, "batch"),
        ({"wounded": 3}, "wounded"),
        ({"steps": (5, 3)}, "steps"),
    ],
)
def test_bad_arguments_say_what_to_mend(arguments, message):
    with pytest.raises(ValueError, match=message):
        growing_nca(**{"target": TARGET, **SMALL, **arguments})
