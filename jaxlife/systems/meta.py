"""A search of searches: an outer strategy looks for the hyper-parameters of an inner one, on problems as data."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxlife.core import search as searches
from jaxlife.core.population import population
from jaxlife.core.protocol import Assembly, Evals, Strategy
from jaxlife.core.types import Array, Float, PyTree
from jaxlife.objectives import Suite, evaluate_problem

FLOOR = 1e-8
SPREAD = 4.0


def scores(inner: Strategy, *, generations: int) -> Callable[..., Float[Array, "K"]]:
    """Returns what judges hyper-parameters: log10 of the best f - f_opt on each problem, from a random start.

    Args:
        inner: a strategy over vectors, whose params have `mean`.
        generations: of each search.

    Returns:
        `(key, params, suite) -> [K]`, the values floored at 1e-8; the same key gives the same starts and draws.
    """
    system = searches.search(inner, evaluate_problem)

    def of(key: jax.Array, params: Any, suite: Suite) -> Array:
        def one(key: jax.Array, problem: Suite) -> Array:
            start_key, init_key, run_key = jax.random.split(key, 3)
            mean = jax.random.uniform(start_key, params.mean.shape, minval=-SPREAD, maxval=SPREAD)
            own = searches.Params(strategy=params.replace(mean=mean), context=problem)

            def step(state: PyTree, key: jax.Array) -> tuple[PyTree, None]:
                return system.step(key, state, own, None)[0], None

            keys = jax.random.split(run_key, generations)
            final = jax.lax.scan(step, system.init(init_key, own), keys)[0]
            return jnp.log10(jnp.maximum(final.best_fitness, FLOOR))

        return jax.vmap(one)(jax.random.split(key, suite.branch.shape[0]), suite)

    return of


def meta(
    outer: Callable[[PyTree], Strategy], inner: Strategy, suite: Suite, *, names: Sequence[str], generations: int
) -> Assembly:
    """Builds the search for the hyper-parameters of `inner`.

    Args:
        outer: makes the outer strategy from a prototype: {name: log of the inner default}.
        inner: the strategy whose hyper-parameters are searched for.
        suite: problems to be good at, each counted alike.
        names: which fields of `inner.params`, positive; they are searched for in logarithms.
        generations: of each inner search.

    Returns:
        The search; `params.context` is the suite. Fitness is the mean over problems of log10 of the best value; every
        candidate of a generation has the same starts and draws.

    Raises:
        ValueError: a name that the params lack, or none.

    Example:
        >>> from jaxlife import objectives, strategies
        >>> suite = objectives.bbob_suite(functions=(1,), instances=(1, 2), dim=2)
        >>> inner = strategies.snes(jnp.zeros(2), population=4)
        >>> one = meta(lambda x: strategies.snes(x, population=3), inner, suite, names=("lr_mean",), generations=2)
        >>> jax.eval_shape(one.init, jax.random.key(0), one.params).best
        {'lr_mean': ShapeDtypeStruct(shape=(), dtype=float32)}
    """
    for name in names:
        if not hasattr(inner.params, name):
            raise ValueError(f"names: expected fields of {type(inner.params).__name__}, got {name!r}")
    if not names:
        raise ValueError("names: expected at least one hyper-parameter to search for, got none")
    judge = scores(inner, generations=generations)

    def evaluate_one(key: jax.Array, logs: dict[str, Array], suite: Suite) -> Evals:
        return Evals(jnp.mean(judge(key, hyper(inner, logs), suite)))

    strategy = outer({name: jnp.log(getattr(inner.params, name)) for name in names})
    system = searches.search(strategy, population(evaluate_one, common_keys=True))
    params = searches.Params(strategy=strategy.params, context=suite)

    def observe(state: searches.State, params: searches.Params, out: dict[str, Array]) -> dict[str, Array]:
        return {"best_fitness": state.best_fitness, "generation_best": jnp.min(out["fitness"])}

    return Assembly(system.init, system.step, params, observe)


def hyper(inner: Strategy, logs: dict[str, Array]) -> Any:
    """Returns the inner strategy's params with those that were searched for, from their logarithms.

    Example:
        >>> from jaxlife import strategies
        >>> hyper(strategies.snes(jnp.zeros(2)), {"lr_mean": jnp.log(0.5)}).lr_mean.round(2).item()
        0.5
    """
    return inner.params.replace(**{name: jnp.exp(value) for name, value in logs.items()})
