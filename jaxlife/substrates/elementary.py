"""Elementary cellular automata: Wolfram's 256 rules on a ring, 32 cells a word."""

import jax
import jax.numpy as jnp
from flax import struct

from jaxlife.core import tree
from jaxlife.core.protocol import Substrate
from jaxlife.core.types import Array, Image, Int, PyTree, Shaped
from jaxlife.ops import bits, image
from jaxlife.substrates.rule import rule_of


@struct.dataclass(kw_only=True)
class State:
    """The ring and what it was.

    Attributes:
        row: uint32[ceil(W / 32)], cell i in bit i mod 32 of word i // 32.
        history: uint32[H, ceil(W / 32)], the last H rows, a circular buffer.
        time: int32[], generations made.
    """

    row: Array
    history: Array
    time: Array


@struct.dataclass(kw_only=True)
class Params:
    """rule: Wolfram's number, 8 bits, searched bit by bit; the bare integer is taken too."""

    rule: Array = tree.param(transform="bits", bits=8)


def elementary(
    *, width: int = 64, height: int = 64, density: tuple[float, float] = (0.05, 0.4), image_size: int | None = None
) -> Substrate:
    """Builds a ring of cells that see their two neighbours.

    next = bit (4 left + 2 self + right) of the rule.

    Args:
        width: cells on the ring, any number from 3.
        height: generations that the picture shows, the newest at the bottom.
        density: range of the uniform distribution that the initial density is drawn from.
        image_size: side of the picture; one pixel a cell when None.

    Returns:
        A Substrate with `State` and `Params` of this module. `encode` takes bool[W], `decode` gives it back.

    Raises:
        ValueError: a size or density out of range.

    Example:
        >>> world = elementary(width=9)
        >>> state = world.encode(jnp.arange(9) == 4)
        >>> state, _ = world.step(jax.random.key(0), state, 30, None)
        >>> world.decode(state).astype(int).tolist()
        [0, 0, 0, 1, 1, 1, 0, 0, 0]

    Reference:
        Wolfram, Statistical mechanics of cellular automata (1983).
    """
    if width < 3 or height < 1:
        raise ValueError(f"size: expected width of at least 3 and height of at least 1, got {width} and {height}")
    if not 0 <= density[0] <= density[1] <= 1:
        raise ValueError(f"density: expected 0 <= low <= high <= 1, got {density}")
    n_words = -(-width // bits.WORD)
    spare = n_words * bits.WORD - width

    def encode(cells: Shaped[Array, "W"]) -> State:
        cells = jnp.asarray(cells)
        if cells.shape != (width,):
            raise ValueError(f"cells: expected shape {(width,)}, got {cells.shape}")
        padded = jnp.concatenate([cells.astype(bool), jnp.zeros((spare,), bool)])
        row = bits.pack(padded.reshape(n_words, bits.WORD).T)
        history = jnp.zeros((height, n_words), jnp.uint32).at[0].set(row)
        return State(row=row, history=history, time=jnp.zeros((), jnp.int32))

    def decode(state: State) -> Shaped[Array, "W"]:
        return _cells(state.row)[:width]

    def init(key: jax.Array, params: Params) -> State:
        density_key, cell_key = jax.random.split(key)
        chance = jax.random.uniform(density_key, (), minval=density[0], maxval=density[1])
        return encode(jax.random.bernoulli(cell_key, chance, (width,)))

    def step(key: jax.Array, state: State, params: Params, x: PyTree) -> tuple[State, dict[str, Array]]:
        del key, x
        row = advance(state.row, rule_of(params), width)
        time = state.time + 1
        return State(row=row, history=state.history.at[time % height].set(row), time=time), {}

    def render(state: State, params: Params) -> Image:
        first = jnp.where(state.time < height, 0, state.time + 1)
        rows = jax.vmap(_cells)(jnp.roll(state.history, -(first % height), axis=0))[:, :width]
        return image.resize(jnp.broadcast_to(rows[..., None], (height, width, 3)).astype(jnp.float32), image_size)

    return Substrate(init, step, render, lambda key: Params(rule=jnp.int32(110)), encode, decode)


def advance(row: Shaped[Array, "words"], rule: Int[Array, ""], width: int) -> Shaped[Array, "words"]:
    """Makes one generation of a packed ring.

    Args:
        row: uint32 words; bits beyond `width` are zero.
        rule: Wolfram's number.
        width: cells on the ring.

    Returns:
        The next row.
    """
    last = width - (row.shape[0] - 1) * bits.WORD  # cells in the last word
    before = jnp.roll(row, 1) >> 31
    left = (row << 1) | before.at[0].set((row[-1] >> (last - 1)) & 1)
    after = (jnp.roll(row, -1) & 1) << 31
    right = (row >> 1) | after.at[-1].set((row[0] & 1) << (last - 1))

    table = [bits.spread(rule >> i)[None] for i in range(8)]
    by_right = [bits.select(right, table[i + 1], table[i]) for i in range(0, 8, 2)]
    by_self = [bits.select(row, by_right[i + 1], by_right[i]) for i in (0, 2)]
    following = bits.select(left, by_self[1], by_self[0])
    return following.at[-1].set(following[-1] & jnp.uint32(0xFFFFFFFF >> (bits.WORD - last)))


def _cells(row: Array) -> Array:
    return bits.unpack(row).T.reshape(-1)
