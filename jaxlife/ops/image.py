"""Pictures of any size."""

import jax

from jaxlife.core.types import Array, Float


def resize(picture: Float[Array, "H W C"], size: int | tuple[int, int] | None) -> Float[Array, "H2 W2 C"]:
    """Scales a picture: nearest neighbours when every cell becomes a whole square, antialiased linear otherwise.

    Args:
        picture: values in [0, 1].
        size: side of the square to make, or `(height, width)`; the picture as it is when None.

    Returns:
        The picture at that size, still in [0, 1].

    Raises:
        ValueError: a side below 1.

    Example:
        >>> import jax.numpy as jnp
        >>> resize(jnp.ones((4, 4, 3)), 224).shape
        (224, 224, 3)
    """
    if size is None:
        return picture
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise ValueError(f"image_size: expected sides of at least 1, got {size}")
    rows, columns, channels = picture.shape
    if (height, width) == (rows, columns):
        return picture
    whole = height % rows == 0 and width % columns == 0
    return jax.image.resize(picture, (height, width, channels), "nearest" if whole else "linear")
