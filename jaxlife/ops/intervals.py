"""Means with their uncertainty, for what is reported."""

from typing import NamedTuple

import numpy as np
from scipy import special

from jaxlife.core.types import Array, Float


class Interval(NamedTuple):
    """A mean, and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


def mean_interval(samples: Float[Array, "S"] | Float[np.ndarray, "S"], level: float = 0.95) -> Interval:
    """Computes Student's interval of the mean: mean +- t_{S-1} s / sqrt(S).

    Args:
        samples: at least two independent measurements.
        level: coverage, in (0, 1).

    Returns:
        The mean and both ends, on the host.

    Raises:
        ValueError: fewer than two samples, or a level outside (0, 1).

    Example:
        >>> [round(v, 3) for v in mean_interval(np.array([1.0, 2.0, 3.0]))]
        [2.0, -0.484, 4.484]

    Reference: Student, "The probable error of a mean", Biometrika 1908.
    """
    values = np.asarray(samples, np.float64)
    if values.ndim != 1 or values.size < 2:
        raise ValueError(f"samples: expected at least two numbers in one row, got shape {values.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level: expected a share in (0, 1), got {level}")
    mean, error = values.mean(), values.std(ddof=1) / np.sqrt(values.size)
    reach = special.stdtrit(values.size - 1, (1 + level) / 2) * error
    return Interval(float(mean), float(mean - reach), float(mean + reach))
