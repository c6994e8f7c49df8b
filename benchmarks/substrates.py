"""How fast are the grid worlds beside ASAL's original, CAX and bgolly?  Cell updates a second.

python benchmarks/substrates.py [--asal=PATH] [--bgolly=PATH] [--repeats 5] [--board 4096] [--large 16384]

PATH is a checkout of github.com/SakanaAI/asal (needs einops), or the program bgolly of golly.sourceforge.net; CAX is
measured where it is installed (pip install cax). Each pair takes turns in one process and the ratio is the median of
the ratios of the turns, so that a busy machine hurts both: `ours / theirs` above 1, we are faster. `a core-second` is
cell updates a second of processor time, which a busy machine disturbs less.
"""

import argparse
import importlib.util
import pathlib
import statistics
import subprocess
import tempfile
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxlife import substrates
from jaxlife.core import rollout
from jaxlife.substrates import write_rle

CONWAY = substrates.life_rule("B3/S23")


class Job(NamedTuple):
    """A compiled program on its inputs, and how many cells it updates."""

    program: object
    inputs: tuple
    cells: float


def job(function, inputs, cells):
    return Job(jax.jit(function).lower(*inputs).compile(), inputs, cells)


def timed(job):
    start, processor = time.perf_counter(), time.process_time()
    jax.block_until_ready(job.program(*job.inputs))
    return job.cells / (time.perf_counter() - start), job.cells / (time.process_time() - processor)


def measure(title, ours, theirs=None, repeats=5):
    jobs = [ours] if theirs is None else [ours, theirs]
    turns = np.array([[timed(each) for each in jobs] for _ in range(repeats + 1)][1:])
    wall, processor = np.median(turns, axis=0)[0]
    line = f"{title:48} {wall:10.2e} {processor:10.2e}"
    if theirs is not None:
        line += f" {np.median(turns[:, 1, 0]):10.2e} {np.median(turns[:, 0, 0] / turns[:, 1, 0]):8.1f}"
    print(line, flush=True)


def universes(count, size, generations, layout=None):
    """Many small worlds, each under a rule of its own, which is data."""
    world = substrates.life(height=size, width=size, layout=layout, generations=generations)
    rules = jax.random.randint(jax.random.key(0), (count,), 0, 2**18)
    states = jax.vmap(world.init)(jax.random.split(jax.random.key(1), count), rules)
    step = jax.vmap(lambda state, rule: world.step(jax.random.key(2), state, rule, None)[0])
    return job(step, (states, rules), count * size**2 * generations)


def sliced(count, size, generations):
    world = substrates.life_sliced(height=size, width=size, generations=generations)
    rules = jax.random.randint(jax.random.key(0), (count // 32, 32), 0, 2**18)
    states = jax.vmap(world.init)(jax.random.split(jax.random.key(1), count // 32), rules)
    step = jax.vmap(lambda state, rule: world.step(jax.random.key(2), state, rule, None)[0])
    return job(step, (states, rules), count * size**2 * generations)


def board(size, generations):
    world = substrates.life(height=size, width=size, generations=generations, density=(0.3, 0.3))
    state = jax.jit(world.init)(jax.random.key(0), CONWAY)
    rule = jnp.int32(CONWAY)
    return job(lambda s, r: world.step(jax.random.key(1), s, r, None)[0], (state, rule), size**2 * generations)


def asal(root, count, size, generations):
    spec = importlib.util.spec_from_file_location("gol", pathlib.Path(root) / "substrates" / "gol.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    world = module.GameOfLife(grid_size=size)
    rules = jax.random.randint(jax.random.key(0), (count,), 0, 2**18) if count > 1 else jnp.array([CONWAY])
    states = jax.vmap(world.init_state)(jax.random.split(jax.random.key(1), count), rules)

    def run(states, rules):
        one = jax.vmap(lambda state, rule: world.step_state(jax.random.key(2), state, rule))
        return jax.lax.fori_loop(0, generations, lambda _, s: one(s, rules), states)

    return job(run, (states, rules), count * size**2 * generations)


def cax(size, generations):
    from cax.cs import life
    from flax import nnx

    birth, survival = (jnp.array([n in live for n in range(9)], jnp.float32) for live in ({3}, {2, 3}))
    world = life.Life(birth=birth, survival=survival, rngs=nnx.Rngs(0))
    graph, weights = nnx.split(world)
    state = jax.random.bernoulli(jax.random.key(0), 0.3, (size, size, 1)).astype(jnp.float32)

    def run(state):
        return jax.lax.fori_loop(0, generations, lambda _, s: nnx.merge(graph, weights, copy=True)._step(s), state)

    return job(run, (state,), size**2 * generations)


def bgolly(program, size, generations):
    """Cell updates a second of QuickLife on the same soup, without the time it takes to load it."""
    world = substrates.life(height=size, width=size, density=(0.3, 0.3))
    cells = world.decode(jax.jit(world.init)(jax.random.key(0), CONWAY))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "soup.rle"
        path.write_text(write_rle(cells, rule=f"B3/S23:T{size},{size}"))
        times = []
        for count in (1, generations + 1):
            start = time.perf_counter()
            subprocess.run([program, "-a", "QuickLife", "-m", str(count), str(path)], check=True, capture_output=True)
            times.append(time.perf_counter() - start)
    return size**2 * generations / (times[1] - times[0])


def gray_scott(population, size, steps):
    world = substrates.gray_scott(size=size)
    params = world.default_params(jax.random.key(0))
    run = jax.vmap(rollout.rollout(world, frames=1, stride=steps), in_axes=(0, None))
    return job(run, (jax.random.split(jax.random.key(1), population), params), population * size**2 * steps)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asal")
    parser.add_argument("--bgolly")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--board", type=int, default=4096)
    parser.add_argument("--large", type=int, default=16384)
    flags = parser.parse_args()
    repeats, side = flags.repeats, flags.board

    print(f"{jax.devices()[0].device_kind}, {jax.device_count()} device(s), jax {jax.__version__}")
    print(f"{'':48} {'ours':>10} {'core-second':>10} {'theirs':>10} {'ratio':>8}")
    measure("Life, 1,024 rules, 64^2, packed", universes(1024, 64, 256), repeats=repeats)
    measure("Life, 1,024 rules, 64^2, bit-sliced", sliced(1024, 64, 256), repeats=repeats)
    measure("Life, 64 rules, 64^2, dense", universes(64, 64, 64, "dense"), repeats=repeats)
    measure(f"Life, one board of {side}^2", board(side, 64), repeats=repeats)
    measure(f"Life, one board of {flags.large}^2", board(flags.large, 32), repeats=repeats)
    measure("Gray-Scott, population 16, 64^2, 900 steps", gray_scott(16, 64, 900), repeats=repeats)
    if flags.asal:
        measure("Life, rules as data, 64^2, ASAL", universes(1024, 64, 256), asal(flags.asal, 64, 64, 64), repeats)
        measure("Life, one board of 1,024^2, ASAL", board(1024, 256), asal(flags.asal, 1, 1024, 16), repeats)
    if importlib.util.find_spec("cax"):
        measure("Life, one board of 1,024^2, CAX", board(1024, 256), cax(1024, 16), repeats)
    if flags.bgolly:
        rate = statistics.median(bgolly(flags.bgolly, side, 64) for _ in range(repeats))
        ours = statistics.median(timed(board(side, 64))[0] for _ in range(repeats))
        print(f"{f'Life, soup of {side}^2, QuickLife':48} {ours:10.2e} {'':10} {rate:10.2e} {ours / rate:8.1f}")


if __name__ == "__main__":
    main()
