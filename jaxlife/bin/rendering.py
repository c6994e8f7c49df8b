"""What `jaxlife render` does: find the world, run it, write the film."""

from pathlib import Path

import jax
import numpy as np
from jaxtyping import UInt8

from jaxlife import viz
from jaxlife.bin import recipe
from jaxlife.experiment import archive_file
from jaxlife.systems import atlas


def find(source: Path, index: int | None) -> recipe.Recipe:
    """Reads a saved world, or takes one out of a workdir.

    Raises:
        ValueError: a workdir without an index, or an index beside a file.
    """
    if not source.is_dir():
        if index is not None:
            raise ValueError(f"--index belongs to a workdir, {source} is not one")
        return recipe.read(source)
    if index is None:
        raise ValueError(f"{source} holds many worlds: say which by --index=I, as the atlas numbers them")
    return recipe.pick(archive_file.read(source), index)


def shoot(
    found: recipe.Recipe, *, pictures: int, steps: int = 0, stride: int = 0, seed: int = -1
) -> UInt8[np.ndarray, "T H W 3"]:
    """Runs a world; 0 steps and a negative seed mean those by which it was seen."""
    run = jax.jit(atlas.films(found.world, steps=steps or found.steps, pictures=pictures, stride=stride))
    params = jax.tree.map(lambda leaf: jax.numpy.asarray(leaf)[None], found.params)
    return np.asarray(run(jax.random.key(found.seed if seed < 0 else seed), params))[0]


def write(film: UInt8[np.ndarray, "T H W 3"], out: Path | None, source: Path, *, fps: float, size: int) -> Path:
    """Writes a film by the suffix of `out`; without one, beside where one is, as mp4 where it can be made."""
    if out is None:
        made = viz.encode_film(film, fps=fps, low=size, high=max(size, 1024))
        return viz.save(Path(f"{source.stem}.{made.kind}"), made.content)
    fitted = viz.fit(film, low=size, high=max(size, 1024))
    encoders = {
        ".mp4": lambda: viz.encode_mp4(fitted, fps=fps),
        ".gif": lambda: viz.encode_gif(fitted, fps=fps),
        ".png": lambda: viz.encode_png(fitted[-1]),
    }
    return viz.save(out, encoders[out.suffix]())
