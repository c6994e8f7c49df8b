"""How crowded an individual's place is: what archives of behaviours share.

Distance is 1 - cosine of the descriptors. Whoever is asked about a set brings it into one order first (`canonical`), so
that what comes out is a function of the set: neither the order in which it was told nor the rounding of a product that
depends on the place in memory can change who lives.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Bool

from jaxlife.core.types import Array, Float


@struct.dataclass(kw_only=True)
class Archive:
    """K slots; filled ones come first.

    Attributes:
        genomes: [K, D], search coordinates.
        descriptors: [K, E].
        fitness: [K], kept for whoever reads it.
        filled: bool[K].
    """

    genomes: Float[Array, "K D"]
    descriptors: Float[Array, "K E"]
    fitness: Float[Array, "K"]
    filled: Bool[Array, "K"]


def empty(capacity: int, dim: int, descriptor_size: int, dtype: jnp.dtype) -> Archive:
    """Returns an archive of nobody.

    Example:
        >>> empty(4, 3, 2, jnp.float32).genomes.shape
        (4, 3)
    """
    return Archive(
        genomes=jnp.zeros((capacity, dim), dtype),
        descriptors=jnp.zeros((capacity, descriptor_size)),
        fitness=jnp.full(capacity, jnp.inf, jnp.float32),
        filled=jnp.zeros(capacity, bool),
    )


def join(first: Archive, second: Archive) -> Archive:
    """Puts two archives one behind the other, in canonical order.

    Example:
        >>> a, b = empty(2, 3, 2, jnp.float32), empty(3, 3, 2, jnp.float32)
        >>> jax.eval_shape(join, a, b).filled.shape
        (5,)
    """
    return canonical(jax.tree.map(lambda *leaves: jnp.concatenate(leaves), first, second))


def canonical(archive: Archive) -> Archive:
    """Sorts: the living first, then by a fixed linear form of the genome, then of the descriptor, then by fitness.

    The forms are in general position: different individuals have different values. Empty slots are wiped.

    Example:
        >>> one = empty(2, 1, 1, jnp.float32)
        >>> two = one.replace(genomes=jnp.array([[9.0], [4.0]]), filled=jnp.array([False, True]))
        >>> canonical(two).genomes.tolist()
        [[4.0], [0.0]]
    """
    keys = (archive.fitness, form(archive.descriptors), form(archive.genomes), ~archive.filled)
    order = jnp.lexsort(keys)
    ordered = jax.tree.map(lambda leaf: leaf[order], archive)
    wipe = lambda leaf, blank: jnp.where(ordered.filled[:, None], leaf, blank)  # noqa: E731
    return Archive(
        genomes=wipe(ordered.genomes, 0),
        descriptors=wipe(ordered.descriptors, 0),
        fitness=jnp.where(ordered.filled, ordered.fitness, jnp.inf),
        filled=ordered.filled,
    )


def form(x: Float[Array, "N D"]) -> Float[Array, "N"]:
    """A linear form in general position, summed in one order for every row.

    Example:
        >>> form(jnp.array([[1.0, 0.0], [0.0, 1.0]])).argsort().tolist()
        [1, 0]
    """
    weights = jnp.cos(jnp.arange(1, x.shape[1] + 1, dtype=x.dtype))
    return jnp.sum(jnp.where(jnp.isnan(x), 0, x) * weights[None], axis=1)


def distances(some: Archive, others: Archive) -> Float[Array, "M L"]:
    """Returns 1 - cosine of each of `some` to each of `others`, infinite where either slot is empty.

    Example:
        >>> pair = empty(2, 1, 2, jnp.float32).replace(descriptors=jnp.eye(2), filled=jnp.ones(2, bool))
        >>> distances(pair, pair).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    apart = 1 - _unit(some) @ _unit(others).T
    return jnp.where(some.filled[:, None] & others.filled[None], apart, jnp.inf)


def _unit(archive: Archive) -> Float[Array, "M E"]:
    lengths = jnp.linalg.norm(archive.descriptors, axis=1, keepdims=True)
    return jnp.where(archive.filled[:, None], archive.descriptors / jnp.maximum(lengths, 1e-12), 0)


def among(archive: Archive) -> Float[Array, "M M"]:
    """Returns the distances within a set; an individual is infinitely far from itself.

    Example:
        >>> pair = empty(2, 1, 2, jnp.float32).replace(descriptors=jnp.eye(2), filled=jnp.ones(2, bool))
        >>> among(pair).tolist()
        [[inf, 1.0], [1.0, inf]]
    """
    return jnp.where(jnp.eye(archive.filled.shape[0], dtype=bool), jnp.inf, distances(archive, archive))


def mean_of_nearest(distances: Float[Array, "M J"], living: Bool[Array, "M J"], k: int) -> Float[Array, "M"]:
    """Returns the mean distance to the k nearest among the living; infinite where there are fewer than k.

    Example:
        >>> mean_of_nearest(jnp.array([[1.0, 2.0, 5.0]]), jnp.array([[True, False, True]]), 2).tolist()
        [3.0]
    """
    chosen = living & (jnp.cumsum(living, axis=1) <= k)
    return jnp.sum(jnp.where(chosen, distances, 0), axis=1) / k + jnp.where(jnp.sum(chosen, axis=1) < k, jnp.inf, 0)


def thin(archive: Archive, capacity: int, neighbours: int) -> Archive:
    """Kills the most crowded, one by one, until at most `capacity` live; of equals the first in canonical order dies.

    Args:
        archive: in canonical order.
        capacity: how many slots are left.
        neighbours: k, of the mean distance that says how crowded one is.

    Example:
        >>> three = empty(3, 1, 2, jnp.float32).replace(
        ...     descriptors=jnp.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), filled=jnp.ones(3, bool))
        >>> thin(three, 2, 1).descriptors.tolist()
        [[1.0, 0.10000000149011612], [0.0, 1.0]]
    """
    rounds = max(0, archive.filled.shape[0] - capacity)
    apart = among(archive)
    # As many as may die, and k more, are enough: whoever dies, the k nearest living are among them.
    closeness, order = jax.lax.top_k(-apart, min(rounds + neighbours, apart.shape[0]))
    nearest = -closeness

    def kill(_: Array, alive: Array) -> Array:
        crowding = jnp.where(alive, mean_of_nearest(nearest, alive[order], neighbours), jnp.inf)
        victim = jnp.argmin(crowding)
        return alive.at[victim].set(alive[victim] & (jnp.sum(alive) <= capacity))

    alive = jax.lax.fori_loop(0, rounds, kill, archive.filled)
    kept = jnp.argsort(~alive, stable=True)[:capacity]
    blank = dataclasses.replace(archive, filled=alive)
    return jax.tree.map(lambda leaf: leaf[kept], blank)


def loss(archive: Archive) -> Float[Array, ""]:
    """Returns the mean over the living of the largest cosine to another of them: the illumination loss of the set.

    Example:
        >>> loss(empty(2, 1, 2, jnp.float32).replace(descriptors=jnp.eye(2), filled=jnp.ones(2, bool))).item()
        0.0
    """
    nearest = jnp.min(among(archive), axis=1)
    known = archive.filled & jnp.isfinite(nearest)
    return 1 - jnp.sum(jnp.where(known, nearest, 0)) / jnp.maximum(jnp.sum(archive.filled), 1)
