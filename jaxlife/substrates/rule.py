"""Rules as params: a bare integer, or a dataclass whose field `rule` says how its bits are searched."""

import jax.numpy as jnp

from jaxlife.core.types import Array, Int, PyTree


def rule_of(params: PyTree) -> Int[Array, "..."]:
    """Reads the rule from params: the integer itself, or the field `rule` of the world's `Params`.

    Example:
        >>> rule_of(6152).item()
        6152
    """
    return jnp.asarray(getattr(params, "rule", params), jnp.int32)
