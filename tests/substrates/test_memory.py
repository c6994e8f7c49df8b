"""Rollouts of populations ask for a twentieth of the original's temporary memory; programs are compiled, not run."""

import jax
import pytest

import jaxlife as jl

ORIGINAL = {"lenia": 1.45e9, "nca": 3.2e9}
"""Bytes that the original's own rollout asked for, population 16.

`benchmarks/substrates.py` compiles a scan that keeps every state beside ours, which asks for less: 267 MB for Lenia.
"""


@pytest.mark.parametrize("name", sorted(ORIGINAL))
def test_rollout_of_a_population_needs_a_twentieth_and_does_not_grow(name):
    world = getattr(jl.substrates, name)()
    one = jax.eval_shape(world.default_params, jax.random.key(0))
    params = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((16, *leaf.shape), leaf.dtype), one)
    key = jax.eval_shape(lambda: jax.random.key(0))

    def temporary(stride):
        run = jl.rollout(world, frames=8, stride=stride, observe=lambda s, p, out: world.render(s, p))
        pictures = jax.jit(jax.vmap(lambda key, params: run(key, params)[1], (None, 0)))
        return pictures.lower(key, params).compile().memory_analysis().temp_size_in_bytes

    few, many = temporary(2), temporary(32)
    assert 16 * 8 * 1e3 < many < ORIGINAL[name] / 20, f"{name}: {many / 1e6:.1f} MB"
    assert many <= few * 1.01
