"""Circular convolution of many channels with many fixed, mirror-symmetric kernels."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jaxlife.core.types import Array, Float

_MIRROR_TOLERANCE = 1e-9  # float64 rounding of a radial kernel, relative to its sum of 1


def spectra(kernels: Float[np.ndarray, "K H W"]) -> Float[np.ndarray, "K H F"]:
    """Transforms kernels centred on cell (0, 0) for `convolve`; done once, in double precision.

    A kernel that is equal to its own mirror image K(-x) = K(x) has a real spectrum: half the memory, a third of the
    products.

    Args:
        kernels: K kernels on the torus, their centre on cell (0, 0).

    Returns:
        The real spectra, F = W // 2 + 1.

    Raises:
        ValueError: a kernel differs from its mirror image.

    Example:
        >>> identity = np.zeros((1, 4, 4)); identity[0, 0, 0] = 1
        >>> spectra(identity).shape, float(spectra(identity).min())
        ((1, 4, 3), 1.0)
    """
    transformed = np.fft.rfft2(np.asarray(kernels, np.float64))
    if np.abs(transformed.imag).max() > _MIRROR_TOLERANCE:
        raise ValueError("expected kernels centred on cell (0, 0) and equal to their mirror image, got one that is not")
    return transformed.real.astype(np.float32)


def convolve(
    field: Float[Array, "C H W"], spectrum: Float[Array | np.ndarray, "K H F"], source: Sequence[int]
) -> Float[Array, "K H W"]:
    """Convolves channels with kernels on the torus.

    U_k = K_k * A_{source(k)}

    Every channel is transformed once, however many kernels read it.

    Args:
        field: the channels.
        spectrum: what `spectra` made of the kernels.
        source: for each kernel, the channel it reads.

    Returns:
        One field for each kernel.

    Example:
        >>> blur = np.zeros((1, 2, 2)); blur[0, 0] = 0.5
        >>> convolve(jnp.eye(2)[None], spectra(blur), [0]).tolist()
        [[[0.5, 0.5], [0.5, 0.5]]]
    """
    transformed = jnp.fft.rfft2(field)[np.asarray(source)]
    return jnp.fft.irfft2(transformed * spectrum.astype(field.dtype), s=field.shape[-2:])
