"""BBOB's box as a prototype, for strategies that need bounds: a uniform random search, EvoLLM with a fixed frame."""

import jax
from flax import struct

from jaxlife.core import tree
from jaxlife.core.protocol import Evals
from jaxlife.core.types import Array, Float
from jaxlife.objectives.bbob import Problem, Suite, evaluate_problem


@struct.dataclass(kw_only=True)
class Point:
    """A point of [-5, 5]^D; candidates outside of it are clipped to it."""

    x: Float[Array, "D"] = tree.param(low=-5.0, high=5.0)


def evaluate_point(key: jax.Array, points: Point, problem: Problem | Suite) -> Evals:
    """Evaluates points on the problem that a search carries as its context: fitness is f - f_opt.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxlife.objectives import bbob
        >>> evaluate_point(jax.random.key(0), Point(x=jnp.zeros((3, 5))), bbob(function=1)).fitness.shape
        (3,)
    """
    return evaluate_problem(key, points.x, problem)
