"""Trains an automaton to grow a butterfly from one cell, cuts it in two, and films how it mends itself.

    python tools/grow_picture.py --generations=2000 --out=docs/images/growing_nca.gif
    python tools/grow_picture.py --picture=emoji.png      # any square picture with transparency

Small by default (a 20 x 20 picture, 64 hidden units, batches of 4). Prints the loss as it goes.
"""

import argparse
import pathlib

import imageio.v3 as iio
import jax
import jax.numpy as jnp
import numpy as np

import jaxlife as jl
from jaxlife.substrates.nca_growing import Params, State
from jaxlife.systems.growing_nca import growing_nca

MARGIN = 4
ZOOM = 6


def butterfly(side: int) -> np.ndarray:
    """Draws the target: four wings with spots, and a body; RGBA, RGB multiplied by alpha."""
    y, x = np.meshgrid(*[np.linspace(-1, 1, side)] * 2, indexing="ij")
    image = np.zeros((side, side, 4))

    def disc(cy: float, cx: float, ry: float, rx: float, colour: tuple[float, float, float]) -> None:
        inside = ((y - cy) / ry) ** 2 + ((np.abs(x) - cx) / rx) ** 2 < 1
        image[inside] = [*colour, 1.0]

    disc(-0.35, 0.5, 0.55, 0.45, (0.95, 0.45, 0.1))
    disc(0.5, 0.4, 0.42, 0.34, (0.85, 0.2, 0.2))
    disc(-0.4, 0.55, 0.22, 0.18, (1.0, 0.85, 0.3))
    disc(0.5, 0.42, 0.15, 0.13, (0.3, 0.5, 0.95))
    disc(0.0, 0.0, 0.85, 0.12, (0.2, 0.12, 0.1))
    return image


def load(path: str, side: int) -> np.ndarray:
    """Reads a picture with transparency and scales it."""
    image = iio.imread(path).astype(np.float32) / 255
    if image.ndim != 3 or image.shape[2] != 4:
        raise SystemExit(f"{path}: expected a picture with an alpha channel, got shape {image.shape}")
    image[..., :3] *= image[..., 3:]
    return np.clip(np.asarray(jax.image.resize(image, (side, side, 4), "linear")), 0, 1)


def film(weights: Params, size: int, units: int) -> np.ndarray:
    """Grows the picture, takes one half away, and lets it grow again; frames as uint8."""
    world = jl.substrates.nca_growing(size=size, units=units, image_size=ZOOM * size)
    run = jax.jit(jl.rollout(world, frames=40, stride=2, observe=lambda s, p, out: world.render(s, p)))
    grown, first = run(jax.random.key(1), weights)
    hurt = State(cells=grown.cells.at[:, :, size // 2 :].set(0))
    still = jnp.broadcast_to(world.render(hurt, weights)[None], (6, *first.shape[1:]))
    _, second = run(jax.random.key(2), weights, state=hurt)
    return np.asarray(jnp.round(255 * jnp.concatenate([first, still, second])).astype(jnp.uint8))


def main() -> None:
    """Parses the command line, trains and films."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generations", type=int, default=2000)
    parser.add_argument("--side", type=int, default=20)
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--picture")
    parser.add_argument("--out", default="docs/images/growing_nca.gif")
    args = parser.parse_args()
    picture = load(args.picture, args.side) if args.picture else butterfly(args.side)
    target = np.pad(picture, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))
    trainer = growing_nca(
        target, units=args.units, pool=256, batch=4, wounded=1, steps=(32, 48), drop=args.generations * 2 // 3
    )
    chunk = max(1, args.generations // 20)
    run = jax.jit(jl.rollout(trainer, frames=chunk))
    state, key = None, jax.random.key(0)
    for start in range(0, args.generations, chunk):
        state, out = run(key, trainer.params, state=state, start=start)
        print(f"generation {start + chunk}: loss {float(out['loss'].mean()):.5f}", flush=True)
        pathlib.Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        iio.imwrite(args.out, film(state.weights, target.shape[0], args.units), duration=60, loop=0)


if __name__ == "__main__":
    main()
