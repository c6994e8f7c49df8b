"""Writes evotf.npz: evosax's Evolution Transformer with its released checkpoint, told of given candidates.

The candidates are mean + std * noise with the noise written down, the objective is a shifted ellipsoid: nothing depends
on a random generator. (needs evosax==0.3.2)
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms import EvoTF_ES

GENERATIONS = 30
LONG = 110
POPULATION, DIM = 8, 4


def objective(x):
    scales = 10.0 ** np.linspace(0, 2, DIM)
    return jnp.sum(scales[None] * (x - np.linspace(-1, 1, DIM)[None]) ** 2, axis=1)


def main():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((LONG, POPULATION, DIM)).astype(np.float32)
    start = rng.uniform(-2, 2, DIM).astype(np.float32)
    strategy = EvoTF_ES(population_size=POPULATION, solution=jnp.zeros(DIM))
    params = strategy.default_params.replace(std_init=0.5)
    state = strategy.init(jax.random.key(0), jnp.asarray(start), params)
    tell = jax.jit(strategy.tell)
    means, stds, members, fitness = [state.mean], [state.std], [], []
    for z in noise:
        x = state.mean[None] + state.std[None] * z
        f = objective(x)
        state, _ = tell(jax.random.key(1), x, f, state, params)
        members.append(x), fitness.append(f), means.append(state.mean), stds.append(state.std)
    target = pathlib.Path(__file__).with_name("evotf.npz")
    found = {"x": members, "fitness": fitness, "mean": means, "std": stds}
    np.savez_compressed(target, **{name: np.asarray(value, np.float32) for name, value in found.items()})
    print(f"{target}: {target.stat().st_size} bytes; best {min(float(f.min()) for f in fitness):.3g}")


if __name__ == "__main__":
    main()
