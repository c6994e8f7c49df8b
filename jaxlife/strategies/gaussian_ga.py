"""A genetic algorithm with Gaussian mutation, uniform crossover and truncation selection."""

import jax
import jax.numpy as jnp
from flax import struct

from jaxlife.core import tree
from jaxlife.core.protocol import Evals, Strategy
from jaxlife.core.types import Array, Float, Metrics, PyTree
from jaxlife.strategies import space as spaces


@struct.dataclass(kw_only=True)
class Params:
    """Hyper-parameters, all traced; `mean[D]` is the first ancestor of all."""

    sigma: Array = tree.param(low=1e-6, high=1e3, transform="log")
    sigma_decay: Array = tree.param(low=0.9, high=1.0, transform="sigmoid")
    crossover: Array = tree.param(low=0.0, high=0.5, transform="sigmoid")
    mean: Float[Array, "D"] = tree.frozen()


@struct.dataclass(kw_only=True)
class State:
    """The parents, best first: genomes[M, D] and fitness[M] (+inf: not yet evaluated); the present sigma[]."""

    genomes: Float[Array, "M D"]
    fitness: Float[Array, "M"]
    sigma: Array


def gaussian_ga(
    prototype: PyTree,
    *,
    population: int = 16,
    elites: int = 4,
    sigma: float = 0.1,
    sigma_decay: float = 1.0,
    crossover: float = 0.0,
) -> Strategy:
    """Builds a (mu + lambda) genetic algorithm: the best of parents and children become parents.

        child = mix(parent_a, parent_b) + sigma N(0, I), parents uniform among the elites

    A child that is as good as a parent takes its place, so the search drifts over plateaus.

    Args:
        prototype: one solution; the first generation are its mutants.
        population: N, children a generation.
        elites: M, how many parents.
        sigma: standard deviation of a mutation, in units of the search coordinates.
        sigma_decay: factor on sigma after each generation.
        crossover: probability that a coordinate comes from the second parent, at most 1/2; 0 is mutation alone.

    Returns:
        The strategy; its metrics are those of `space.summary` and `sigma`.

    Raises:
        ValueError: a population or number of elites below 1, a sigma or decay that is not positive, crossover outside
            [0, 1/2].

    Example:
        >>> ga = gaussian_ga(jnp.ones(3), population=8)
        >>> state = ga.init(jax.random.key(0), ga.params)
        >>> ga.ask(jax.random.key(1), state, ga.params)[0].shape
        (8, 3)

    Reference: Such et al., "Deep Neuroevolution" (arXiv 1712.06567), algorithm 1.
    """
    spaces.check_count("population", population, 1)
    spaces.check_count("elites", elites, 1)
    spaces.check_range("sigma", sigma, 0, jnp.inf)
    spaces.check_range("sigma_decay", sigma_decay, 0, 1)
    if not 0 <= crossover <= 0.5:
        raise ValueError(f"crossover: expected a probability in [0, 0.5], got {crossover}")
    space = spaces.of(prototype)
    dim, dtype = space.start.size, space.start.dtype

    def init(key: jax.Array, params: Params) -> State:
        genomes = jnp.broadcast_to(params.mean[None], (elites, dim))
        return State(genomes=genomes, fitness=jnp.full(elites, jnp.inf, jnp.float32), sigma=params.sigma)

    def ask(key: jax.Array, state: State, params: Params) -> tuple[PyTree, State]:
        parent_key, mix_key, noise_key = jax.random.split(key, 3)
        n_parents = jnp.maximum(1, jnp.sum(state.fitness < jnp.inf))
        first, second = state.genomes[jax.random.randint(parent_key, (2, population), 0, n_parents)]
        mixed = jnp.where(jax.random.uniform(mix_key, (population, dim)) < params.crossover, second, first)
        return space.decode(mixed + state.sigma * jax.random.normal(noise_key, (population, dim), dtype)), state

    def tell(key: jax.Array, state: State, params: Params, candidates: PyTree, evals: Evals) -> tuple[State, Metrics]:
        fitness = jnp.where(jnp.isnan(evals.fitness), jnp.inf, evals.fitness).astype(state.fitness.dtype)
        everybody = jnp.concatenate([fitness, state.fitness])  # children first: the stable sort lets them win ties
        best = jnp.argsort(everybody, stable=True)[:elites]
        genomes = jnp.concatenate([space.encode(candidates), state.genomes])[best]
        known = everybody[best] < jnp.inf
        new = State(
            genomes=jnp.where(known[:, None], genomes, params.mean[None]),
            fitness=everybody[best],
            sigma=state.sigma * params.sigma_decay,
        )
        new = spaces.unless_all_failed(fitness, new, state)
        return new, {**spaces.summary(evals.fitness), "sigma": new.sigma}

    def distribution(state: State, params: Params) -> tuple[Array, Array]:
        alive = (state.fitness < jnp.inf) | (jnp.arange(elites) == 0)  # before the first success the ancestor alone
        share = (alive / jnp.sum(alive)).astype(dtype)
        mean = share @ state.genomes
        return mean, jnp.sqrt(share @ (state.genomes - mean[None]) ** 2 + state.sigma**2)

    values = {"sigma": sigma, "sigma_decay": sigma_decay, "crossover": crossover}
    params = Params(mean=space.start, **{name: jnp.asarray(value, dtype) for name, value in values.items()})
    return Strategy(init, ask, tell, params, distribution)
