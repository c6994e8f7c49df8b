"""Sums over neighbours without a capacity: sorted cells whose crowding only costs time.

As in `cells`, agents are sorted by cell, receivers taken in blocks of that order, and what a block may see lies in
three runs of it. Here each run is cut into windows of fixed width, all windows of all blocks make one list of work, and
a loop goes through the list, as long as it is: a clump makes the list longer, nobody is left out. What `rows` returns
must be a sum over senders. The loop's length is data, which reverse mode cannot follow: derivatives are those of
`neighbours.dense`, N^2 pairs.
"""

import jax
import jax.numpy as jnp

from jaxlife.core.types import Array, Float, Int, PyTree
from jaxlife.ops import neighbours
from jaxlife.ops.neighbours import Rows

_PAIRS = 1 << 17  # of receivers and senders at a time


def add_up(
    rows: Rows, agents: PyTree, position: Float[Array, "N 2"], side: int, *, block: int = 32, window: int = 64
) -> Float[Array, "N D"]:
    """Sums what all agents within one cell of its own do to each agent.

    Args:
        rows: see `neighbours`; called with `present: bool[M]`, additive over senders, [B, D].
        agents: pytree with leading axis N, what receivers and senders are; nothing else that is differentiated may be
            inside `rows`.
        position: in [0, 1).
        side: G, cells along a side, each at least as wide as the reach of `rows`; at least 3.
        block: receivers at a time.
        window: senders at a time.

    Raises:
        ValueError: fewer than three cells along a side.

    Example:
        >>> rows = lambda a, b, present: ((neighbours.gap(a, b)[2] < 0.01) & present[None]).sum(1, keepdims=True) * 1.0
        >>> place = jnp.array([[0.0, 0.99], [0.0, 0.01], [0.5, 0.5]])
        >>> add_up(rows, place, place, 4, block=2, window=2)[:, 0].tolist()
        [2.0, 2.0, 1.0]
    """
    if side < 3:
        raise ValueError(f"side: expected at least 3 cells along a side, got {side}; use neighbours.dense")

    @jax.custom_jvp
    def summed(agents: PyTree, position: Float[Array, "N 2"]) -> Float[Array, "N D"]:
        return _listed(rows, agents, position, side, block, window)

    @summed.defjvp
    def _derivative(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
        def all_pairs(agents: PyTree) -> Float[Array, "N D"]:
            return neighbours.dense(rows, agents)

        return summed(*primals), jax.jvp(all_pairs, primals[:1], tangents[:1])[1]

    return summed(agents, position)


def _listed(
    rows: Rows, agents: PyTree, position: Float[Array, "N 2"], side: int, block: int, window: int
) -> Float[Array, "N D"]:
    n = position.shape[0]
    at = jnp.clip(jnp.floor(position * side).astype(jnp.int32), 0, side - 1)
    cell = at[:, 0] * side + at[:, 1]
    order = jnp.argsort(cell)
    start = jnp.cumulative_sum(jnp.bincount(cell, length=side * side), include_initial=True).astype(jnp.int32)
    row_start = start[::side]
    first_block = jnp.cumulative_sum(-(-jnp.diff(row_start) // block), include_initial=True)
    agents, column = jax.tree.map(lambda leaf: leaf[order], (agents, at[:, 1]))

    blocks = jnp.arange(n // block + side)  # each row may leave one block unfilled
    row = jnp.minimum(jnp.searchsorted(first_block, blocks, side="right") - 1, side - 1)
    begin = row_start[row] + (blocks - first_block[row]) * block
    inside = jnp.clip(begin[:, None] + jnp.arange(block)[None], 0, (row_start[row + 1] - 1)[:, None])
    inside = jnp.maximum(inside, 0)
    base, offset, held, length = _runs(row, column[inside[:, 0]], column[inside[:, -1]], start, side)
    held = jnp.where(blocks[:, None] < first_block[-1], held, 0)
    base, offset, held, length = (leaf.reshape(-1) for leaf in (base, offset, held, length))
    first_item = jnp.cumulative_sum(-(-held // window), include_initial=True)

    def see(item: Int[Array, ""]) -> tuple[Int[Array, ""], Float[Array, "B D"]]:
        run = jnp.clip(jnp.searchsorted(first_item, item, side="right") - 1, 0, held.size - 1)
        along = (item - first_item[run]) * window + jnp.arange(window)
        present = (along < held[run]) & (item < first_item[-1])
        beyond = offset[run] + along
        sender = base[run] + jnp.where(beyond < length[run], beyond, beyond - length[run])
        own = jax.tree.map(lambda leaf: leaf[inside[run // 3]], agents)
        seen = jax.tree.map(lambda leaf: leaf[jnp.clip(sender, 0, n - 1)], agents)
        return run // 3, rows(own, seen, present)

    at_once = max(1, _PAIRS // (block * window))

    def body(turn: Int[Array, ""], total: Float[Array, "K B D"]) -> Float[Array, "K B D"]:
        which, found = jax.vmap(see)(turn * at_once + jnp.arange(at_once))
        return total.at[which].add(found)

    kind = jax.eval_shape(see, jax.ShapeDtypeStruct((), jnp.int32))[1]
    total = jnp.zeros((blocks.size, *kind.shape), kind.dtype)
    total = jax.lax.fori_loop(0, -(-first_item[-1] // at_once), body, total)
    place = jnp.zeros(n, jnp.int32).at[order].set(jnp.arange(n, dtype=jnp.int32), unique_indices=True)
    beyond = place - row_start[at[:, 0]]
    return total[first_block[at[:, 0]] + beyond // block, beyond % block]


def _runs(
    row: Int[Array, "K"], first: Int[Array, "K"], last: Int[Array, "K"], start: Int[Array, "G2"], side: int
) -> tuple[Int[Array, "K 3"], Int[Array, "K 3"], Int[Array, "K 3"], Int[Array, "K 3"]]:
    """Says where the rows of a block's runs begin, where in them the runs do, how many they hold, how long rows are."""
    rows = (row[:, None] + jnp.arange(-1, 2)[None]) % side
    begin = start[rows * side]
    length = start[(rows + 1) * side] - begin
    left, right = ((first - 1) % side)[:, None], ((last + 1) % side)[:, None]
    whole = (last - first + 3 >= side)[:, None]
    held = start[rows * side + right + 1] - start[rows * side + left]
    held = jnp.where(whole, length, jnp.where(right >= left, held, held + length))
    return begin, start[rows * side + left] - begin, held, length
