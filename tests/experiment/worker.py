"""A run in a process of its own, to be killed: `python worker.py WORKDIR STEPS [--wide]`.

The state is large enough, and the checkpoints frequent enough, that most of the time goes into writing them.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp

from jaxlife import experiment
from jaxlife.core.protocol import System


def walk(size: int) -> System:
    """A chaotic map with noise: one lost, doubled or reordered step changes every bit that follows."""

    def init(key: jax.Array, params: jax.Array) -> dict[str, jax.Array]:
        return {"x": jax.random.uniform(key, (size,)), "key": key, "count": jnp.int32(0)}

    def step(key: jax.Array, state: dict, params: jax.Array, x: None) -> tuple[dict, dict]:
        x = params * state["x"] * (1 - state["x"])
        x = jnp.clip(x + 1e-3 * jax.random.normal(key, x.shape), 0.0, 1.0)
        return {"x": x, "key": key, "count": state["count"] + 1}, {"mean": x.mean(), "first": x[:2]}

    return System(init, step)


if __name__ == "__main__":
    workdir, steps = Path(sys.argv[1]), int(sys.argv[2])
    experiment.run(
        walk(200_000 if "--wide" in sys.argv else 2_000),
        jnp.float32(3.9),
        jax.random.key(1),
        steps=steps,
        workdir=workdir,
        config={"r": 3.9},
        chunk=3,
        checkpoint_every=4,
        keep=2,
    )
