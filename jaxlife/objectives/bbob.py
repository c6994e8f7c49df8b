"""BBOB: the 24 noiseless functions of COCO, with COCO's own instances, in any dimension, as pure functions."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import struct

from jaxlife.core.types import Array, Float
from jaxlife.objectives.coco import instances, multimodal, unimodal

FUNCTIONS: dict[int, Callable[[instances.Data, Float[Array, "D"]], Float[Array, ""]]] = {
    1: unimodal.sphere,
    2: unimodal.ellipsoid,
    3: unimodal.rastrigin,
    4: unimodal.bueche_rastrigin,
    5: unimodal.linear_slope,
    6: unimodal.attractive_sector,
    7: unimodal.step_ellipsoid,
    8: unimodal.rosenbrock,
    9: unimodal.rosenbrock_rotated,
    10: unimodal.ellipsoid_rotated,
    11: unimodal.discus,
    12: unimodal.bent_cigar,
    13: unimodal.sharp_ridge,
    14: unimodal.different_powers,
    15: multimodal.rastrigin_rotated,
    16: multimodal.weierstrass,
    17: multimodal.schaffers,
    18: multimodal.schaffers_conditioned,
    19: multimodal.griewank_rosenbrock,
    20: multimodal.schwefel,
    21: multimodal.gallagher,
    22: multimodal.gallagher,
    23: multimodal.katsuura,
    24: multimodal.lunacek,
}


@struct.dataclass
class Problem:
    """One instance of a function, to be minimised over [-5, 5]^D.

    A pytree: pass it to `jit`, stack instances of one function and dimension for `vmap`.

    Attributes:
        function: 1 to 24, static.
        data: the instance's random numbers, traced.
    """

    function: int = struct.field(pytree_node=False)
    data: instances.Data

    @property
    def x_opt(self) -> Float[Array, "D"]:
        """The optimum [D]."""
        return self.data.x_opt

    @property
    def f_opt(self) -> Float[Array, ""]:
        """The value at the optimum."""
        return self.data.f_opt

    def excess(self, x: Float[Array, "N D"]) -> Float[Array, "N"]:
        """Returns f(x) - f_opt without the rounding error of adding f_opt: what a precision is measured on."""
        if x.ndim != 2 or x.shape[1] != self.data.x_opt.shape[-1]:
            raise ValueError(f"x: expected shape [N, {self.data.x_opt.shape[-1]}], got {list(x.shape)}")
        return jax.vmap(FUNCTIONS[self.function], in_axes=(None, 0))(self.data, x)

    def __call__(self, x: Float[Array, "N D"]) -> Float[Array, "N"]:
        """Returns f(x) of N points."""
        return self.excess(x) + self.data.f_opt


def bbob(*, function: int, instance: int = 1, dim: int = 5) -> Problem:
    """Builds a problem of the BBOB suite, equal to COCO's to rounding.

    Args:
        function: 1 to 24.
        instance: COCO's number of the instance, which places and rotates it; any integer of at least 1.
        dim: D, at least 2.

    Returns:
        The problem: `problem(x[N, D]) -> [N]`, `problem.x_opt`, `problem.f_opt`. Float32 unless JAX's x64 mode is on.
        Float32 cannot hold the finest waves of f16, f19 and f23: they are off by up to 2, 4 and 0.2 % there, the others
        by less than 1e-4. Adding f_opt loses what is below 1e-7 |f_opt|; `problem.excess` keeps it.

    Raises:
        ValueError: a function outside 1 to 24, an instance below 1 or a dimension below 2; at a call, points of another
            dimension.

    Example:
        >>> problem = bbob(function=1, instance=1, dim=5)
        >>> round(problem(jnp.zeros((1, 5))).item(), 3), round(problem.f_opt.item(), 2)
        (92.304, 79.48)

    Reference: Hansen et al., "COCO: A Platform for Comparing Continuous Optimizers in a Black-Box Setting" (arXiv
    1603.08785); "Real-Parameter Black-Box Optimization Benchmarking: Noiseless Functions Definitions".
    """
    if function not in FUNCTIONS:
        raise ValueError(f"function: expected 1 to 24, got {function!r}")
    for name, value, least in (("instance", instance, 1), ("dim", dim, 2)):
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{name}: expected an integer of at least {least}, got {value!r}")
    dtype = jnp.result_type(float)
    fields = {name: jnp.asarray(value, dtype) for name, value in instances.draw(function, instance, dim).items()}
    return Problem(function=function, data=instances.Data(**fields))
