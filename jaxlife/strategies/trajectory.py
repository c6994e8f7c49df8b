"""What an optimizer did: the one record that learned optimizers and language models are taught from."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxlife.core import population, rollout, tree
from jaxlife.core.protocol import Evals, Strategy, System
from jaxlife.core.types import Array, Float, Int, PyTree


class Task(NamedTuple):
    """Where a trajectory comes from; int32, so that tasks stack and vmap as the trajectories do. -1: not said.

    Attributes:
        function: of BBOB, 1 to 24; of another suite, what the suite says.
        instance: of the function.
        dim: D, search coordinates.
        teacher: place of the strategy in the list of teachers of whoever records.
        seed: of the run's key.
    """

    function: Int[Array, "*B"] | int = -1
    instance: Int[Array, "*B"] | int = -1
    dim: Int[Array, "*B"] | int = -1
    teacher: Int[Array, "*B"] | int = -1
    seed: Int[Array, "*B"] | int = -1


UNKNOWN = Task()
"""Nothing said of where a trajectory comes from."""


class Trajectory(NamedTuple):
    """T generations of a search, in search coordinates; recorded under `vmap`, every array has leading axes.

    Generation t drew `x[t]` from the distribution `mean[t], std[t]` and was told `f[t]`; `mean[t + 1], std[t + 1]` is
    what the strategy made of it. Where a strategy is not Gaussian along each coordinate (a genetic algorithm) these are
    the first two moments of its next candidates: see `Strategy.distribution`.

    Attributes:
        x: [T, N, D], the candidates.
        f: [T, N], their fitness; +inf where a candidate failed.
        mean: [T + 1, D].
        std: [T + 1, D].
        task: where it comes from.
    """

    x: Float[Array, "*B T N D"]
    f: Float[Array, "*B T N"]
    mean: Float[Array, "*B T+1 D"]
    std: Float[Array, "*B T+1 D"]
    task: Task = UNKNOWN


def record(strategy: Strategy, evaluate: Callable[..., Evals], generations: int) -> Callable[..., Trajectory]:
    """Returns the pure function that runs a strategy and writes down all that it did.

    The run is that of `search(strategy, evaluate)` under `rollout` with the same key, bit for bit.

    Args:
        strategy: what searches; it must have a `distribution`.
        evaluate: `(key, candidates[N, ...], context) -> Evals`, as for `search`; for a problem of BBOB
            `jaxlife.objectives.evaluate_problem`, with the problem as `context`.
        generations: T, at least 1.

    Returns:
        `run(key, params, context=(), task=Task()) -> Trajectory`: params are the strategy's, e.g.
        `strategy.params.replace(mean=start)`; vmap over keys (seeds), params (starts, step sizes) and contexts (tasks).

    Raises:
        ValueError: a strategy without a distribution, `generations` below 1.

    Example:
        >>> from jaxlife import strategies
        >>> es = strategies.snes(jnp.ones(3), population=8)
        >>> run = record(es, lambda key, x, context: Evals(jnp.sum(x**2, axis=1)), generations=5)
        >>> trajectory = run(jax.random.key(0), es.params)
        >>> trajectory.x.shape, trajectory.mean.shape, int(trajectory.task.dim)
        ((5, 8, 3), (6, 3), 3)
    """
    describe = strategy.distribution
    if describe is None:
        raise ValueError(
            "strategy: expected one with a `distribution` (our evolution strategies have it), got one without; "
            "give it one by strategy._replace(distribution=...)"
        )

    def step(key: jax.Array, state: PyTree, params: PyTree, x: PyTree) -> tuple[PyTree, dict[str, Array]]:
        strategy_params, context = params
        ask_key, evaluate_key, tell_key = jax.random.split(key, 3)  # as in core.search
        candidates, state = strategy.ask(ask_key, state, strategy_params)
        evals = population.fail_nan(evaluate(evaluate_key, candidates, context))
        state, _ = strategy.tell(tell_key, state, strategy_params, candidates, evals)
        mean, std = describe(state, strategy_params)
        return state, {"x": coordinates(candidates), "f": evals.fitness, "mean": mean, "std": std}

    system = System(lambda key, params: strategy.init(key, params[0]), step)
    run_system = rollout.rollout(system, frames=generations)

    def run(key: jax.Array, params: PyTree, context: PyTree = (), task: Task = UNKNOWN) -> Trajectory:
        init_key, _ = jax.random.split(key)  # as in core.rollout
        state = strategy.init(init_key, params)
        start = describe(state, params)
        _, seen = run_system(key, (params, context), state=state)
        mean, std = (
            jnp.concatenate([first[None], seen[name]]) for first, name in zip(start, ("mean", "std"), strict=True)
        )
        known = Task(*(jnp.asarray(value, jnp.int32) for value in task))
        known = known._replace(dim=jnp.full_like(known.dim, mean.shape[-1]))
        return Trajectory(seen["x"], seen["f"], mean, std, known)

    return run


def coordinates(candidates: PyTree) -> Float[Array, "N D"]:
    """Returns candidates with a leading axis N as search coordinates (see `jaxlife.core.tree`).

    Example:
        >>> coordinates({"a": jnp.zeros((4, 2)), "b": jnp.zeros(4)}).shape
        (4, 3)
    """
    one = jax.tree.map(lambda leaf: leaf[0], candidates)
    return jax.vmap(tree.encoder(one))(candidates)
