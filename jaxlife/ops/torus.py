"""Geometry of the unit torus, with norms whose gradients are finite everywhere.

The torus is `[0, 1)^n` with opposite sides joined. The gradient of `|r|` does not exist at `r = 0`; here it is zero
there, so two coincident particles or a motionless boid never give NaN.
"""

import jax
import jax.numpy as jnp

from jaxlife.core.types import Array, Float


def wrap(position: Float[Array, "*B D"]) -> Float[Array, "*B D"]:
    """Brings positions back into the torus.

    x - floor(x), and 0 where rounding would give 1 (`-1e-9 % 1` is 1 in single precision).

    Args:
        position: any positions, in sides of the torus.

    Returns:
        The same points in [0, 1).

    Example:
        >>> wrap(jnp.array([1.25, -0.25, -1e-9])).tolist()
        [0.25, 0.75, 0.0]
    """
    fraction = position - jnp.floor(position)
    return jnp.where(fraction < 1, fraction, 0)


def shortest(difference: Float[Array, "*B"]) -> Float[Array, "*B"]:
    """Replaces each coordinate of a difference of positions by that of the nearest image: d - round(d), in [-1/2, 1/2].

    Args:
        difference: coordinates of x_j - x_i, in sides of the torus.

    Returns:
        The shortest way from x_i to x_j.

    Example:
        >>> shortest(jnp.array([0.75, -0.75, 0.25])).tolist()
        [-0.25, 0.25, 0.25]
    """
    return difference - jax.lax.stop_gradient(jnp.round(difference))


def norm(vector: Float[Array, "*B D"]) -> Float[Array, "*B"]:
    """Measures the length of vectors along the last axis; its gradient at the zero vector is zero.

    Example:
        >>> norm(jnp.array([3.0, 4.0])).item(), jax.grad(norm)(jnp.zeros(2)).tolist()
        (5.0, [0.0, 0.0])
    """
    square = jnp.sum(vector**2, axis=-1)
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1)), 0)


def unit(vector: Float[Array, "*B D"]) -> Float[Array, "*B D"]:
    """Scales vectors along the last axis to length one; the zero vector stays zero, with zero gradient.

    Example:
        >>> unit(jnp.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = norm(vector)[..., None]
    return jnp.where(length > 0, vector / jnp.where(length > 0, length, 1), 0)
