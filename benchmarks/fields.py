"""How fast are our continuous fields (Lenia, neural cellular automata, Particle Lenia) beside ASAL's original and CAX?

python benchmarks/fields.py [--asal=PATH] [--repeats 9] [--steps 50]

PATH is a checkout of github.com/SakanaAI/asal (needs einops and matplotlib); CAX is measured where it is installed
(pip install cax). Each pair takes turns in one process; the ratio is the median of the ratios of the turns, so that a
busy machine hurts both: `theirs / ours` above 1, we are faster. Memory is what the compiled program asks for
(`memory_analysis`), which does not depend on the machine; rollouts are of 16 worlds, 8 pictures each.
"""

import argparse
import importlib.util
import pathlib
import sys
import time
import types

import jax
import jax.numpy as jnp
import numpy as np

import jaxlife as jl
from jaxlife.substrates import lenia_kernels

PEOPLE = 16
FRAMES = 8


def original(root, file, name, **arguments):
    """A world of the original, without its package's other imports."""
    package = types.ModuleType("asal_substrates")
    package.__path__ = [str(pathlib.Path(root) / "substrates")]
    sys.modules["asal_substrates"] = package
    return getattr(importlib.import_module(f"asal_substrates.{file}"), name)(**arguments)


def theirs_as_system(world):
    return jl.Substrate(
        init=lambda key, params: world.init_state(key, params),
        step=lambda key, state, params, x: (world.step_state(key, state, params), {}),
        render=lambda state, params: world.render_state(state, params, img_size=64),
        default_params=lambda key: world.default_params(key),
    )


def steps_of(world, count):
    """`count` steps in one program, so that small worlds are not measured by their dispatch."""
    key = jax.random.key(0)
    params = jax.jit(world.default_params)(key)
    state = jax.jit(world.init)(key, params)

    def run(state, params):
        def body(i, state):
            return world.step(jax.random.fold_in(key, i), state, params, None)[0]

        return jax.lax.fori_loop(0, count, body, state)

    return jax.jit(run).lower(state, params).compile(), (state, params)


def crowd_of(world, count):
    """`count` steps of a population of worlds, each with params of its own."""
    key = jax.random.key(0)
    params = jax.jit(jax.vmap(world.default_params))(jax.random.split(key, PEOPLE))
    state = jax.jit(jax.vmap(world.init, (None, 0)))(key, params)

    def run(state, params):
        step = jax.vmap(lambda key, s, p: world.step(key, s, p, None)[0], (None, 0, 0))
        return jax.lax.fori_loop(0, count, lambda i, s: step(jax.random.fold_in(key, i), s, params), state)

    return jax.jit(run).lower(state, params).compile(), (state, params)


def seconds(program, inputs):
    start = time.perf_counter()
    jax.block_until_ready(program(*inputs))
    return time.perf_counter() - start


def report(title, mine, theirs, repeats, steps):
    turns = np.array([[seconds(*mine), seconds(*theirs)] for _ in range(repeats + 1)])[1:] / steps
    a, b = np.median(turns, axis=0)
    ratio = np.median(turns[:, 1] / turns[:, 0])
    print(f"{title:52} {a * 1e3:9.3f} {b * 1e3:9.3f} {ratio:8.2f}", flush=True)


def memory(title, ours, theirs):
    """Temporary memory of a rollout of a population: theirs keeps every state, as its `rollout.py` does."""
    key = jax.random.key(0)

    def temporary(world, keep_all):
        params = jax.vmap(world.default_params)(jax.random.split(key, PEOPLE))
        steps = 256

        def all_states(key, params):
            state = world.init(key, params)
            keys = jax.random.split(key, steps)
            _, states = jax.lax.scan(lambda s, k: (world.step(k, s, params, None)[0], s), state, keys)
            chosen = jax.tree.map(lambda v: v[:: steps // FRAMES], states)
            return jax.vmap(lambda s: world.render(s, params))(chosen)

        few = jl.rollout(world, frames=FRAMES, stride=steps // FRAMES, observe=lambda s, p, out: world.render(s, p))
        run = all_states if keep_all else lambda key, params: few(key, params)[1]
        return jax.jit(jax.vmap(run, (None, 0))).lower(key, params).compile().memory_analysis().temp_size_in_bytes / 1e9

    a, b = temporary(ours, False), temporary(theirs, True)
    print(f"{title:52} {a:9.4f} {b:9.4f} {b / a:8.1f}  GB", flush=True)


def cax_lenia(count):
    """CAX's Lenia with the kernels of our default creature."""
    from cax.cs import lenia

    base = lenia_kernels.load_creature("base")
    widest = max(len(k.b) for k in base.kernels)

    def column(name):
        return jnp.array([getattr(k, name) for k in base.kernels])

    rings = jnp.array([[*k.b, *[0.0] * (widest - len(k.b))] for k in base.kernels])
    rule = lenia.LeniaRuleParams(
        channel_source=column("source"),
        channel_target=column("target"),
        weight=column("h"),
        kernel_params=lenia.KernelParams(r=column("r"), b=rings),
        growth_params=lenia.GrowthParams(mean=column("m"), std=column("s")),
    )
    system = lenia.Lenia((128, 128), 3, R=base.radius, T=int(base.time), rule_params=rule)
    return cax_steps(system, jax.random.uniform(jax.random.key(0), (128, 128, 3)), count)


def cax_nca(count):
    """CAX's parts with the layers of the continuous automaton: 3 x 3 to 4, 16 hidden units, one for each channel."""
    from cax.core.cs import ComplexSystem
    from cax.core.perceive import ConvPerceive
    from cax.core.update import NCAUpdate
    from flax import nnx

    class Automaton(ComplexSystem):
        def __init__(self, rngs):
            self.perceive = ConvPerceive(3, 4, padding="CIRCULAR", use_bias=True, rngs=rngs)
            self.update = NCAUpdate(2, 3, 4, (16,), cell_dropout_rate=0.5, rngs=rngs)

        def _step(self, state, input=None, *, sow=False):
            return self.update(state, self.perceive(state), input)

    return cax_steps(Automaton(nnx.Rngs(0)), jax.random.uniform(jax.random.key(0), (128, 128, 3)), count)


def cax_steps(system, state, count):
    from flax import nnx

    graph, leaves = nnx.split(system)

    def run(leaves, state):
        def body(i, carry):
            leaves, state = carry
            system = nnx.merge(graph, leaves)
            state = system._step(state)
            return nnx.split(system)[1], state

        return jax.lax.fori_loop(0, count, body, (leaves, state))[1]

    return jax.jit(run).lower(leaves, state).compile(), (leaves, state)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asal")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--steps", type=int, default=50)
    args = parser.parse_args()
    lenia, nca = jl.substrates.lenia(), jl.substrates.nca()
    print(f"{'':52} {'ours ms':>9} {'theirs ms':>9} {'theirs/ours':>8}")
    if args.asal:
        pairs = (
            ("Lenia 128^2, 3 channels, 15 kernels", lenia,
             ("lenia", "Lenia", {"grid_size": 128, "phenotype_size": 64, "clip1": 1.0})),
            ("NCA 128^2, 3 channels", nca, ("nca", "NCA", {"grid_size": 128, "d_state": 3, "p_drop": 0.5})),
            ("discrete NCA 128^2, 8 states", jl.substrates.nca_discrete(),
             ("dnca", "DNCA", {"grid_size": 128, "d_state": 8, "temperature": 1e-3})),
            ("Particle Lenia, N=200", jl.substrates.particle_lenia(), ("plenia", "ParticleLenia", {})),
        )  # fmt: skip
        for title, ours, (file, name, arguments) in pairs:
            theirs = theirs_as_system(original(args.asal, file, name, **arguments))
            report(
                f"{title}: a step, ASAL",
                steps_of(ours, args.steps),
                steps_of(theirs, args.steps),
                args.repeats,
                args.steps,
            )
            few = max(1, args.steps // 10)
            report(f"{title}: a step of {PEOPLE}, ASAL", crowd_of(ours, few), crowd_of(theirs, few), args.repeats, few)
            if file in ("lenia", "nca"):
                memory(f"{title}: rollout of {PEOPLE}, ASAL", ours, theirs)
    else:
        print("ASAL left out: no --asal=PATH")
    if importlib.util.find_spec("cax") is None:
        print("CAX left out: not installed (pip install cax)")
        return
    report("Lenia: a step, CAX", steps_of(lenia, args.steps), cax_lenia(args.steps), args.repeats, args.steps)
    report("NCA: a step, CAX", steps_of(nca, args.steps), cax_nca(args.steps), args.repeats, args.steps)


if __name__ == "__main__":
    main()
