"""The strictest session JAX offers: rank promotion raises, warnings are errors, two CPU devices, typed keys only."""

import gc
import os

# Two devices, and the compiler at its quickest: tests are small, compiling them well takes longer than running them.
os.environ["XLA_FLAGS"] = " ".join(
    [
        "--xla_force_host_platform_device_count=2",
        "--xla_backend_optimization_level=0",
        "--xla_cpu_use_fusion_emitters=false",
        "--xla_cpu_parallel_codegen_split_count=1",
        os.environ.get("XLA_FLAGS", ""),
    ]
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest

# JAX keeps every traced program alive: the default collector would walk all of them again and again.
gc.set_threshold(200_000, 50, 1000)

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_legacy_prng_key", "error")


@pytest.fixture
def key() -> jax.Array:
    """One typed key."""
    return jax.random.key(0)
