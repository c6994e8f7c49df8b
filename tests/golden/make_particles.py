"""Writes particles.npz: a few steps and pictures of the original ASAL worlds, with the inputs they were drawn from.

python tests/golden/make_particles.py --asal=PATH, PATH a checkout of github.com/SakanaAI/asal (needs matplotlib,
einops, flax).
"""

import argparse
import importlib.util
import pathlib

import jax
import numpy as np

STEPS = (1, 5)
IMAGE = 40


def load(root, name):
    spec = importlib.util.spec_from_file_location(name, pathlib.Path(root) / "substrates" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record(world, seed, prefix):
    """Inputs and outputs of one world under flat names."""
    key = jax.random.PRNGKey(seed)
    params = world.default_params(key)
    state = world.init_state(key, params)
    found = {f"{prefix}.0.{name}": np.asarray(leaf) for name, leaf in state.items()}
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        found[f"{prefix}.params." + ".".join(str(part.key) for part in path)] = np.asarray(leaf)
    found[f"{prefix}.image"] = np.asarray(world.render_state(state, params, img_size=IMAGE))
    step = jax.jit(world.step_state)
    for t in range(1, max(STEPS) + 1):
        state = step(key, state, params)
        if t in STEPS:
            found.update({f"{prefix}.{t}.{name}": np.asarray(leaf) for name, leaf in state.items()})
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asal", required=True)
    root = parser.parse_args().asal
    boids = load(root, "boids").Boids(n_boids=40, n_nbrs=4, bird_render_size=0.03, bird_render_sharpness=40.0)
    life = load(root, "plife").ParticleLife(n_particles=60, search_space="beta+alpha", rmax=0.2, render_radius=0.1)
    plus = load(root, "plife_plus").ParticleLifePlus(n_particles=40, dt=0.02, rmax=0.2, render_radius=0.1)
    found = record(boids, 1, "boids") | record(life, 2, "life") | record(plus, 3, "plus")
    target = pathlib.Path(__file__).with_name("particles.npz")
    np.savez_compressed(target, **found)
    print(f"{target}: {len(found)} arrays, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
