"""Depthwise convolution: both ways give the same numbers and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife.models import depthwise


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [(8, 8), (7, 10), (1, 3)])
def test_shifted_slices_equal_the_grouped_convolution(key, kernel, stride, size):
    k1, k2 = jax.random.split(key)
    x, w = jax.random.normal(k1, (2, *size, 6)), jax.random.normal(k2, (kernel, kernel, 6))
    np.testing.assert_allclose(depthwise.shifted(x, w, stride), depthwise.grouped(x, w, stride), atol=1e-5)
    np.testing.assert_allclose(depthwise.depthwise(x, w, stride), depthwise.grouped(x, w, stride), atol=1e-5)


def test_gradients_agree(key):
    k1, k2 = jax.random.split(key)
    x, w = jax.random.normal(k1, (1, 6, 6, 2)), jax.random.normal(k2, (3, 3, 2))
    slow, fast = (
        jax.grad(lambda x, f=f: jnp.square(f(x, w, 2)).sum())(x) for f in (depthwise.grouped, depthwise.depthwise)
    )
    np.testing.assert_allclose(fast, slow, atol=1e-4)


def test_the_platform_decides():
    x, w = jnp.ones((1, 8, 8, 2)), jnp.ones((3, 3, 2))
    exported = {
        p: jax.export.export(jax.jit(depthwise.depthwise), platforms=[p])(x, w).mlir_module() for p in ("cpu", "cuda")
    }
    assert "stablehlo.convolution" not in exported["cpu"]
    assert "feature_group_count = 2" in exported["cuda"]
