"""Novelty search: what is unlike everything seen before has children (Lehman and Stanley 2011)."""

import jax
import jax.numpy as jnp
from flax import struct

from jaxlife.core import tree
from jaxlife.core.protocol import Evals, Strategy
from jaxlife.core.types import Array, Float, Metrics, PyTree
from jaxlife.strategies import crowding
from jaxlife.strategies import space as spaces


@struct.dataclass(kw_only=True)
class Params:
    """sigma: of a mutation. spread: of the first samples, around `mean[D]`."""

    sigma: Array = tree.param(low=1e-6, high=1e3, transform="log")
    spread: Array = tree.param(low=1e-6, high=1e3, transform="log")
    mean: Float[Array, "D"] = tree.frozen()


@struct.dataclass(kw_only=True)
class State:
    """The parents, the most novel first, and the archive of what novelty is measured against."""

    parents: crowding.Archive
    archive: crowding.Archive


def novelty_search(
    prototype: PyTree,
    *,
    population: int = 32,
    capacity: int = 1024,
    descriptor_size: int = 512,
    sigma: float = 0.1,
    spread: float = 1.0,
    neighbours: int = 15,
    added: int | None = None,
) -> Strategy:
    """Builds novelty search with an archive of fixed size.

        novelty(i) = mean distance of i to its k nearest in archive + parents + children
        parents <- the N most novel of parents + children;   child = parent + sigma N(0, I)
        archive <- archive + the m most novel children;      where it overflows, the most crowded leave one by one

    Distance: 1 - cosine. Until N parents live, the candidates are samples N(m, spread^2). A failed candidate never
    enters; fitness is kept but not looked at. A parent that the archive holds too meets itself there once. Both sets
    are functions of the sets told, ties included: see `crowding`.

    Args:
        prototype: one solution; its coordinates are `params.mean`.
        population: N, parents and children of a generation.
        capacity: K, size of the archive.
        descriptor_size: E, length of `Evals.descriptor`, e.g. of the encoder's embedding.
        sigma: standard deviation of a mutation, in units of the search coordinates.
        spread: standard deviation of the first samples.
        neighbours: k.
        added: m, children that enter the archive in a generation; a quarter of the population when None.

    Returns:
        The strategy. Metrics: those of `space.summary`, `novelty` (mean of parents and children), and of the archive
        `illumination_loss` and `n_filled`.

    Raises:
        ValueError: sizes that are too small, or more children added than there are; at the first `tell`, descriptors of
            another shape than [N, E].

    Example:
        >>> search = novelty_search(jnp.zeros(3), population=4, capacity=8, descriptor_size=2, neighbours=2)
        >>> state = search.init(jax.random.key(0), search.params)
        >>> search.ask(jax.random.key(1), state, search.params)[0].shape
        (4, 3)

    Reference: Lehman and Stanley, "Abandoning objectives: evolution through the search for novelty alone", Evolutionary
    Computation 2011; adding the most novel: Gomes, Mariano, Christensen, "Devising effective novelty search
    algorithms", GECCO 2015.
    """
    added = max(1, population // 4) if added is None else added
    _check(population, capacity, descriptor_size, neighbours, added)
    spaces.check_range("sigma", sigma, 0, jnp.inf)
    spaces.check_range("spread", spread, 0, jnp.inf)
    space = spaces.of(prototype)
    dim, dtype = space.start.size, space.start.dtype

    def init(key: jax.Array, params: Params) -> State:
        return State(
            parents=crowding.empty(population, dim, descriptor_size, dtype),
            archive=crowding.empty(capacity, dim, descriptor_size, dtype),
        )

    def ask(key: jax.Array, state: State, params: Params) -> tuple[PyTree, State]:
        noise = jax.random.normal(key, (population, dim), dtype)
        mutants = state.parents.genomes + params.sigma * noise
        x = jnp.where(jnp.all(state.parents.filled), mutants, params.mean[None] + params.spread * noise)
        return space.decode(x), state

    def tell(key: jax.Array, state: State, params: Params, candidates: PyTree, evals: Evals) -> tuple[State, Metrics]:
        spaces.check_descriptor(evals.descriptor, (population, descriptor_size))
        children = crowding.canonical(
            crowding.Archive(
                genomes=space.encode(candidates),
                descriptors=evals.descriptor,
                fitness=evals.fitness,
                filled=jnp.isfinite(evals.fitness) & jnp.all(jnp.isfinite(evals.descriptor), axis=1),
            )
        )
        family = crowding.join(state.parents, children)
        novelty = _novelty(family, crowding.distances(family, state.archive), neighbours)
        others = crowding.join(state.parents, state.archive)
        newcomers = _first(children, -_novelty(children, crowding.distances(children, others), neighbours), added)
        parents = _first(family, -novelty, population)
        archive = crowding.thin(crowding.join(state.archive, newcomers), capacity, neighbours)
        metrics = {
            "novelty": jnp.sum(jnp.where(family.filled, novelty, 0)) / jnp.maximum(jnp.sum(family.filled), 1),
            "illumination_loss": crowding.loss(archive),
            "n_filled": jnp.sum(archive.filled),
        }
        return State(parents=parents, archive=archive), {**spaces.summary(evals.fitness), **metrics}

    params = Params(sigma=jnp.asarray(sigma, dtype), spread=jnp.asarray(spread, dtype), mean=space.start)
    return Strategy(init, ask, tell, params)


def _novelty(some: crowding.Archive, to_others: Float[Array, "N L"], k: int) -> Float[Array, "N"]:
    """Mean distance to the k nearest, among themselves and the others; to those there are, where there are fewer."""
    apart = jnp.concatenate([crowding.among(some), to_others], axis=1)
    nearest = -jax.lax.top_k(-apart, min(k, apart.shape[1]))[0]
    known = jnp.isfinite(nearest)
    mean = jnp.sum(jnp.where(known, nearest, 0), axis=1) / jnp.maximum(jnp.sum(known, axis=1), 1)
    return jnp.where(some.filled, mean, -jnp.inf)


def _first(some: crowding.Archive, key: Float[Array, "N"], count: int) -> crowding.Archive:
    """The `count` with the smallest key; of equals the earlier, and `some` is in canonical order."""
    chosen = jnp.argsort(key, stable=True)[:count]
    return jax.tree.map(lambda leaf: leaf[chosen], some)


def _check(population: int, capacity: int, descriptor_size: int, neighbours: int, added: int) -> None:
    spaces.check_count("population", population, 1)
    spaces.check_count("neighbours", neighbours, 1)
    spaces.check_count("capacity", capacity, neighbours + 1, "the archive must hold an individual and its neighbours")
    spaces.check_count("descriptor_size", descriptor_size, 1)
    spaces.check_count("added", added, 1)
    if added > population:
        raise ValueError(f"added: expected at most population={population} children to enter the archive, got {added}")
