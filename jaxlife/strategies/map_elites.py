"""MAP-Elites: the best solution for every kind of behaviour."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from jaxlife.core import tree
from jaxlife.core.protocol import Evals, Strategy
from jaxlife.core.types import Array, Float, Metrics, PyTree
from jaxlife.strategies import space as spaces

_MOST_CELLS = 2**20  # of a grid: beyond, not the worlds but the empty cells fill the memory


@struct.dataclass(kw_only=True)
class Params:
    """Hyper-parameters, all traced: mutation, first samples, the cells with centres[K, E] and size[E]."""

    sigma: Array = tree.param(low=1e-6, high=1e3, transform="log")
    line: Array = tree.param(low=0.0, high=1.0, transform="sigmoid")
    spread: Array = tree.param(low=1e-6, high=1e3, transform="log")
    mean: Float[Array, "D"] = tree.frozen()
    centres: Float[Array, "K E"] = tree.frozen()
    size: Float[Array, "E"] = tree.frozen()


@struct.dataclass(kw_only=True)
class State:
    """The archive: one elite a cell; fitness[K] is +inf where a cell is empty."""

    genomes: Float[Array, "K D"]
    descriptors: Float[Array, "K E"]
    fitness: Float[Array, "K"]


def map_elites(
    prototype: PyTree,
    *,
    population: int = 32,
    descriptor_size: int = 2,
    bins: int = 16,
    low: float = -1.0,
    high: float = 1.0,
    centres: Float[Array, "K E"] | None = None,
    sigma: float = 0.1,
    line: float = 0.0,
    spread: float = 1.0,
) -> Strategy:
    """Builds MAP-Elites: a cell keeps its best; parents are uniform over the filled cells.

        child = a + sigma N(0, I) + line N(0, 1) (b - a);  cell = nearest centre to the descriptor

    A descriptor outside the grid belongs to the nearest cell of its border. Of two candidates of equal fitness the one
    nearer to the centre stays, then the one with the smaller value of a fixed linear form of its genome: so the archive
    depends only on the set of candidates ever told, not on their order or how they were cut into generations.

    Args:
        prototype: one solution; the first samples are N(its coordinates, spread^2).
        population: N, children a generation.
        descriptor_size: E, length of `Evals.descriptor`.
        bins: cells along each descriptor dimension; the archive has bins^E of them.
        low: lower end of the grid, in every dimension.
        high: upper end of the grid.
        centres: [K, E], cells of your own (e.g. from k-means) instead of the grid.
        sigma: standard deviation of a mutation, in units of the search coordinates.
        line: standard deviation of the mutation along the line to a second parent.
        spread: standard deviation of the first samples.

    Returns:
        The strategy. Metrics: those of `space.summary`, `coverage` (share of filled cells) and `archive_mean` (their
        mean fitness, +inf while empty).

    Raises:
        ValueError: bad sizes or ranges, a grid of more than a million cells, or centres of another length than
            `descriptor_size`; at the first `tell`, descriptors of another shape than [N, E].

    Example:
        >>> qd = map_elites(jnp.zeros(3), population=4, bins=2)
        >>> state = qd.init(jax.random.key(0), qd.params)
        >>> x, state = jax.jit(qd.ask)(jax.random.key(1), state, qd.params)
        >>> evals = Evals(jnp.zeros(4), jnp.array([[-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.5, 0.6]]))
        >>> jax.jit(qd.tell)(jax.random.key(1), state, qd.params, x, evals)[1]["coverage"].item()
        0.75

    Reference: Mouret and Clune, "Illuminating search spaces by mapping elites" (arXiv 1504.04909); the line operator:
    Vassiliades and Mouret, "Discovering the Elite Hypervolume by Leveraging Interspecies Correlation", GECCO 2018.
    """
    spaces.check_count("population", population, 1)
    spaces.check_range("sigma", sigma, 0, jnp.inf)
    spaces.check_range("spread", spread, 0, jnp.inf)
    if not 0 <= line <= 1:
        raise ValueError(f"line: expected a number in [0, 1], got {line}")
    space = spaces.of(prototype)
    dim, dtype = space.start.size, space.start.dtype
    cells, cell_size = _cells(descriptor_size, bins, low, high, centres)

    def init(key: jax.Array, params: Params) -> State:
        n_cells = params.centres.shape[0]
        return State(
            genomes=jnp.zeros((n_cells, dim), dtype),
            descriptors=jnp.zeros_like(params.centres),
            fitness=jnp.full(n_cells, jnp.inf, jnp.float32),
        )

    def ask(key: jax.Array, state: State, params: Params) -> tuple[PyTree, State]:
        parent_key, noise_key, line_key = jax.random.split(key, 3)
        filled = state.fitness < jnp.inf
        order, n_filled = jnp.argsort(~filled, stable=True), jnp.sum(filled)
        picks = jax.random.randint(parent_key, (2, population), 0, jnp.maximum(1, n_filled))
        first, second = state.genomes[order[picks]]
        noise = jax.random.normal(noise_key, (population, dim), dtype)
        along = params.line * jax.random.normal(line_key, (population, 1), dtype)
        children = first + params.sigma * noise + along * (second - first)
        x = jnp.where(n_filled > 0, children, params.mean[None] + params.spread * noise)
        return space.decode(x), state

    def tell(key: jax.Array, state: State, params: Params, candidates: PyTree, evals: Evals) -> tuple[State, Metrics]:
        spaces.check_descriptor(evals.descriptor, (population, descriptor_size))
        new = _insert(state, params, space.encode(candidates), evals)
        filled = new.fitness < jnp.inf
        n_filled = jnp.sum(filled)
        total = jnp.sum(jnp.where(filled, new.fitness, 0))
        return new, {
            **spaces.summary(evals.fitness),
            "coverage": n_filled / filled.size,
            "archive_mean": jnp.where(n_filled > 0, total / jnp.maximum(n_filled, 1), jnp.inf),
        }

    values = {"sigma": sigma, "line": line, "spread": spread}
    params = Params(
        mean=space.start, centres=cells, size=cell_size, **{k: jnp.asarray(v, dtype) for k, v in values.items()}
    )
    return Strategy(init, ask, tell, params)


def _insert(state: State, params: Params, x: Float[Array, "N D"], evals: Evals) -> State:
    n_cells, n = state.fitness.size, x.shape[0]
    failed = ~(jnp.isfinite(evals.fitness) & jnp.all(jnp.isfinite(evals.descriptor), axis=1))
    fitness = jnp.where(failed, jnp.inf, evals.fitness).astype(state.fitness.dtype)
    offsets = (evals.descriptor[:, None] - params.centres[None]) / params.size[None, None]
    distances = jnp.sum(offsets**2, axis=-1)
    cell = jnp.where(failed, n_cells, jnp.argmin(distances, axis=1))

    # In each cell the first newcomer by (fitness, distance, form) stays, so the indices that remain are unique.
    order = jnp.lexsort((_form(x), jnp.min(distances, axis=1), fitness, cell))
    cell, x, fitness, descriptor = cell[order], x[order], fitness[order], evals.descriptor[order]
    first = jnp.concatenate([jnp.ones(1, bool), cell[1:] != cell[:-1]])
    home = jnp.minimum(cell, n_cells - 1)
    challenger = _quality(params, x, descriptor, fitness, home)
    incumbent = _quality(params, state.genomes[home], state.descriptors[home], state.fitness[home], home)
    wins = first & (cell < n_cells) & _lexicographic_less(challenger, incumbent)
    place = jnp.where(wins, cell, n_cells + jnp.arange(n))

    def put(old: Array, new: Array) -> Array:
        return old.at[place].set(new.astype(old.dtype), mode="drop", unique_indices=True)

    return State(
        genomes=put(state.genomes, x),
        descriptors=put(state.descriptors, descriptor),
        fitness=put(state.fitness, fitness),
    )


def _quality(params: Params, x: Array, descriptor: Array, fitness: Array, cell: Array) -> tuple[Array, Array, Array]:
    offset = (descriptor - params.centres[cell]) / params.size[None]
    return fitness, jnp.sum(offset**2, axis=-1), _form(x)


def _form(x: Float[Array, "N D"]) -> Float[Array, "N"]:
    """A linear form in general position: different genomes have different values."""
    return x @ jnp.cos(jnp.arange(1, x.shape[1] + 1, dtype=x.dtype))


def _lexicographic_less(a: tuple[Array, ...], b: tuple[Array, ...]) -> Array:
    less, equal = jnp.zeros(a[0].shape, bool), jnp.ones(a[0].shape, bool)
    for u, v in zip(a, b, strict=True):
        less, equal = less | (equal & (u < v)), equal & (u == v)
    return less


def _cells(
    descriptor_size: int, bins: int, low: float, high: float, centres: Float[Array, "K E"] | None
) -> tuple[Float[Array, "K E"], Float[Array, "E"]]:
    spaces.check_count("descriptor_size", descriptor_size, 1)
    if centres is not None:
        centres = jnp.asarray(centres)
        if centres.ndim != 2 or centres.shape[1] != descriptor_size:
            raise ValueError(f"centres: expected shape [K, {descriptor_size}], got {list(centres.shape)}")
        return centres, jnp.ones(descriptor_size, centres.dtype)
    spaces.check_count("bins", bins, 1)
    if not low < high:
        raise ValueError(f"grid: expected low < high, got [{low}, {high}]")
    if descriptor_size * math.log2(bins) > math.log2(_MOST_CELLS):
        raise ValueError(
            f"bins: expected a grid of at most {_MOST_CELLS:,} cells, got {bins}^{descriptor_size}; "
            "give centres= of your own, e.g. descriptors that were seen, or lower bins"
        )
    width = (high - low) / bins
    axis = low + width * (np.arange(bins) + 0.5)
    grid = np.array(list(itertools.product(axis, repeat=descriptor_size)))
    return jnp.asarray(grid, jnp.float32), jnp.full(descriptor_size, width, jnp.float32)
