"""Fields on a periodic grid: where their mass lies, and how to look at them."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxlife.core.types import Array, Float, Image

_EMPTY = 1e-12  # a resultant shorter than this has no direction


def centre(mass: Float[Array, "H W"]) -> Float[Array, "2"]:
    """Finds the centre of mass on a torus by circular means; finite, with finite gradients, for an empty field.

    c_y = H / (2 pi) arg sum_{y, x} A_{y, x} exp(2 pi i y / H), and likewise c_x

    Args:
        mass: the field, not negative.

    Returns:
        (row, column) in cells, in [-H/2, H/2) x [-W/2, W/2); 0 where no direction stands out.

    Example:
        >>> [round(value, 3) for value in centre(jnp.zeros((8, 8)).at[7, 3].set(1.0)).tolist()]
        [-1.0, 3.0]
    """

    def circular(profile: Float[Array, "L"]) -> Float[Array, ""]:
        angle = 2 * jnp.pi * jnp.arange(profile.size) / profile.size
        sine, cosine = jnp.sum(profile * jnp.sin(angle)), jnp.sum(profile * jnp.cos(angle))
        known = sine**2 + cosine**2 > _EMPTY
        return jnp.arctan2(jnp.where(known, sine, 0), jnp.where(known, cosine, 1)) * profile.size / (2 * jnp.pi)

    return jnp.stack([circular(mass.sum(1)), circular(mass.sum(0))])


def view(field: Float[Array, "C H W"], *, size: int) -> Float[Array, "C size size"]:
    """Cuts a square window around the centre of mass of all channels, to the nearest cell.

    Args:
        field: the channels.
        size: side of the window, at most H and W.

    Returns:
        The window; its middle cell (size // 2) holds the centre of mass.

    Example:
        >>> view(jnp.zeros((1, 8, 8)).at[0, 7, 3].set(1.0), size=4)[0, 2].tolist()
        [0.0, 0.0, 1.0, 0.0]
    """
    height, width = field.shape[-2:]
    row, column = jnp.round(jax.lax.stop_gradient(centre(field.sum(0)))).astype(jnp.int32)
    rolled = jnp.roll(field, (height // 2 - row, width // 2 - column), axis=(-2, -1))
    top, left = height // 2 - size // 2, width // 2 - size // 2
    return rolled[:, top : top + size, left : left + size]


def resize(image: Image, *, size: int, method: str = "linear") -> Image:
    """Scales a picture to a square; a smaller one is averaged, not sampled.

    Args:
        image: RGB in [0, 1].
        size: pixels a side.
        method: "linear", "nearest", or another of `jax.image.resize`.

    Example:
        >>> resize(jnp.ones((4, 4, 3)), size=6).shape
        (6, 6, 3)
    """
    if image.shape[:2] == (size, size):
        return image
    return jnp.clip(jax.image.resize(image, (size, size, 3), method=method), 0, 1)


def colour(field: Float[Array, "C H W"]) -> Image:
    """Colours channels: one through a dark-to-light palette, three as RGB, others by evenly spaced hues that add up.

    Args:
        field: values in [0, 1]; what lies outside is clipped.

    Example:
        >>> [round(value, 2) for value in colour(jnp.ones((1, 1, 1)))[0, 0].tolist()]
        [1.0, 0.98, 0.9]
    """
    channels = field.shape[0]
    field = jnp.clip(field, 0, 1)
    if channels == 1:
        return ramp(field[0])
    if channels == 3:
        return jnp.moveaxis(field, 0, -1)
    angle = 2 * np.pi * (np.arange(channels)[:, None] / channels - np.arange(3)[None] / 3)
    hues = np.clip(0.5 + 0.5 * np.cos(angle), 0, 1)
    return jnp.clip(jnp.tensordot(field, jnp.asarray(hues, field.dtype), axes=(0, 0)), 0, 1)


RAMP = (
    (0.02, 0.02, 0.07),
    (0.10, 0.16, 0.42),
    (0.08, 0.50, 0.60),
    (0.55, 0.82, 0.45),
    (1.00, 0.80, 0.25),
    (1.0, 0.98, 0.9),
)
"""Colours of `ramp`, at equal distances from 0 to 1: night blue to warm white, lightness increasing."""


def ramp(values: Float[Array, "H W"], colours: Sequence[tuple[float, float, float]] = RAMP) -> Image:
    """Maps values in [0, 1] to colours, linearly between the given ones.

    Example:
        >>> ramp(jnp.array([[0.0, 0.5]]), [(0.0, 0.0, 0.0), (1.0, 0.5, 0.0)]).tolist()
        [[[0.0, 0.0, 0.0], [0.5, 0.25, 0.0]]]
    """
    table = jnp.asarray(colours, values.dtype)
    scaled = jnp.clip(values, 0, 1) * (len(colours) - 1)
    # A sum of hat functions: no gather, and a gradient at every value.
    hats = jnp.maximum(0, 1 - jnp.abs(scaled[..., None] - jnp.arange(len(colours), dtype=values.dtype)[None, None]))
    return jnp.tensordot(hats, table, axes=1)
