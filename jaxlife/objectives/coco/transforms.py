"""The transformations that make BBOB's functions irregular, asymmetric and ill-conditioned.

Reference: Hansen et al., "Real-Parameter Black-Box Optimization Benchmarking: Noiseless Functions Definitions", section
0.2.
"""

import jax
import jax.numpy as jnp

from jaxlife.core.types import Array, Float


def oscillate(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Applies T_osz: sign(x) exp(u + 0.049 (sin(c1 u) + sin(c2 u))) with u = ln|x|; small, smooth irregularities.

    Example:
        >>> oscillate(jnp.zeros(2)).tolist()
        [0.0, 0.0]
    """
    log = 10 * jnp.log(jnp.where(x == 0, 1, jnp.abs(x)))
    up = jnp.sin(log) + jnp.sin(0.79 * log)
    down = jnp.sin(0.55 * log) + jnp.sin(0.31 * log)
    return jnp.sign(x) * jnp.exp((log + 0.49 * jnp.where(x > 0, up, down)) / 10)


def asymmetric(x: Float[Array, "D"], beta: float) -> Float[Array, "D"]:
    """Applies T_asy^beta: x_i^(1 + beta i / (D - 1) sqrt(x_i)) where x_i > 0.

    Example:
        >>> asymmetric(jnp.array([-2.0, 1.0]), 0.5).tolist()
        [-2.0, 1.0]
    """
    positive = jnp.where(x > 0, x, 1)
    return jnp.where(x > 0, positive ** (1 + beta * ramp(x) * jnp.sqrt(positive)), x)


def condition(x: Float[Array, "D"], alpha: float) -> Float[Array, "D"]:
    """Applies Lambda^alpha: x_i alpha^(i / (2 (D - 1))).

    Example:
        >>> [round(value, 3) for value in condition(jnp.ones(3), 100.0).tolist()]
        [1.0, 3.162, 10.0]
    """
    return x * alpha ** (ramp(x) / 2)


def ramp(x: Float[Array, "D"]) -> Float[Array, "D"]:
    """Returns i / (D - 1) for i = 0 .. D - 1.

    Example:
        >>> ramp(jnp.zeros(3)).tolist()
        [0.0, 0.5, 1.0]
    """
    return jnp.arange(x.shape[0], dtype=x.dtype) / (x.shape[0] - 1)


def outside(x: Float[Array, "D"]) -> Float[Array, ""]:
    """Returns the penalty sum max(0, |x_i| - 5)^2 of leaving [-5, 5]^D.

    Example:
        >>> outside(jnp.array([6.0, 0.0, -7.0])).item()
        5.0
    """
    return jnp.sum(jnp.maximum(0, jnp.abs(x) - 5) ** 2)


def rotate(matrix: Float[Array, "D D"], x: Float[Array, "D"]) -> Float[Array, "D"]:
    """Returns matrix @ x in full precision on every device.

    Example:
        >>> rotate(jnp.eye(2), jnp.ones(2)).tolist()
        [1.0, 1.0]
    """
    return jnp.matmul(matrix, x, precision=jax.lax.Precision.HIGHEST)
