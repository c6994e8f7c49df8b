"""Strategies race on a control task: the same searches from the same policy, seed by seed, as one `Assembly`."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from jaxlife.core import replicate
from jaxlife.core import search as searches
from jaxlife.core.protocol import Assembly, Strategy
from jaxlife.core.types import Array, Float, Int
from jaxlife.objectives import Control


@struct.dataclass(kw_only=True)
class State:
    """What the racers did.

    Attributes:
        generation: how many are done.
        searches: racer -> state of `core.search`, leaves [S, ...].
        curves: racer -> [S, T], best mean return so far; -inf where it is yet to come.
    """

    generation: Int[Array, ""]
    searches: dict[str, Any]
    curves: dict[str, Float[Array, "S T"]]


def control_race(racers: Mapping[str, Strategy], task: Control, *, seeds: int, generations: int) -> Assembly:
    """Builds the race.

    Args:
        racers: name -> strategy over `task.prototype`.
        task: what the policies control.
        seeds: S, searches of every racer.
        generations: T, the length of the curves.

    Returns:
        The race; `observe` gives the median over seeds of the best return, by racer.

    Raises:
        ValueError: no racer, no seed or no generation.

    Example:
        >>> from jaxlife import objectives, strategies
        >>> task = objectives.Control(jnp.zeros(2), None, ())
        >>> one = control_race({"snes": strategies.snes(task.prototype)}, task, seeds=2, generations=3)
        >>> sorted(one.params)
        ['snes']
    """
    if not racers or seeds < 1 or generations < 1:
        raise ValueError(f"expected a racer, a seed and a generation, got {list(racers)}, {seeds=}, {generations=}")
    systems = {
        name: replicate.replicate(searches.search(racer, task.evaluate), seeds) for name, racer in racers.items()
    }
    params = {name: searches.Params(strategy=racer.params, context=task.context) for name, racer in racers.items()}

    def init(key: jax.Array, params: dict[str, searches.Params]) -> State:
        states = {name: system.init(key, params[name]) for name, system in systems.items()}
        curves = {name: jnp.full((seeds, generations), -jnp.inf) for name in systems}
        return State(generation=jnp.int32(0), searches=states, curves=curves)

    def step(key: jax.Array, state: State, params: dict[str, searches.Params], x: Any) -> tuple[State, dict[str, Any]]:
        states, curves = {}, {}
        for name, system in systems.items():
            states[name], _ = system.step(key, state.searches[name], params[name], None)
            best = -states[name].best_fitness
            curves[name] = state.curves[name].at[:, state.generation].set(best, mode="drop")
        return State(generation=state.generation + 1, searches=states, curves=curves), {}

    def observe(state: State, params: dict[str, searches.Params], out: Any) -> dict[str, Array]:
        return {name: -jnp.median(mine.best_fitness) for name, mine in state.searches.items()}

    return Assembly(init, step, params, observe)
