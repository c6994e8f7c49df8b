"""Breeds the creatures that Lenia worlds start from, and says what it found.

    python tools/breed_lenia.py orbium            # seconds
    python tools/breed_lenia.py base --minutes=40 # the default creature: 3 channels, 15 kernels

Both start from smooth random patches and keep what lives. The first looks for the soliton of Orbium's rule; the second
draws rules too, and looks for a pattern that stays together, keeps its mass, uses every channel, and moves.
"""

import argparse
import functools
import pathlib
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxlife import substrates
from jaxlife.core.protocol import Substrate
from jaxlife.ops import fields
from jaxlife.substrates import lenia_kernels
from jaxlife.substrates.lenia import advance
from jaxlife.substrates.lenia_kernels import Creature, Kernel

DATA = pathlib.Path(lenia_kernels.__file__).parent / "data"
GRID = 64
PATCH = 24
BATCH = 256
BROOD = 16
HOPE = 0.1  # quality after 150 steps above which a colony is bred on: it moves, or lives steadily in all channels
REFERENCE_MASS = 73.650  # of Orbium, mean over steps 500 to 1500


class Record(NamedTuple):
    """What became of one pattern, averaged over the watched steps."""

    mass: jax.Array  # of all cells, mean
    wobble: jax.Array  # standard deviation of the mass over its mean
    speed: jax.Array  # cells a step, from the path of the centre of mass
    spread: jax.Array  # root mean square distance from the centre of mass at the end, cells
    least: jax.Array  # mass of the weakest channel at the end


def patches(key: jax.Array, shape: tuple[int, ...], side: int) -> jax.Array:
    """Smooth random squares in [0, 1]: 6 x 6 noise, scaled up."""
    noise = jax.random.uniform(key, (*shape, 6, 6))
    return jnp.clip(jax.image.resize(noise, (*shape, side, side), "cubic"), 0, 1)


def watch(step: Callable, cells: jax.Array, steps: int) -> tuple[jax.Array, Record]:
    """Runs one pattern and records it."""
    size = cells.shape[-1]

    def scanned(cells: jax.Array, _: None) -> tuple[jax.Array, tuple]:
        cells = step(cells)
        return cells, (cells.sum(), fields.centre(cells.sum(0)))

    cells, (mass, path) = jax.lax.scan(scanned, cells, None, length=steps)
    hop = jnp.diff(path, axis=0)
    hop = hop - size * jnp.round(hop / size)
    middle = fields.view(cells, size=size).sum(0)
    y = jnp.arange(size) - size // 2
    square = jnp.sum(middle * (y[:, None] ** 2 + y[None] ** 2)) / jnp.maximum(jnp.sum(middle), 1e-6)
    return cells, Record(
        mass=mass.mean(),
        wobble=mass.std() / jnp.maximum(mass.mean(), 1e-6),
        speed=jnp.linalg.norm(hop.mean(0)),
        spread=jnp.sqrt(square),
        least=cells.sum((1, 2)).min(),
    )


def place(pattern: jax.Array, size: int) -> jax.Array:
    """Puts patterns [..., C, P, P] in the middle of empty grids."""
    start = size // 2 - pattern.shape[-1] // 2
    rest = size - pattern.shape[-1] - start
    return jnp.pad(pattern, [(0, 0)] * (pattern.ndim - 2) + [(start, rest)] * 2)


def cut(cells: jax.Array, side: int) -> tuple[np.ndarray, float]:
    """Cuts the pattern out around its centre; also the share of the mass that this leaves out."""
    pattern = fields.view(cells, size=side)
    return np.asarray(pattern), float(1 - pattern.sum() / cells.sum())


def breed_orbium(draws: int = 12) -> None:
    """Draws patches, lets those that live settle, and keeps the one whose mean mass is nearest to the reference.

    The grid is not isotropic: a soliton turns until its heading is one of a few stable ones, and mass (73.59 to 73.70)
    and speed (0.615 to 0.6235) differ a little between them. The reference, 73.650 and 0.62324, belongs to 21.8 degrees
    from an axis.
    """
    rule = (Kernel(m=0.15, s=0.015),)
    world = substrates.lenia(
        size=GRID, creature=Creature(13, 10, rule, np.zeros((1, 20, 20)), "polynomial", "polynomial")
    )
    step = alone(world)
    run = jax.jit(lambda cells: jax.lax.map(lambda c: watch(step, c, 400), cells, batch_size=8))
    settle = jax.jit(lambda cells: watch(step, cells, 2000)[0])
    found = []
    for draw in range(draws):
        cells, record = run(place(patches(jax.random.key(draw), (BATCH, 1), 20), GRID))
        for i in np.flatnonzero((record.mass > 40) & (record.mass < 120) & (record.wobble < 0.2)):
            pattern, lost = cut(settle(cells[i]), 32)
            creature = Creature(13, 10, rule, pattern, "polynomial", "polynomial")
            final = follow(creature, 128, 2000)
            print(f"draw {draw}, patch {i}, {lost:.0e} of its mass cut off: {final}", flush=True)
            found.append((abs(final.mass - REFERENCE_MASS), creature))
    print(f"{len(found)} of {draws * BATCH} patches live")
    lenia_kernels.save_creature(DATA / "lenia_orbium.npz", min(found, key=lambda pair: pair[0])[1])


def alone(world: Substrate) -> Callable:
    """The step of a world with its default params, from cells to cells."""
    params = world.default_params(jax.random.key(0))
    return lambda cells: world.decode(world.step(None, world.encode(cells), params, None)[0])


def follow(creature: Creature, size: int, steps: int) -> Record:
    """Runs a creature as a user would and records its second half."""
    world = substrates.lenia(size=size, creature=creature)
    key = jax.random.key(0)
    run = jax.jit(lambda cells: watch(alone(world), watch(alone(world), cells, steps // 2)[0], steps // 2)[1])
    return jax.tree.map(float, run(world.init(key, world.default_params(key)).cells))


def draw_rule(rng: np.random.Generator) -> tuple[Kernel, ...]:
    """Three kernels inside each channel and one for each ordered pair of channels, with random rings and radii."""
    pairs = [(c, c) for c in (0, 0, 0, 1, 1, 1, 2, 2, 2)] + [(a, b) for a in range(3) for b in range(3) if a != b]
    kernels = []
    for source, target in pairs:
        rings = rng.integers(0, 13, rng.choice([1, 1, 2, 3])) / 12
        rings[rng.integers(rings.size)] = 1
        m, s, h = rng.uniform([0.1, 0.03, 0.1], [0.5, 0.18, 0.6])
        kernels.append(Kernel(m, s, h, rng.uniform(0.5, 1), tuple(rings.tolist()), source, target))
    return tuple(kernels)


class Colony(NamedTuple):
    """Worlds that share one set of kernels."""

    rule: tuple[Kernel, ...]
    spectrum: jax.Array
    dynamics: jax.Array  # [N, 3, K] m, s and h
    cells: jax.Array  # [N, 3, H, W]


WIRING = Creature(12, 2, draw_rule(np.random.default_rng(0)), np.zeros((3, 1, 1)))


@functools.partial(jax.jit, static_argnums=3)
def live(dynamics: jax.Array, cells: jax.Array, spectrum: jax.Array, steps: int) -> tuple[jax.Array, Record]:
    """Watches N worlds of three channels; kernels are data, so one compilation serves all rules."""

    def one(world: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, Record]:
        dynamics, cells = world
        return watch(lambda cells: advance(cells, dynamics, spectrum, creature=WIRING), cells, steps)

    return jax.lax.map(one, (dynamics, cells), batch_size=2)


def together(record: Record) -> np.ndarray:
    """Which patterns are neither dead nor spread over the world."""
    return np.asarray((record.mass > 20) & (record.mass < 1500) & (record.spread < 14))


def quality(record: Record) -> np.ndarray:
    """Speed, and a little for a mass that is steady and lies in every channel; -1 for what does not hold together."""
    value = np.minimum(4 * record.speed, 1) + 0.2 * np.tanh(record.least / 20) - np.minimum(record.wobble, 1)
    return np.where(together(record), value, -1)


def found_colony(rng: np.random.Generator) -> Colony | None:
    """Draws one set of kernels and, for it, many growth functions and patches; keeps the best that live."""
    rule = draw_rule(rng)
    spectrum = jnp.asarray(lenia_kernels.spectra(WIRING._replace(kernels=rule), size=GRID))
    low, high = np.array([[0.1], [0.03], [0.1]]), np.array([[0.5], [0.18], [0.6]])
    dynamics = jnp.asarray(rng.uniform(low, high, (BATCH, 3, len(rule))), jnp.float32)
    patch_key, shift_key = jax.random.split(jax.random.key(int(rng.integers(2**31))))
    cells = place(patches(patch_key, (BATCH, 3), PATCH), GRID)
    # Channels that start beside each other break the symmetry, without which nothing moves.
    shifts = jax.random.randint(shift_key, (BATCH, 3, 2), -8, 9)
    cells = jax.vmap(jax.vmap(lambda channel, shift: jnp.roll(channel, shift, (0, 1))))(cells, shifts)
    for steps in (30, 120):
        cells, record = live(dynamics, cells, spectrum, steps)
        keep = np.argsort(-quality(record))[:BROOD]
        dynamics, cells = dynamics[keep], cells[keep]
    hopeful = quality(jax.tree.map(lambda v: v[keep], record)) > HOPE
    return Colony(rule, spectrum, dynamics, cells) if hopeful.any() else None


def evolve(rng: np.random.Generator, colony: Colony, generations: int) -> tuple[Creature, float]:
    """Lets the settled patterns live on under slightly different growth functions, and keeps the best."""
    dynamics, cells = colony.dynamics, colony.cells
    for _ in range(generations):
        noise = 0.1 * rng.standard_normal(dynamics.shape)
        children = jax.nn.sigmoid(jax.scipy.special.logit(dynamics) + noise)
        both = jnp.concatenate([dynamics, children.astype(dynamics.dtype)])
        after, record = live(both, jnp.concatenate([cells, cells]), colony.spectrum, 120)
        best = np.argsort(-quality(record))[:BROOD]
        dynamics, cells = both[best], after[best]
    m, s, h = np.asarray(dynamics[0], float)
    pattern, lost = cut(cells[0], 32)
    kernels = tuple(k._replace(m=m[i], s=s[i], h=h[i]) for i, k in enumerate(colony.rule))
    return Creature(12, 2, kernels, pattern), lost


def breed_base(seed: int, minutes: float) -> None:
    """Searches for the default creature: the best of those that hold together for 2,000 steps on the full grid."""
    rng = np.random.default_rng(seed)
    best, until, draw, lived = 0.0, time.monotonic() + 60 * minutes, 0, 0
    while time.monotonic() < until:
        draw += 1
        colony = found_colony(rng)
        if colony is None:
            continue
        lived += 1
        creature, lost = evolve(rng, colony, 6)
        late = follow(creature, 128, 2000)
        value = float(quality(late))
        print(f"rule {draw}: quality {value:.3f}, {lost:.0e} cut off, {late}", flush=True)
        if value > best:
            best = value
            lenia_kernels.save_creature(DATA / "lenia_base.npz", creature)
    print(
        f"{draw} sets of kernels with {BATCH} worlds each, {lived} of them with life; the best has quality {best:.3f}"
    )


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("creature", choices=("orbium", "base"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=40)
    args = parser.parse_args()
    if args.creature == "orbium":
        breed_orbium()
    else:
        breed_base(args.seed, args.minutes)


if __name__ == "__main__":
    main()
