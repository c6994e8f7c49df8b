"""How good an Evolution Transformer is: its divergence from teachers, and races of strategies on random problems."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxlife.core import rollout
from jaxlife.core import search as searches
from jaxlife.core.protocol import Strategy
from jaxlife.core.types import Array, Float
from jaxlife.models import evotf
from jaxlife.models.evotf import features, imitation
from jaxlife.objectives import Suite, evaluate_problem
from jaxlife.strategies.trajectory import Trajectory
from jaxlife.systems import evotf_tasks

SPREAD = 4.0
"""Races start uniformly in [-SPREAD, SPREAD]^D."""


def divergences(
    checkpoint: evotf.Checkpoint, stack: Trajectory, *, legacy: bool = False, drop: tuple[str, ...] = ()
) -> Float[Array, "M"]:
    """Returns the mean KL of each recorded search (teacher forced), over its first `checkpoint.context` generations.

    Args:
        checkpoint: the student.
        stack: M searches.
        legacy: compute features with the quirks of the released checkpoint.
        drop: groups of features that read 0.

    Raises:
        ValueError: an unknown group.
    """
    options = checkpoint.options._replace(
        legacy=legacy or checkpoint.options.legacy, drop=(*checkpoint.options.drop, *drop)
    )
    features.check(options)
    network, length = evotf.EvoTransformer(checkpoint.config), min(checkpoint.context, stack.f.shape[1])

    def one(search: Trajectory) -> Array:
        x, f, mean, std = search.x[:length], search.f[:length], search.mean[: length + 1], search.std[: length + 1]
        inputs = features.of_trajectory(x, f, mean[:-1], std[:-1], options)
        return imitation.loss(network, checkpoint.weights, inputs, mean, std)

    return jax.vmap(one)(stack)


def race(strategy: Strategy, suite: Suite, *, generations: int, sigma: float = 1.0) -> Callable[[jax.Array], Array]:
    """Returns what runs a strategy on every problem of a suite, each from a start of its own.

    Args:
        strategy: whose params have `mean` and, where it has one, `sigma`.
        suite: equally many instances of each function, as `objectives.bbob_suite` orders them.
        generations: of each search.
        sigma: first step size.

    Returns:
        `run(key) -> [F, S]`, the best f - f_opt of each function and instance; the same key gives every strategy the
        same starts.

    Example:
        >>> from jaxlife import objectives, strategies
        >>> suite = objectives.bbob_suite(functions=(1, 2), instances=(1, 2, 3), dim=2)
        >>> race(strategies.snes(jnp.zeros(2)), suite, generations=2)(jax.random.key(0)).shape
        (2, 3)
    """
    system = searches.search(strategy, evaluate_problem)
    run_one = rollout.rollout(system, frames=generations, observe=lambda state, params, out: ())
    n_functions = len(suite.functions)
    n_seeds, dim = suite.branch.shape[0] // n_functions, suite.x_opt.shape[-1]
    grid = jax.tree.map(lambda leaf: jnp.reshape(leaf, (n_functions, n_seeds, *leaf.shape[1:])), suite)

    def of_function(arguments: tuple[jax.Array, Suite]) -> Array:
        key, problems = arguments
        branch = problems.branch[0]  # one number: under vmap, only this function is computed

        def one(key: jax.Array, data: Suite) -> Array:
            start_key, run_key = jax.random.split(key)
            mean = jax.random.uniform(start_key, (dim,), minval=-SPREAD, maxval=SPREAD)
            params = searches.Params(
                strategy=evotf_tasks.start(strategy.params, mean, jnp.float32(sigma)),
                context=dataclasses.replace(data, branch=branch),
            )
            return run_one(run_key, params)[0].best_fitness

        return jax.vmap(one)(jax.random.split(key, n_seeds), problems)

    return lambda key: jax.lax.map(of_function, (jax.random.split(key, n_functions), grid))
