"""Life-like cellular automata: all 262,144 rules of the outer-totalistic Moore neighbourhood, the rule as data."""

import jax
import jax.numpy as jnp
from flax import struct

from jaxlife.core.protocol import Substrate
from jaxlife.core.types import Array, Image, Int, PyTree, Shaped
from jaxlife.ops import bits, image
from jaxlife.substrates.life import dense, packed
from jaxlife.substrates.life.rules import Params
from jaxlife.substrates.rule import rule_of

CONWAY = 6152
LAYOUTS = ("packed", "dense")


@struct.dataclass(kw_only=True)
class State:
    """The cells and what empty space has become.

    Attributes:
        grid: uint32[H / 32, W], 32 rows a word (layout "packed"), or bool[H, W] (layout "dense").
        vacuum: bool[], the state of a cell infinitely far from any pattern; it alternates under rules with B0.
    """

    grid: Array
    vacuum: Array


def life(
    *,
    height: int = 64,
    width: int = 64,
    layout: str | None = None,
    generations: int = 1,
    density: tuple[float, float] = (0.05, 0.4),
    strobe: bool = False,
    image_size: int | None = None,
) -> Substrate:
    """Builds a torus of Life whose rule is data: changing it does not recompile, `vmap` takes one for each universe.

    A cell with n living neighbours lives next when bit n (if dead) or bit 9 + n (if alive) of the rule is set. Params
    are the rule, int32[] (see `life_rule`), or `Params(rule=...)`, which says how it is searched.

    Under a rule with B0 empty space lights up, and without S8 it strobes. Cells always follow the rule to the letter;
    the picture shows them relative to the vacuum (`cells XOR vacuum`), so that it does not strobe and frames may be
    taken at odd and even generations alike. This is the two-phase emulation of such rules, done where it is seen.

    Args:
        height: rows; a multiple of 32 for the layout "packed".
        width: columns.
        layout: "packed" (32 cells a word), "dense" (one a bool, the reference), or None: packed when the height allows.
        generations: generations a step makes. With many (64), a large board is stepped in tiles that stay
            in the cache.
        density: range of the uniform distribution that the initial density is drawn from.
        strobe: show the cells themselves, also under rules with B0.
        image_size: side of the picture; one pixel a cell when None.

    Returns:
        A Substrate with `State` of this module, white on black. `encode` takes bool[H, W], `decode` gives it back;
        `x` is not used and `out` is empty.

    Raises:
        ValueError: unknown layout, or a size, density or count out of range.

    Example:
        >>> world = life(height=32, width=8)
        >>> state = world.encode(jnp.zeros((32, 8), bool).at[2, 1:4].set(True))
        >>> state, _ = world.step(jax.random.key(0), state, jnp.int32(6152), None)
        >>> world.decode(state)[:5, 2].tolist()
        [False, True, True, True, False]

    Reference:
        Kumar et al., Automating the search for artificial life with foundation models (2024), appendix A.4.
    """
    check_arguments(height, width, generations, density)
    if layout is None:
        layout = "dense" if height % bits.WORD else "packed"
    if layout not in LAYOUTS:
        raise ValueError(f"layout: expected one of {LAYOUTS} or None, got {layout!r}")
    if layout == "packed" and height % bits.WORD:
        raise ValueError(f"height: the packed layout expects a multiple of 32, got {height}; use layout='dense'")
    is_packed = layout == "packed"

    def encode(cells: Shaped[Array, "H W"]) -> State:
        cells = jnp.asarray(cells)
        if cells.shape != (height, width):
            raise ValueError(f"cells: expected shape {(height, width)}, got {cells.shape}")
        cells = cells.astype(bool)
        return State(grid=packed.pack(cells) if is_packed else cells, vacuum=jnp.zeros((), bool))

    def decode(state: State) -> Shaped[Array, "H W"]:
        return packed.unpack(state.grid) if is_packed else state.grid

    def init(key: jax.Array, params: Params | Int[Array, ""]) -> State:
        del params
        return encode(soup(key, height, width, density))

    def step(
        key: jax.Array, state: State, params: Params | Int[Array, ""], x: PyTree
    ) -> tuple[State, dict[str, Array]]:
        del key, x
        rule, vacuum = rule_of(params), state.vacuum
        for _ in range(generations % 2 or 2):  # the vacuum's orbit is over after two generations
            vacuum = next_vacuum(vacuum, rule)
        if is_packed and generations > 1:
            grid = packed.advance_many(state.grid, rule, generations)
        else:
            advance = packed.advance if is_packed else dense.advance
            grid = jax.lax.fori_loop(0, generations, lambda _, grid: advance(grid, rule), state.grid)
        return State(grid=grid, vacuum=vacuum), {}

    def render(state: State, params: Params | Int[Array, ""]) -> Image:
        cells = decode(state)
        shown = cells if strobe else cells ^ state.vacuum[None, None]
        return image.resize(black_and_white(shown), image_size)

    return Substrate(init, step, render, lambda key: Params(rule=jnp.int32(CONWAY)), encode, decode)


def next_vacuum(vacuum: Shaped[Array, "..."], rule: Int[Array, "..."]) -> Shaped[Array, "..."]:
    """Returns what empty space becomes: born on 0 where it was dead, surviving on 8 where it was alive."""
    return jnp.where(vacuum, (rule >> 17) & 1, rule & 1).astype(bool)


def soup(key: jax.Array, height: int, width: int, density: tuple[float, float]) -> Shaped[Array, "H W"]:
    """Draws cells at random, with a density drawn first."""
    density_key, cell_key = jax.random.split(key)
    chance = jax.random.uniform(density_key, (), minval=density[0], maxval=density[1])
    return jax.random.bernoulli(cell_key, chance, (height, width))


def black_and_white(cells: Shaped[Array, "H W"]) -> Image:
    """Paints living cells white on black."""
    return jnp.broadcast_to(cells[..., None], (*cells.shape, 3)).astype(jnp.float32)


def check_arguments(height: int, width: int, generations: int, density: tuple[float, float]) -> None:
    """Refuses sizes below 3, no generations, and densities outside [0, 1]."""
    if min(height, width) < 3:
        raise ValueError(f"size: expected at least 3 x 3 cells, got {height} x {width}")
    if generations < 1:
        raise ValueError(f"generations: expected at least 1, got {generations}")
    if not 0 <= density[0] <= density[1] <= 1:
        raise ValueError(f"density: expected 0 <= low <= high <= 1, got {density}")
