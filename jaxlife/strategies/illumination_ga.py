"""Illumination: a genetic algorithm that spreads an archive over the space of behaviours (ASAL, section 3.3)."""

import jax
import jax.numpy as jnp
from flax import struct

from jaxlife.core import tree
from jaxlife.core.protocol import Evals, Strategy
from jaxlife.core.types import Array, Float, Metrics, PyTree
from jaxlife.strategies import crowding
from jaxlife.strategies import space as spaces
from jaxlife.strategies.crowding import Archive as State


@struct.dataclass(kw_only=True)
class Params:
    """sigma: of a mutation. spread: of the first samples, around `mean[D]`."""

    sigma: Array = tree.param(low=1e-6, high=1e3, transform="log")
    spread: Array = tree.param(low=1e-6, high=1e3, transform="log")
    mean: Float[Array, "D"] = tree.frozen()


def illumination_ga(
    prototype: PyTree,
    *,
    population: int = 32,
    capacity: int = 1024,
    descriptor_size: int = 512,
    sigma: float = 0.1,
    spread: float = 1.0,
    neighbours: int = 2,
) -> Strategy:
    """Builds the illumination search of ASAL: what is too similar to the rest dies.

        parent uniform over the archive, child = parent + sigma N(0, I); then, one at a time, the individual dies whose
        mean distance to its k nearest living is smallest, until `capacity` are left. Distance: 1 - cosine.

    Until the archive is full the candidates are samples N(m, spread^2). A failed candidate never enters; fitness is
    kept but not looked at. The archive is a function of the set that was told, ties included: see `crowding`.

    Args:
        prototype: one solution; its coordinates are `params.mean`.
        population: N, children a generation.
        capacity: K, size of the archive.
        descriptor_size: E, length of `Evals.descriptor`, e.g. of the encoder's embedding.
        sigma: standard deviation of a mutation, in units of the search coordinates.
        spread: standard deviation of the first samples.
        neighbours: k.

    Returns:
        The strategy. Metrics: those of `space.summary`, `illumination_loss` (mean over the archive of the largest
        cosine to another individual) and `n_filled`.

    Raises:
        ValueError: sizes that are too small; at the first `tell`, descriptors of another shape than [N, E].

    Example:
        >>> ga = illumination_ga(jnp.zeros(3), population=4, capacity=8, descriptor_size=2)
        >>> state = ga.init(jax.random.key(0), ga.params)
        >>> x, state = jax.jit(ga.ask)(jax.random.key(1), state, ga.params)
        >>> state, metrics = jax.jit(ga.tell)(jax.random.key(1), state, ga.params, x, Evals(jnp.zeros(4), x[:, :2]))
        >>> int(metrics["n_filled"])
        4

    Reference: Kumar et al., "Automating the Search for Artificial Life with Foundation Models" (arXiv 2412.17799),
    section 3.3.
    """
    spaces.check_count("population", population, 1)
    spaces.check_count("neighbours", neighbours, 1)
    spaces.check_count("capacity", capacity, neighbours + 1, "the archive must hold an individual and its neighbours")
    spaces.check_count("descriptor_size", descriptor_size, 1)
    spaces.check_range("sigma", sigma, 0, jnp.inf)
    spaces.check_range("spread", spread, 0, jnp.inf)
    space = spaces.of(prototype)
    dim, dtype = space.start.size, space.start.dtype

    def init(key: jax.Array, params: Params) -> State:
        return crowding.empty(capacity, dim, descriptor_size, dtype)

    def ask(key: jax.Array, state: State, params: Params) -> tuple[PyTree, State]:
        parent_key, noise_key = jax.random.split(key)
        noise = jax.random.normal(noise_key, (population, dim), dtype)
        parents = state.genomes[jax.random.randint(parent_key, (population,), 0, capacity)]
        full = jnp.all(state.filled)
        x = jnp.where(full, parents + params.sigma * noise, params.mean[None] + params.spread * noise)
        return space.decode(x), state

    def tell(key: jax.Array, state: State, params: Params, candidates: PyTree, evals: Evals) -> tuple[State, Metrics]:
        spaces.check_descriptor(evals.descriptor, (population, descriptor_size))
        children = State(
            genomes=space.encode(candidates),
            descriptors=evals.descriptor,
            fitness=evals.fitness,
            filled=jnp.isfinite(evals.fitness) & jnp.all(jnp.isfinite(evals.descriptor), axis=1),
        )
        new = crowding.thin(crowding.join(state, children), capacity, neighbours)
        metrics = {"illumination_loss": crowding.loss(new), "n_filled": jnp.sum(new.filled)}
        return new, {**spaces.summary(evals.fitness), **metrics}

    params = Params(sigma=jnp.asarray(sigma, dtype), spread=jnp.asarray(spread, dtype), mean=space.start)
    return Strategy(init, ask, tell, params)
