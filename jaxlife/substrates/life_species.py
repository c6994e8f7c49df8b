"""Several Life rules in one world: every living cell carries the rule of its species and hands it to its children."""

import jax
import jax.numpy as jnp
from flax import struct

from jaxlife.core import tree
from jaxlife.core.protocol import Substrate
from jaxlife.core.types import Array, Image, PyTree, Shaped
from jaxlife.ops import image, stencil
from jaxlife.substrates.life import dense, world
from jaxlife.substrates.life.rules import life_rule

_FIRST = ("B3/S23", "B36/S23", "B3678/S34678", "B3/S12345", "B368/S245", "B1357/S1357", "B2/S", "B36/S125")


@struct.dataclass(kw_only=True)
class State:
    """Who lives where.

    Attributes:
        cells: int32[H, W], 0 dead, s + 1 a living cell of species s.
        walls: bool[H, W], cells that stay dead and count as dead.
    """

    cells: Array
    walls: Array


@struct.dataclass(kw_only=True)
class Params:
    """rules: int32[S], the 18-bit rule of each species."""

    rules: Array = tree.param(transform="bits", bits=18)


def life_species(
    *,
    height: int = 64,
    width: int = 64,
    species: int = 4,
    density: tuple[float, float] = (0.05, 0.4),
    wall_density: float = 0.0,
    image_size: int | None = None,
) -> Substrate:
    """Builds a torus where Life rules compete for space.

    A living cell survives by the rule of its own species. A dead cell takes the species of a living neighbour, drawn
    at random in each step, and is born if that species' rule says so. Both count all living neighbours alike. A cell
    without living neighbours stays dead, so B0 is not read.

    Args:
        height: rows.
        width: columns.
        species: how many rules.
        density: range of the uniform distribution that the initial density is drawn from.
        wall_density: share of cells that are walls.
        image_size: side of the picture; one pixel a cell when None.

    Returns:
        A Substrate with `State` and `Params` of this module. `encode` takes int[H, W] (0 dead, s + 1 species s) and
        builds no walls; `decode` gives them back. Species have colours of their own, walls are grey.

    Raises:
        ValueError: a size, density or count out of range.

    Example:
        >>> world = life_species(height=8, width=8, species=2)
        >>> blinker = world.encode(jnp.zeros((8, 8), int).at[2, 1:4].set(1))
        >>> conway = Params(rules=jnp.array([6152, 6152]))
        >>> world.step(jax.random.key(0), blinker, conway, None)[0].cells[:4, 2].tolist()
        [0, 1, 1, 1]
    """
    world.check_arguments(height, width, 1, density)
    if species < 1:
        raise ValueError(f"species: expected at least 1, got {species}")
    if not 0 <= wall_density <= 1:
        raise ValueError(f"wall_density: expected 0 to 1, got {wall_density}")

    def encode(cells: Shaped[Array, "H W"]) -> State:
        cells = jnp.asarray(cells)
        if cells.shape != (height, width):
            raise ValueError(f"cells: expected shape {(height, width)}, got {cells.shape}")
        return State(cells=cells.astype(jnp.int32), walls=jnp.zeros((height, width), bool))

    def init(key: jax.Array, params: Params) -> State:
        cell_key, species_key, wall_key = jax.random.split(key, 3)
        walls = jax.random.bernoulli(wall_key, wall_density, (height, width))
        alive = world.soup(cell_key, height, width, density) & ~walls
        kinds = jax.random.randint(species_key, (height, width), 1, species + 1)
        return State(cells=jnp.where(alive, kinds, 0), walls=walls)

    def step(key: jax.Array, state: State, params: Params, x: PyTree) -> tuple[State, dict[str, Array]]:
        del x
        alive = state.cells > 0
        kind = jnp.where(alive, state.cells, parent(key, state.cells))
        rule = params.rules[jnp.maximum(kind - 1, 0)]
        lives = dense.advance(alive, rule) & (kind > 0) & ~state.walls
        return State(cells=jnp.where(lives, kind, 0), walls=state.walls), {}

    def render(state: State, params: Params) -> Image:
        hues = jnp.arange(species) / species
        phase = hues[:, None] + jnp.array([[0.0, 1 / 3, 2 / 3]])
        colours = jnp.concatenate([jnp.zeros((1, 3)), 0.55 + 0.45 * jnp.cos(2 * jnp.pi * phase)])
        picture = jnp.where(state.walls[..., None], 0.35, colours[state.cells])
        return image.resize(jnp.clip(picture, 0.0, 1.0), image_size)

    def default_params(key: jax.Array) -> Params:
        rules = [life_rule(_FIRST[i % len(_FIRST)]) for i in range(species)]
        return Params(rules=jnp.array(rules, jnp.int32))

    return Substrate(init, step, render, default_params, encode, lambda state: state.cells)


def parent(key: jax.Array, cells: Shaped[Array, "H W"]) -> Shaped[Array, "H W"]:
    """Draws one living neighbour of every cell, each with the same chance.

    Neighbours are met in turn; the n-th living one replaces the one kept with chance 1 / n.

    Args:
        key: a typed key.
        cells: 0 dead, otherwise alive.

    Returns:
        The value of the neighbour drawn; 0 where none lives.
    """
    height, width = cells.shape
    padded = stencil.wrap_pad(cells)
    kept, seen = jnp.zeros_like(cells), jnp.zeros_like(cells)
    luck = jax.random.uniform(key, (8, height, width))
    moves = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    for draw, (i, j) in zip(luck, moves, strict=True):
        neighbour = padded[i : i + height, j : j + width]
        seen = seen + (neighbour > 0)
        kept = jnp.where((neighbour > 0) & (draw * seen < 1), neighbour, kept)
    return kept
