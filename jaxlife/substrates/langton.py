"""Langton's ant and its relatives: a walker that turns by the colour it stands on, and repaints it."""

import jax
import jax.numpy as jnp
from flax import struct

from jaxlife.core import tree
from jaxlife.core.protocol import Substrate
from jaxlife.core.types import Array, Image, PyTree, Shaped
from jaxlife.ops import image
from jaxlife.substrates.rule import rule_of


@struct.dataclass(kw_only=True)
class State:
    """The board and its ant.

    Attributes:
        cells: uint8[H, W], colours; 0 is white.
        position: int32[2], row and column of the ant.
        heading: int32[], 0 up, 1 right, 2 down, 3 left.
    """

    cells: Array
    position: Array
    heading: Array


@struct.dataclass(kw_only=True)
class Params:
    """rule: 16 bits; on colour c the ant turns right if bit c is set, else left. The bare integer is taken too."""

    rule: Array = tree.param(transform="bits", bits=16)


def langton(
    *, height: int = 128, width: int = 128, colours: int = 2, moves: int = 1, image_size: int | None = None
) -> Substrate:
    """Builds the world.

    On colour c the ant turns right if bit c of the rule is set, else left; it paints the cell (c + 1) mod `colours` and
    walks one cell ahead. Rule 1 with two colours is Langton's "RL"; "LLRR" is 12 with four.

    Args:
        height: rows of the torus.
        width: columns.
        colours: how many, 2 to 16.
        moves: moves of the ant in a step.
        image_size: side of the picture; one pixel a cell when None.

    Returns:
        A Substrate with `State` and `Params` of this module. A first board is white, with the ant anywhere; `encode`
        takes colours uint8[H, W] and puts the ant in the middle, facing up; `decode` gives the colours. Colour 0 is
        shown white, the last one black, the ant red.

    Raises:
        ValueError: a size or count out of range.

    Example:
        >>> world = langton(height=5, width=5)
        >>> state, _ = world.step(jax.random.key(0), world.encode(jnp.zeros((5, 5))), 1, None)
        >>> state.position.tolist(), state.heading.item(), state.cells[2, 2].item()
        ([2, 3], 1, 1)

    Reference:
        Langton, Studying artificial life with cellular automata (1986), section 5.
    """
    if min(height, width) < 3:
        raise ValueError(f"size: expected at least 3 x 3 cells, got {height} x {width}")
    if not 2 <= colours <= 16:
        raise ValueError(f"colours: expected 2 to 16, got {colours}")
    if moves < 1:
        raise ValueError(f"moves: expected at least 1, got {moves}")
    size = jnp.array([height, width])
    ahead = jnp.array([[-1, 0], [0, 1], [1, 0], [0, -1]])

    def encode(cells: Shaped[Array, "H W"]) -> State:
        cells = jnp.asarray(cells)
        if cells.shape != (height, width):
            raise ValueError(f"cells: expected shape {(height, width)}, got {cells.shape}")
        middle = jnp.array([height // 2, width // 2], jnp.int32)
        return State(cells=cells.astype(jnp.uint8), position=middle, heading=jnp.zeros((), jnp.int32))

    def init(key: jax.Array, params: Params) -> State:
        place_key, heading_key = jax.random.split(key)
        position = jax.random.randint(place_key, (2,), 0, size)
        heading = jax.random.randint(heading_key, (), 0, 4)
        return State(cells=jnp.zeros((height, width), jnp.uint8), position=position, heading=heading)

    def step(key: jax.Array, state: State, params: Params, x: PyTree) -> tuple[State, dict[str, Array]]:
        del key, x
        rule = rule_of(params)

        def move(_: int, state: State) -> State:
            here = tuple(state.position)
            colour = state.cells[here]
            heading = (state.heading + jnp.where((rule >> colour) & 1 == 1, 1, 3)) % 4
            cells = state.cells.at[here].set((colour + 1) % colours)
            return State(cells=cells, position=(state.position + ahead[heading]) % size, heading=heading)

        return jax.lax.fori_loop(0, moves, move, state), {}

    def render(state: State, params: Params) -> Image:
        grey = 1 - state.cells / (colours - 1)
        picture = jnp.broadcast_to(grey[..., None], (height, width, 3)).astype(jnp.float32)
        return image.resize(picture.at[tuple(state.position)].set(jnp.array([1.0, 0.0, 0.0])), image_size)

    def default_params(key: jax.Array) -> Params:
        return Params(rule=jnp.int32(1))

    return Substrate(init, step, render, default_params, encode, lambda state: state.cells)
