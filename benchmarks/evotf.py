"""How fast is Evolution Transformer's tell beside evosax's, with the same checkpoint?

python benchmarks/evotf.py [--dims 5 50] [--population 16] [--repeats 9]

Both run 30 tells in one compiled scan with the same candidates; they take turns, and the ratio is the median of the
ratios of the turns. `theirs / ours` above 1: we are faster. The floors are 15 at D = 5 and 80 at D = 50.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms import EvoTF_ES

from jaxlife import strategies
from jaxlife.core.protocol import Evals

FLOORS = {5: 15, 50: 80}
GENERATIONS = 30


def tells(dim, population):
    """Searches of `generations` tells of each, in one compiled scan; the candidates are the same all the time."""
    x = jax.random.normal(jax.random.key(0), (population, dim))
    fitness = jnp.sum(x**2, axis=1)
    ours = strategies.evotf(jnp.zeros(dim), population=population, checkpoint="released", legacy_weights=True)
    theirs = EvoTF_ES(population_size=population, solution=jnp.zeros(dim))
    params = theirs.default_params
    starts = ours.init(jax.random.key(1), ours.params), theirs.init(jax.random.key(1), jnp.zeros(dim), params)
    steps = (
        lambda state, weights: ours.tell(None, state, ours.params.replace(context=weights), x, Evals(fitness))[0],
        lambda state, weights: theirs.tell(jax.random.key(2), x, fitness, state, params.replace(params=weights))[0],
    )

    def program(start, step, weights):
        run = jax.jit(lambda s, w: jax.lax.scan(lambda s, _: (step(s, w), None), s, None, length=GENERATIONS)[0])
        return lambda: run(start, weights)

    return [program(*parts) for parts in zip(starts, steps, (ours.params.context, params.params), strict=True)]


def seconds(call):
    start = time.perf_counter()
    jax.block_until_ready(call())
    return (time.perf_counter() - start) / GENERATIONS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dims", type=int, nargs="+", default=[5, 50])
    parser.add_argument("--population", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    print("| D | N | ours ms | evosax ms | evosax / ours | floor |\n|---:|---:|---:|---:|---:|---:|")
    for dim in args.dims:
        calls = tells(dim, args.population)
        for call in calls:
            jax.block_until_ready(call())
        turns = np.array([[seconds(call) for call in calls] for _ in range(args.repeats)])
        ours, theirs = np.median(turns, axis=0) * 1e3
        ratio = np.median(turns[:, 1] / turns[:, 0])
        print(
            f"| {dim} | {args.population} | {ours:.3f} | {theirs:.2f} | {ratio:.0f} | {FLOORS.get(dim, '')} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
