"""Runs in processes of their own: to be killed, or to be two that compute one search.

    python worker.py walk WORKDIR STEPS SIZE
    python worker.py sphere WORKDIR STEPS PORT PROCESS

The walk saves so often that, with a large state, most of its time goes into writing checkpoints.
"""

import sys

import jax
import jax.numpy as jnp

from jaxlife import experiment
from jaxlife.core import mesh, population, search
from jaxlife.core.protocol import Evals, Strategy, System


def walk(size: int) -> System:
    """A chaotic map with noise: one lost, doubled or reordered step changes every bit that follows."""

    def init(key: jax.Array, params: jax.Array) -> dict[str, jax.Array]:
        return {"x": jax.random.uniform(key, (size,)), "key": key, "count": jnp.int32(0)}

    def step(key: jax.Array, state: dict, params: jax.Array, x: None) -> tuple[dict, dict]:
        x = params * state["x"] * (1 - state["x"])
        x = jnp.clip(x + 1e-3 * jax.random.normal(key, x.shape), 0.0, 1.0)
        return {"x": x, "key": key, "count": state["count"] + 1}, {"mean": x.mean(), "first": x[:2]}

    return System(init, step)


def sphere(*, devices: int) -> System:
    """A random walk towards the least sum of squares, its population over several devices (0: no mesh)."""
    guess = Strategy(
        init=lambda key, params: jnp.zeros(3),
        ask=lambda key, state, params: (state[None] + jax.random.normal(key, (4, 3)), state),
        tell=lambda key, state, params, candidates, evals: (candidates[jnp.argmin(evals.fitness)], {}),
    )
    shared = mesh.make_mesh(pop=devices) if devices else None
    return search.search(guess, population.population(lambda key, x, context: Evals(jnp.sum(x**2)), mesh=shared))


def pick(state: search.State, params: search.Params, out: dict) -> dict:
    """What the sphere logs."""
    return {"best_fitness": out["best_fitness"], "fitness": out["fitness"]}


def main(kind: str, workdir: str, steps: str, *rest: str) -> None:
    """Runs one of the two."""
    options = {"steps": int(steps), "workdir": workdir, "chunk": 3, "checkpoint_every": 4, "keep": 2}
    if kind == "walk":
        system = walk(int(rest[0]))
        experiment.run(system, jnp.float32(3.9), jax.random.key(1), config={"r": 3.9}, **options)
    else:
        jax.distributed.initialize(f"localhost:{rest[0]}", 2, int(rest[1]))
        system = sphere(devices=jax.device_count())
        experiment.run(system, search.Params(), jax.random.key(1), observe=pick, **options)


if __name__ == "__main__":
    main(*sys.argv[1:])
