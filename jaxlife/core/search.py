"""A search is a System: ask, evaluate, tell. So searches nest, vmap over seeds, scan, shard and checkpoint."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from jaxlife.core import population
from jaxlife.core.protocol import Evals, Strategy, System
from jaxlife.core.types import Array, PyTree


@struct.dataclass(kw_only=True)
class Params:
    """strategy: its hyper-parameters. context: whatever the evaluator reads (frozen weights, a prompt), traced."""

    strategy: Any = ()
    context: Any = ()


@struct.dataclass(kw_only=True)
class State:
    """strategy: its state. best: the best candidate so far. best_fitness: +inf before the first success."""

    strategy: Any
    best: Any
    best_fitness: Array


def search(strategy: Strategy, evaluate: Callable[..., Evals]) -> System:
    """Composes what proposes with what evaluates; one step is one generation.

    Args:
        strategy: asks for candidates and is told what became of them.
        evaluate: `(key, candidates[N, ...], context) -> Evals`, for example `population(...)`.

    Returns:
        A `System` with `Params` and `State` of this module. `out` holds `fitness[N]`, `descriptor` and `aux` of this
        generation, `best_fitness` so far, and the strategy's own metrics.

    Raises:
        ValueError: at the first step, a strategy whose metrics take one of the names above.

    Example:
        >>> guess = Strategy(
        ...     init=lambda key, params: (),
        ...     ask=lambda key, state, params: (jax.random.normal(key, (8, 2)), state),
        ...     tell=lambda key, state, params, candidates, evals: (state, {}),
        ... )
        >>> system = search(guess, lambda key, x, context: Evals(jnp.sum(x**2, axis=1)))
        >>> state = system.init(jax.random.key(0), Params())
        >>> state, out = system.step(jax.random.key(1), state, Params(), None)
        >>> bool(state.best_fitness == jnp.min(out["fitness"]))
        True
    """

    def init(key: jax.Array, params: Params) -> State:
        state = strategy.init(key, params.strategy)
        candidates, _ = jax.eval_shape(strategy.ask, key, state, params.strategy)
        blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape[1:], leaf.dtype), candidates)
        return State(strategy=state, best=blank, best_fitness=jnp.asarray(jnp.inf))

    def step(key: jax.Array, state: State, params: Params, x: PyTree) -> tuple[State, dict[str, Any]]:
        ask_key, evaluate_key, tell_key = jax.random.split(key, 3)
        candidates, inner = strategy.ask(ask_key, state.strategy, params.strategy)
        evals = population.fail_nan(evaluate(evaluate_key, candidates, params.context))
        inner, metrics = strategy.tell(tell_key, inner, params.strategy, candidates, evals)

        champion = jnp.argmin(evals.fitness)
        better = evals.fitness[champion] < state.best_fitness
        best = jax.tree.map(lambda new, old: jnp.where(better, new[champion], old), candidates, state.best)
        best_fitness = jnp.where(better, evals.fitness[champion], state.best_fitness)
        out = {"best_fitness": best_fitness, **evals._asdict()}
        if clash := sorted(out.keys() & metrics.keys()):
            raise ValueError(f"the strategy's metrics {clash} take names that belong to the search; rename them")
        return State(strategy=inner, best=best, best_fitness=best_fitness), {**out, **metrics}

    return System(init, step)
