"""Restarts inside the graph: a strategy that has converged begins again elsewhere, with a larger population."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from jaxlife.core import tree
from jaxlife.core.protocol import Evals, Strategy
from jaxlife.core.types import Array, Float, Metrics, PyTree
from jaxlife.strategies import space as spaces


@struct.dataclass(kw_only=True)
class Params:
    """When to stop a run, and how to begin the next.

    Attributes:
        levels: hyper-parameters, leading axis R; `weights` are padded with zeros to the largest population.
        active: int32[R], the population of each level.
        tolerance: a run stops when the best values of the last generations differ by less than this.
        spread: standard deviation of new starts around the prototype, in coordinates without finite bounds.
    """

    levels: Any = tree.frozen()
    active: Array = tree.frozen()
    tolerance: Array = tree.param(low=1e-20, high=1.0, transform="log")
    spread: Array = tree.param(low=1e-6, high=1e3, transform="log")


@struct.dataclass(kw_only=True)
class State:
    """The present run, and what decides about its end.

    Attributes:
        inner: state of the present run.
        level: int32, index into `Params.levels`.
        recent: [H], best values of the last generations, newest first.
        age: int32, generations of the present run.
        restarts: int32, how often it began again.
    """

    inner: Any
    level: Array
    recent: Float[Array, "H"]
    age: Array
    restarts: Array


def restarts(
    factory: Callable[..., Strategy],
    prototype: PyTree,
    *,
    populations: Sequence[int] = (8, 16, 32, 64),
    tolerance: float = 1e-11,
    patience: int = 30,
    spread: float = 1.0,
    **hyper: Any,
) -> Strategy:
    """Builds a strategy that restarts, each time with the next population of the list (the last one for ever).

    A run ends when the best values of its last `patience` generations differ by less than `tolerance`, or when none of
    them is finite. The next starts uniformly in the box where the coordinates have finite bounds, elsewhere at
    N(prototype, spread^2).

    Shapes are those of the largest population: while a smaller one is active the candidates beyond it are copies of the
    first, and count for nothing. Evaluating them costs time but no evaluations: `n_active` says how many count.

    Args:
        factory: a strategy whose params have `weights[N]` by rank and `mean[D]`: sep_cma_es, cma_es, csa_es, snes.
        prototype: one solution; the first run starts at its coordinates.
        populations: candidates a generation, of each run in turn.
        tolerance: in units of the fitness.
        patience: H, generations.
        spread: of the new starts.
        **hyper: passed to the factory.

    Returns:
        The strategy; its metrics are those of the factory's, `restarts` and `n_active`.

    Raises:
        ValueError: no populations, a strategy without `weights` and `mean`, or ranges that are not positive.

    Example:
        >>> from jaxlife import strategies
        >>> es = restarts(strategies.cma_es, jnp.zeros(3), populations=(6, 12))
        >>> es.ask(jax.random.key(1), es.init(jax.random.key(0), es.params), es.params)[0].shape
        (12, 3)

    Reference: Auger and Hansen, "A Restart CMA Evolution Strategy With Increasing Population Size", CEC 2005.
    """
    if not populations:
        raise ValueError("populations: expected at least one, got none")
    spaces.check_count("patience", patience, 2)
    spaces.check_range("tolerance", tolerance, 0, jnp.inf)
    spaces.check_range("spread", spread, 0, jnp.inf)
    space = spaces.of(prototype)
    largest = max(populations)
    strategy = factory(prototype, population=largest, **hyper)
    levels = [_padded(factory(prototype, population=n, **hyper).params, largest) for n in populations]

    def init(key: jax.Array, params: Params) -> State:
        return State(
            inner=strategy.init(key, _level(params, 0)),
            level=jnp.zeros((), jnp.int32),
            recent=jnp.full(patience, jnp.inf, space.start.dtype),
            age=jnp.zeros((), jnp.int32),
            restarts=jnp.zeros((), jnp.int32),
        )

    def ask(key: jax.Array, state: State, params: Params) -> tuple[PyTree, State]:
        candidates, inner = strategy.ask(key, state.inner, _level(params, state.level))
        idle = jnp.arange(largest) >= params.active[state.level]
        chosen = jnp.where(idle, 0, jnp.arange(largest))
        candidates = jax.tree.map(lambda leaf: leaf[chosen], candidates)
        return candidates, dataclasses.replace(state, inner=inner)

    def tell(key: jax.Array, state: State, params: Params, candidates: PyTree, evals: Evals) -> tuple[State, Metrics]:
        tell_key, start_key, init_key = jax.random.split(key, 3)
        n_active, level = params.active[state.level], _level(params, state.level)
        fitness = jnp.where(jnp.arange(largest) < n_active, evals.fitness, jnp.inf)
        inner, metrics = strategy.tell(tell_key, state.inner, level, candidates, evals._replace(fitness=fitness))
        metrics["n_failed"] = metrics["n_failed"] - (largest - n_active)
        best = metrics["generation_best"].astype(state.recent.dtype)
        recent = jnp.concatenate([best[None], state.recent[:-1]])

        over = (state.age + 1 >= patience) & _converged(recent, params.tolerance)
        following = jnp.minimum(state.level + over, len(populations) - 1)
        start = _new_start(start_key, space, params.spread)
        fresh = strategy.init(init_key, _level(params, following).replace(mean=start))
        new = State(
            inner=jax.tree.map(lambda a, b: jnp.where(over, a, b), fresh, inner),
            level=following,
            recent=recent,
            age=jnp.where(over, 0, state.age + 1),
            restarts=state.restarts + over,
        )
        return new, {**metrics, "restarts": new.restarts, "n_active": n_active}

    def distribution(state: State, params: Params) -> tuple[Array, Array]:
        if strategy.distribution is None:
            raise ValueError("distribution: the factory's strategy has none")
        return strategy.distribution(state.inner, _level(params, state.level))

    dtype = space.start.dtype
    params = Params(
        levels=jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels),
        active=jnp.asarray(populations, jnp.int32),
        tolerance=jnp.asarray(tolerance, dtype),
        spread=jnp.asarray(spread, dtype),
    )
    return Strategy(init, ask, tell, params, distribution if strategy.distribution else None)


def _padded(params: PyTree, largest: int) -> PyTree:
    if not (hasattr(params, "weights") and hasattr(params, "mean")):
        raise ValueError(
            "factory: expected a strategy whose params have `weights` and `mean`, e.g. sep_cma_es or cma_es"
        )
    return params.replace(weights=jnp.pad(params.weights, (0, largest - params.weights.size)))


def _level(params: Params, level: int | Array) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[level], params.levels)


def _converged(recent: Float[Array, "H"], tolerance: Array) -> Array:
    finite = jnp.isfinite(recent)
    flat = jnp.max(recent) - jnp.min(recent) < tolerance  # false where some are infinite
    return (jnp.all(finite) & flat) | ~jnp.any(finite)


def _new_start(key: jax.Array, space: spaces.Space, spread: Array) -> Float[Array, "D"]:
    gauss_key, uniform_key = jax.random.split(key)
    low, high = space.bounds
    boxed = jnp.isfinite(low) & jnp.isfinite(high)
    unit = jax.random.uniform(uniform_key, space.start.shape, space.start.dtype)
    inside = jnp.where(boxed, low, 0) + jnp.where(boxed, high - low, 0) * unit
    around = space.start + spread * jax.random.normal(gauss_key, space.start.shape, space.start.dtype)
    return jnp.where(boxed, inside, around)
