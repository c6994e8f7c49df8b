"""What evolution strategies promise: invariances, convergence, traced hyper-parameters, and calm under failures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct

from jaxlife import strategies
from jaxlife.core import rollout, search, tree
from jaxlife.core.protocol import Evals
from jaxlife.objectives.coco import generator

D = 5
START = jnp.full((D,), 2.0)
RANK_BASED = ("cma_es", "sep_cma_es", "csa_es", "snes", "open_es")
ROTATION_INVARIANT = ("cma_es", "csa_es")


def build(name, prototype=START, **hyper):
    return strategies.STRATEGIES[name].factory(prototype, population=10, **{"sigma": 0.5, **hyper})


def run(strategy, f, generations, key, params=None):
    system = search.search(strategy, lambda key, x, context: Evals(f(x)))
    params = search.Params(strategy=strategy.params if params is None else params)
    return jax.jit(rollout.rollout(system, frames=generations))(key, params)


def sphere(x):
    return jnp.sum(x**2, axis=1)


def ellipsoid(x):
    return jnp.sum(10.0 ** (4 * jnp.arange(D) / (D - 1))[None] * x**2, axis=1)


@pytest.mark.parametrize("name", RANK_BASED)
def test_a_monotone_transformation_of_fitness_changes_no_bit(name, key):
    plain, _ = run(build(name), sphere, 15, key)
    bent, _ = run(build(name), lambda x: sphere(x) ** 3 * 8 - 1, 15, key)  # powers of two keep ranks exactly
    for a, b in zip(jax.tree.leaves(plain.strategy), jax.tree.leaves(bent.strategy), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", RANK_BASED)
def test_the_order_of_candidates_does_not_matter(name, key):
    strategy, order = build(name), jnp.array([3, 1, 4, 0, 9, 2, 6, 8, 7, 5])

    @jax.jit
    def both(key):
        x, state = strategy.ask(key, strategy.init(key, strategy.params), strategy.params)
        fitness = jnp.round(sphere(x))  # rounded: with ties
        told = [strategy.tell(key, state, strategy.params, x[o], Evals(fitness[o])) for o in (jnp.arange(10), order)]
        return [state for state, _ in told]

    for a, b in zip(*map(jax.tree.leaves, both(key)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def log_best(out):
    return float(jnp.log10(jnp.min(out["generation_best"])))


@pytest.mark.parametrize("name", ["cma_es", "sep_cma_es", "csa_es"])
def test_rotating_the_landscape_costs_only_those_that_do_not_claim_invariance(name, key):
    rotation = jnp.asarray(generator.rotation(D, 3), jnp.float32)

    def median(f):
        runs = [log_best(run(build(name), f, 150, jax.random.fold_in(key, i))[1]) for i in range(2)]
        return np.median(runs)

    axis_parallel, rotated = median(ellipsoid), median(lambda x: ellipsoid(x @ rotation.T))
    if name in ROTATION_INVARIANT:
        assert abs(rotated - axis_parallel) < 3
    else:
        assert rotated > axis_parallel + 3


@pytest.mark.parametrize(
    ("name", "f", "generations", "reached"),
    [
        ("cma_es", ellipsoid, 150, 1e-8),
        ("sep_cma_es", ellipsoid, 150, 1e-8),
        ("csa_es", sphere, 100, 1e-8),
        ("snes", sphere, 100, 1e-5),
        ("open_es", sphere, 200, 3e-2),
        ("gaussian_ga", sphere, 200, 0.1),
    ],
)
def test_converges(name, f, generations, reached, key):
    assert float(run(build(name), f, generations, key)[0].best_fitness) < reached


def test_hyper_parameters_vmap_and_do_not_compile_again(key):
    strategy, traces = build("cma_es"), []

    @jax.jit
    def best(sigma):
        traces.append(1)
        system = search.search(strategy, lambda key, x, context: Evals(sphere(x)))
        return jax.vmap(
            lambda s: (
                rollout.rollout(system, frames=10)(key, search.Params(strategy=strategy.params.replace(sigma=s)))[
                    0
                ].best_fitness
            )
        )(sigma)

    found = best(jnp.array([1e-3, 1e-2, 0.5]))
    assert found[2] < found[0], "a tiny step size must be slower"
    best(jnp.array([0.2, 0.3, 0.4]))
    assert len(traces) == 1


@pytest.mark.parametrize("name", [*RANK_BASED, "gaussian_ga"])
def test_a_generation_of_failures_teaches_nothing(name, key):
    strategy = build(name)

    @jax.jit
    def hopeless(key):
        x, state = strategy.ask(key, strategy.init(key, strategy.params), strategy.params)
        return state, strategy.tell(key, state, strategy.params, x, Evals(jnp.full(10, jnp.inf)))

    before, (after, metrics) = hopeless(key)
    for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(metrics["n_failed"]) == 10


def test_mostly_failing_candidates_are_escaped(key):
    def f(x):  # only a half-space works, and the start is at its edge
        return jnp.where(x[:, 0] < 2.0, sphere(x), jnp.inf)

    final, _ = run(build("cma_es"), f, 120, key)
    assert float(final.best_fitness) < 1e-6


@struct.dataclass(kw_only=True)
class Boxed:
    x: jnp.ndarray = tree.param(low=-1.0, high=3.0)


@pytest.mark.parametrize("name", ["cma_es", "sep_cma_es", "snes"])
def test_bounds_hold_and_an_optimum_on_them_is_found(name, key):
    strategy = build(name, Boxed(x=jnp.ones(3)))
    system = search.search(strategy, lambda key, c, context: Evals(jnp.sum((c.x - 5) ** 2, axis=1), (), c.x))
    final, out = jax.jit(rollout.rollout(system, frames=60))(key, search.Params(strategy=strategy.params))
    assert float(jnp.min(out["aux"])) >= -1
    assert float(jnp.max(out["aux"])) <= 3
    np.testing.assert_allclose(final.best.x, 3, atol=1e-2)


def test_covariance_is_decomposed_lazily_and_stays_true(key):
    strategy = strategies.cma_es(jnp.ones(40), population=8, sigma=0.5)
    final, out = run(strategy, sphere, 30, key)
    state = final.strategy
    assert int(state.decomposed) < 30
    rebuilt = (state.basis * state.scales[None] ** 2) @ state.basis.T
    np.testing.assert_allclose(rebuilt, state.covariance, atol=0.1)
    np.testing.assert_allclose(state.basis @ state.basis.T, np.eye(40), atol=1e-4)
    assert float(jnp.max(out["axis_ratio"])) > 1
