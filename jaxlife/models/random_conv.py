"""`random_conv`: three random convolutions and their statistics. No training, no text; for tests and ablations.

x <- relu(conv_stride2(x)) three times;    z = unit( [mean, std over the picture of the last] - their mean )
"""

import jax
import jax.numpy as jnp

from jaxlife.core.types import Array, Embeddings, Float, Images
from jaxlife.models import encoder, pixels

IMAGE_SIZE = 64
WIDTHS = (3, 16, 32, 64)


def embed_image(weights: list[Float[Array, "3 3 c C"]], rgb: Images) -> Embeddings:
    """Embeds pictures by statistics of random filters.

    Args:
        weights: three kernels, from `load`.
        rgb: [B, H, W, 3] in [0, 1].

    Returns:
        [B, 128], unit rows.
    """
    x = jax.image.resize(rgb, (rgb.shape[0], IMAGE_SIZE, IMAGE_SIZE, 3), "linear") - 0.5
    for kernel in weights:
        x = jax.lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = jax.nn.relu(x)
    mean = x.mean((1, 2))
    std = jnp.sqrt(jnp.square(x - mean[:, None, None]).mean((1, 2)) + 1e-8)
    z = jnp.concatenate([mean, std], axis=-1)
    z -= z.mean(-1, keepdims=True)
    return z / jnp.sqrt(jnp.square(z).sum(-1, keepdims=True) + 1e-12)


def load(*, seed: int = 0) -> encoder.Encoder:
    """Draws the filters.

    Args:
        seed: of the random filters.

    Returns:
        An encoder with `image_size` 64 and 128 numbers an embedding; its `embed_text` raises.
    """
    keys = jax.random.split(jax.random.key(seed), len(WIDTHS) - 1)
    draw = jax.nn.initializers.he_normal()
    kernels = [draw(k, (3, 3, a, b)) for k, a, b in zip(keys, WIDTHS[:-1], WIDTHS[1:], strict=True)]
    return encoder.Encoder(embed_image, pixels.embed_text, kernels, IMAGE_SIZE)
