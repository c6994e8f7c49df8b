"""Sorted cells: the neighbour engine for many agents, whose work grows as N and not as N^2.

The unit torus is cut into G x G square cells no smaller than the reach. Agents are sorted by cell, so those of a row of
cells lie together. Receivers are taken in blocks of that order, a row's blocks after another; what a block may see
lies in three runs of the order, one in its own row of cells and one in each row beside it, from the column before its
first to the column after its last. A run has a fixed capacity; what lies beyond it is counted, never forgotten in
silence.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxlife.core.types import Array, Float, Int, PyTree
from jaxlife.ops import neighbours, windows
from jaxlife.ops.neighbours import Pair, Rows

MANY = 20_000
"""Agents above which "auto" takes cells, whose capacity may overflow; up to here the exact engines are as fast."""

ENGINES = ("auto", "dense", "cells", "windows")

_SEVERAL = 2_000  # agents from which windows beat all pairs

Engine = Callable[[Rows, PyTree, Float[Array, "N 2"]], tuple[PyTree, Int[Array, ""]]]

_FEW = 8.0  # agents in a cell on average; fewer, and runs are mostly margin
_PAIRS = 1 << 17  # of receivers and senders at a time


class Plan(NamedTuple):
    """How space is cut.

    Attributes:
        side: G, cells along a side.
        block: receivers at a time.
        capacity: senders in a run.
    """

    side: int
    block: int
    capacity: int


def plan(n: int, reach: float, crowding: float = 1.0) -> Plan:
    """Chooses cells, blocks and the capacity of runs for N agents that see as far as `reach`.

    Where agents are spread at random, with m in a cell, a run holds B + 3m of them; its capacity is that many and six
    standard deviations, times `crowding`.

    Args:
        n: how many agents.
        reach: how far they see, in sides of the torus.
        crowding: how much denser than on average it may get; work grows in proportion.

    Raises:
        ValueError: a crowding below 1.

    Example:
        >>> plan(100_000, 0.01)
        Plan(side=100, block=16, capacity=94)
    """
    if crowding < 1:
        raise ValueError(f"crowding: expected at least 1, got {crowding}")
    side = max(1, min(int(1 / reach), int(math.sqrt(n / _FEW))))
    share = n / side**2
    block = min(64, 16 * math.ceil(share / 16))
    run = block + 4 * share
    return Plan(side, block, min(n, math.ceil(crowding * (run + 5 * math.sqrt(run)))))


def engine(n: int, reach: float, *, name: str = "auto", crowding: float = 2.0, pair: Pair | None = None) -> Engine:
    """Chooses who looks after the neighbours of N agents that see as far as `reach`.

    Args:
        n: how many agents.
        reach: how far they see, in sides of the torus.
        name: "dense" (all pairs, exact whatever happens), "windows" (sorted cells, exact whatever happens, slower in a
            crowd), "cells" (sorted cells, exact while nothing overflows), or "auto": with at least five cells along a
            side, cells above `MANY` agents and windows from 2,000 to there, if there is a `pair`; dense otherwise.
        crowding: for cells, how much denser than on average it may get; see `plan`.
        pair: what windows need: `rows` is `neighbours.rows_of(pair)` then, and agents are (position, rest).

    Returns:
        `(rows, agents, position) -> (what rows returns for all N, int32 overflow)`; see `neighbours` and `sparse`.

    Raises:
        ValueError: unknown name, cells or windows for a reach above 1/3 or so few agents that a side has less than
            three, windows for what is not a sum, or a crowding below 1.

    Example:
        >>> found, overflow = engine(3, 0.1)(lambda a, b, present: a[:, 0] * 2, jnp.ones((3, 2)), jnp.ones((3, 2)))
        >>> found.tolist(), overflow.item()
        ([2.0, 2.0, 2.0], 0)
    """
    cut = plan(n, reach, crowding)
    if name not in ENGINES:
        raise ValueError(f"engine: expected one of {ENGINES}, got {name!r}")
    if name == "windows" and pair is None:
        raise ValueError("engine: 'windows' needs a sum over neighbours, which this world does not take; take 'cells'")
    if name in ("cells", "windows") and cut.side < 3:
        raise ValueError(
            f"engine: {name!r} needs at least three along a side, got {cut.side} for {n} agents that see {reach} far; "
            "take 'dense', a shorter range or more agents"
        )
    if name == "cells" or (name == "auto" and n > MANY and cut.side >= 5):
        return lambda rows, agents, position: sparse(rows, agents, position, cut)
    if pair is not None and (name == "windows" or (name == "auto" and n >= _SEVERAL and cut.side >= 5)):
        return lambda rows, agents, position: (
            windows.add_up(pair, agents[1], position, cut.side),
            jnp.zeros((), jnp.int32),
        )
    return lambda rows, agents, position: (neighbours.dense(rows, agents), jnp.zeros((), jnp.int32))


def sparse(rows: Rows, agents: PyTree, position: Float[Array, "N 2"], cut: Plan) -> tuple[PyTree, Int[Array, ""]]:
    """Shows every agent all those within one cell of its own.

    Args:
        rows: see `neighbours`; called with `present: bool[M]`.
        agents: pytree with leading axis N, what receivers and senders are.
        position: in [0, 1).
        cut: from `plan`, for the reach of `rows` and with at least three cells along a side.

    Returns:
        What `rows` returns, for all N, and how many senders did not fit into a run, summed over runs: where that is
        zero nobody was left out.

    Raises:
        ValueError: fewer than three cells along a side, where runs would meet around the torus.

    Example:
        >>> from jaxlife.ops import neighbours
        >>> count = lambda a, b, present: ((neighbours.gap(a, b)[2] < 0.01) & present[None]).sum(1)
        >>> place = jnp.array([[0.0, 0.99], [0.0, 0.01], [0.5, 0.5]])
        >>> [leaf.tolist() for leaf in sparse(count, place, place, Plan(side=4, block=2, capacity=3))]
        [[2, 2, 1], 0]
    """
    side, block, _ = cut
    if side < 3:
        raise ValueError(f"side: expected at least 3 cells along a side, got {side}; use neighbours.dense")
    n = position.shape[0]
    at = jnp.clip(jnp.floor(position * side).astype(jnp.int32), 0, side - 1)
    cell = at[:, 0] * side + at[:, 1]
    order = jnp.argsort(cell)
    start = jnp.cumulative_sum(jnp.bincount(cell, length=side * side), include_initial=True).astype(jnp.int32)
    row_start = start[::side]
    blocks = -(-jnp.diff(row_start) // block)
    first_block = jnp.cumulative_sum(blocks, include_initial=True)
    agents, column = jax.tree.map(lambda leaf: leaf[order], (agents, at[:, 1]))

    def see(index: Int[Array, ""]) -> tuple[PyTree, Int[Array, ""]]:
        row = jnp.minimum(jnp.searchsorted(first_block, index, side="right") - 1, side - 1)
        begin = row_start[row] + (index - first_block[row]) * block
        inside = jnp.clip(begin + jnp.arange(block), 0, row_start[row + 1] - 1)
        senders, present, missed = _runs(row, column[inside[0]], column[inside[-1]], start, cut)
        own, seen = (jax.tree.map(lambda leaf, at=at: leaf[at], agents) for at in (inside, senders))
        return rows(own, seen, present), jnp.where(index < first_block[-1], missed, 0)

    at_once = max(1, _PAIRS // (block * 3 * cut.capacity))
    most = n // block + side  # each row may leave one block unfilled
    batches = jnp.arange(-(-most // at_once) * at_once).reshape(-1, at_once)
    found, missed = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), jax.lax.map(jax.vmap(see), batches))

    place = jnp.zeros(n, jnp.int32).at[order].set(jnp.arange(n, dtype=jnp.int32), unique_indices=True)
    beyond = place - row_start[at[:, 0]]
    where = (first_block[at[:, 0]] + beyond // block, beyond % block)
    return jax.tree.map(lambda leaf: leaf[where], found), jnp.sum(missed, dtype=jnp.int32)


def _runs(
    row: Int[Array, ""], first: Int[Array, ""], last: Int[Array, ""], start: Int[Array, "G2"], cut: Plan
) -> tuple[Int[Array, "M"], Array, Int[Array, ""]]:
    """Lists whom a block in columns `first` to `last` sees: places in sorted order, which are agents, how many missed.

    Runs are cyclic within their row: the column before the first is the last.
    """
    side, _, capacity = cut
    rows = (row + jnp.arange(-1, 2)) % side
    begin, end = start[rows * side], start[(rows + 1) * side]
    length = end - begin
    left, right = (first - 1) % side, (last + 1) % side
    whole = last - first + 3 >= side
    held = start[rows * side + right + 1] - start[rows * side + left]
    held = jnp.where(whole, length, jnp.where(right >= left, held, held + length))
    run = (start[rows * side + left] - begin)[:, None] + jnp.arange(capacity)[None]
    places = begin[:, None] + jnp.where(run < length[:, None], run, run - length[:, None])
    present = jnp.arange(capacity)[None] < held[:, None]
    missed = jnp.maximum(held - capacity, 0).sum()
    return jnp.clip(places, 0, start[-1] - 1).reshape(-1), present.reshape(-1), missed
