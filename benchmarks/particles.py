"""How fast are our particle worlds beside ASAL's original and CAX, and does the cost of a step grow linearly?

python benchmarks/particles.py [--asal=PATH] [--repeats 5] [--largest 1000000]

PATH is a checkout of github.com/SakanaAI/asal (needs matplotlib and einops); CAX is measured where it is installed
(pip install cax). Each pair takes turns in one process; the ratio is the median of the ratios of the turns, so that a
busy machine hurts both: `theirs / ours` above 1, we are faster. Memory is what the compiled program asks for
(`memory_analysis`), which does not depend on the machine. The curve keeps the mean number of neighbours constant.
"""

import argparse
import importlib.util
import math
import pathlib
import time

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from jaxlife import substrates

IMAGE = 256


@struct.dataclass
class Crowd:
    """CAX's states of the same fields cannot be made on Python 3.11 (they inherit from `typing.Any`)."""

    class_: jax.Array | None
    position: jax.Array
    velocity: jax.Array


def seconds(program, inputs):
    start = time.perf_counter()
    jax.block_until_ready(program(*inputs))
    return time.perf_counter() - start


def compiled(function, *inputs):
    program = jax.jit(function).lower(*inputs).compile()
    return program, program.memory_analysis().temp_size_in_bytes / 1e9


def steps_of(step, count):
    """`count` steps in one program, so that small worlds are not measured by their dispatch."""
    return lambda state: jax.lax.fori_loop(0, count, lambda t, state: step(state), state)


def ours(factory, count=1, **arguments):
    world = factory(image_size=IMAGE, **arguments)
    params = world.default_params(jax.random.key(0))
    state = world.init(jax.random.key(1), params)

    def step(state):
        return world.step(jax.random.key(2), state, params, None)[0]

    return steps_of(step, count), (lambda state: world.render(state, params)), state


def asal(root, file, name, count=1, **arguments):
    spec = importlib.util.spec_from_file_location(file, pathlib.Path(root) / "substrates" / f"{file}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    world = getattr(module, name)(**arguments)
    params = world.default_params(jax.random.key(0))
    state = world.init_state(jax.random.key(1), params)

    def step(state):
        return world.step_state(jax.random.key(2), state, params)

    return steps_of(step, count), (lambda state: world.render_state(state, params, img_size=IMAGE)), state


def report(title, mine, theirs, repeats, per=1):
    """Prints one line; either side is (function, inputs)."""
    (ours_fn, ours_in), (theirs_fn, theirs_in) = mine, theirs
    programs = [compiled(ours_fn, *ours_in), compiled(theirs_fn, *theirs_in)]
    turns = []
    for _ in range(repeats + 1):
        turns.append([seconds(program, i) for (program, _), i in zip(programs, (ours_in, theirs_in), strict=True)])
    turns = np.array(turns[1:])
    (a, b), ratio = np.median(turns, axis=0) / per, np.median(turns[:, 1] / turns[:, 0])
    memory = " ".join(f"{gb:8.3f}" for _, gb in programs)
    print(f"{title:44} {a * 1e3:10.3f} {b * 1e3:10.3f} {ratio:8.1f} {memory}", flush=True)


def against_asal(root, repeats):
    cases = (
        ("Particle Life, N=5,000", substrates.particle_life, {}, "plife", "ParticleLife",
         {"search_space": "beta+alpha"}, 1),
        ("Particle Life in cells, N=5,000", substrates.particle_life, {"engine": "cells", "crowding": 1.5}, "plife",
         "ParticleLife", {"search_space": "beta+alpha"}, 1),
        ("Particle Life++, N=1,000", substrates.particle_life_plus, {}, "plife_plus", "ParticleLifePlus",
         {"n_particles": 1000, "dt": 0.02, "render_radius": 0.04, "sharpness": 30.0}, 1),
        ("Boids, N=128", substrates.boids, {}, "boids", "Boids",
         {"n_boids": 128, "bird_render_size": 0.015, "bird_render_sharpness": 40.0}, 20),
    )  # fmt: skip
    for title, factory, arguments, file, name, theirs, count in cases:
        step, render, state = ours(factory, count, **arguments)
        their_step, their_render, their_state = asal(root, file, name, count, **theirs)
        report(f"{title}: a step, ASAL", (step, (state,)), (their_step, (their_state,)), repeats, count)
        report(f"{title}: a {IMAGE}^2 picture, ASAL", (render, (state,)), (their_render, (their_state,)), repeats)


def against_cax(repeats):
    from cax.cs import boids, particle_life
    from flax import nnx

    key = jax.random.key(0)
    place, heading = jax.random.uniform(key, (128, 2)), jax.random.normal(key, (128, 2))
    theirs = boids.Boids(boid_policy=boids.BoidPolicy(rngs=nnx.Rngs(0)))
    flock = Crowd(position=place, velocity=heading, class_=None)
    for title, factory in (("learned", substrates.boids), ("Reynolds", substrates.boids_reynolds)):
        step, _, state = ours(factory, 20)
        line = f"Boids ({title}), N=128: a step, CAX"
        report(line, (step, (state,)), (_split(theirs, 20), (flock,)), repeats, 20)

    n = 5000
    theirs = particle_life.ParticleLife(num_classes=6, A=jax.random.uniform(key, (6, 6)), r_max=0.1)
    crowd = Crowd(
        class_=jax.random.randint(key, (n,), 0, 6), position=jax.random.uniform(key, (n, 2)), velocity=jnp.zeros((n, 2))
    )
    step, _, state = ours(substrates.particle_life)
    report("Particle Life, N=5,000: a step, CAX", (step, (state,)), (_split(theirs, 1), (crowd,)), repeats)
    big = substrates.particle_life(image_size=512)
    mine = compiled(lambda s: big.render(s, None), state)[1]
    painted = compiled(lambda s: theirs.render(s, resolution=512), crowd)[1]
    print(f"Particle Life, N=5,000: temporary GB of a 512^2 picture, CAX: {mine:.3f} and {painted:.3f}", flush=True)


def _split(system, count):
    """CAX keeps its weights in modules: take them apart, so that a step is a pure function."""
    from flax import nnx

    graph, weights = nnx.split(system)
    return steps_of(lambda state: nnx.merge(graph, weights, copy=True)._step(state), count)


def curve(largest, repeats):
    print("\nagents            Particle Life s/step   us/agent   overflow   Boids s/step   us/agent   overflow")
    for n in (int(10**e) for e in np.arange(4, 7.5, 0.5)):
        if n > largest:
            break
        line = f"{n:9,}"
        life = {"n_particles": n, "r_max": 0.1 * math.sqrt(5000 / n)}
        flock = {"n_boids": n, "visual_range": 0.1 * math.sqrt(128 / n), "boid_size": 0.015 * math.sqrt(128 / n)}
        for factory, arguments in ((substrates.particle_life, life), (substrates.boids, flock)):
            step, _, state = ours(factory, engine="cells", crowding=1.5, **arguments)
            program, _ = compiled(step, state)
            state = program(state)
            median = float(np.median([seconds(program, (state,)) for _ in range(min(repeats, 3))]))
            line += f"     {median:14.3f} {median / n * 1e6:10.2f} {int(program(state).overflow):10}"
        print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asal", help="checkout of the original; left out where not given")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--largest", type=int, default=1_000_000)
    arguments = parser.parse_args()
    print(f"{jax.devices()[0].device_kind}, jax {jax.__version__}")
    print(f"{'':44} {'ours ms':>10} {'theirs ms':>10} {'ratio':>8} {'ours GB':>8} {'theirs GB':>8}")
    if arguments.asal:
        against_asal(arguments.asal, arguments.repeats)
    if importlib.util.find_spec("cax"):
        against_cax(arguments.repeats)
    curve(arguments.largest, arguments.repeats)


if __name__ == "__main__":
    main()
