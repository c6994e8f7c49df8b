"""Wireworld: electrons on wires, enough to build a computer (Silverman 1987)."""

import jax
import jax.numpy as jnp
from flax import struct

from jaxlife.core import tree
from jaxlife.core.protocol import Substrate
from jaxlife.core.types import Array, Image, PyTree, Shaped
from jaxlife.ops import image
from jaxlife.substrates.life import dense
from jaxlife.substrates.rule import rule_of

EMPTY, HEAD, TAIL, WIRE = range(4)
"""The four states; in a pattern file they are `.`, `A`, `B`, `C`."""


@struct.dataclass(kw_only=True)
class State:
    """cells: uint8[H, W]; 0 empty, 1 electron head, 2 electron tail, 3 wire."""

    cells: Array


@struct.dataclass(kw_only=True)
class Params:
    """rule: 9 bits; a wire with n heads around it lights up when bit n is set. Silverman's is 6: one head or two."""

    rule: Array = tree.param(transform="bits", bits=9)


def wireworld(
    *, height: int = 64, width: int = 64, n_wires: int = 5, electrons: float = 0.03, image_size: int | None = None
) -> Substrate:
    """Builds the world.

    head -> tail -> wire; wire -> head when bit (number of heads around) of the rule is set; empty stays empty.

    Args:
        height: rows of the torus.
        width: columns.
        n_wires: straight wires in each direction of a first state; they cross.
        electrons: chance of a cell of wire to start as a head.
        image_size: side of the picture; one pixel a cell when None.

    Returns:
        A Substrate with `State` and `Params` of this module. `encode` takes states uint8[H, W], `decode` gives them
        back: circuits come from `read_rle(text, states=4)`. Heads are blue, tails red, wires yellow.

    Raises:
        ValueError: a size or chance out of range.

    Example:
        >>> world = wireworld(height=3, width=5)
        >>> wire = jnp.full((3, 5), 0).at[1].set(jnp.array([3, 2, 1, 3, 3]))
        >>> state, _ = world.step(jax.random.key(0), world.encode(wire), 6, None)
        >>> world.decode(state)[1].tolist()
        [3, 3, 2, 1, 3]
    """
    if min(height, width) < 3:
        raise ValueError(f"size: expected at least 3 x 3 cells, got {height} x {width}")
    if n_wires < 0 or not 0 <= electrons <= 1:
        raise ValueError(f"expected n_wires >= 0 and electrons in [0, 1], got {n_wires} and {electrons}")

    def encode(cells: Shaped[Array, "H W"]) -> State:
        cells = jnp.asarray(cells)
        if cells.shape != (height, width):
            raise ValueError(f"cells: expected shape {(height, width)}, got {cells.shape}")
        return State(cells=cells.astype(jnp.uint8))

    def init(key: jax.Array, params: Params) -> State:
        row_key, column_key, head_key = jax.random.split(key, 3)
        rows = jnp.zeros((height,), bool).at[jax.random.randint(row_key, (n_wires,), 0, height)].set(True)
        columns = jnp.zeros((width,), bool).at[jax.random.randint(column_key, (n_wires,), 0, width)].set(True)
        wires = rows[:, None] | columns[None]
        heads = jax.random.bernoulli(head_key, electrons, (height, width))
        return encode(jnp.where(wires, jnp.where(heads, HEAD, WIRE), EMPTY))

    def step(key: jax.Array, state: State, params: Params, x: PyTree) -> tuple[State, dict[str, Array]]:
        del key, x
        cells = state.cells
        heads = dense.count(cells == HEAD)
        lit = (rule_of(params) >> heads) & 1
        wire = jnp.where(lit == 1, HEAD, WIRE)
        following = jnp.where(cells == WIRE, wire, jnp.where(cells == EMPTY, EMPTY, cells + 1))
        return State(cells=following.astype(jnp.uint8)), {}

    def render(state: State, params: Params) -> Image:
        palette = jnp.array([[0.0, 0.0, 0.0], [0.2, 0.5, 1.0], [1.0, 0.25, 0.1], [0.9, 0.7, 0.1]])
        return image.resize(palette[state.cells], image_size)

    return Substrate(init, step, render, lambda key: Params(rule=jnp.int32(6)), encode, lambda state: state.cells)
