"""The sweep of all Life-like rules as a job: from a config's fields to the sweep, and at its end its table and page."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxlife import models
from jaxlife.bin import life_sweep_report
from jaxlife.core.protocol import Assembly
from jaxlife.substrates.life import NAMED
from jaxlife.systems import life_sweep


def build(
    *,
    encoder: str,
    every: int,
    batch: int,
    looks: int,
    looked: int,
    queue: int,
    size: int = 64,
    length: int = 2048,
    window: int = 64,
    frames: int = 32,
    chunk: int = 256,
    soups: int = 64,
    shown: int = 12,
    least_distinct: float = 0.25,
    most_activity: float = 0.25,
    most_entropy: float = 0.95,
    seed: int = 0,
) -> tuple[Assembly, Callable[[Path, life_sweep.State], None]]:
    """Builds the sweep from the fields of a config.

    Args:
        encoder: key of `MODELS`.
        every: 1 for all 262,144 rules; an odd n for every n-th and the named ones.
        batch: see `life_sweep.life_sweep` for this and the names below.
        looks: "
        looked: "
        queue: "
        size: "
        length: generations of every run.
        window: see `life_sweep.life_sweep` for this and the next two.
        frames: "
        chunk: "
        soups: how many other soups the named rules are judged on at the end.
        shown: how many of the most open-ended rules the page films.
        least_distinct: see `life_sweep.life_sweep` for this and the next two.
        most_activity: "
        most_entropy: "
        seed: of the soups.

    Returns:
        The sweep, and what writes table.npz, ranks.csv, top.csv and index.html at the end.

    Raises:
        ValueError: an even `every`, or whatever the sweep refuses.
    """
    if every < 1 or every % 2 == 0:
        raise ValueError(f"every: expected an odd number, so that all bits of the rules vary, got {every}")
    rules = np.union1d(np.arange(0, 1 << 18, every), list(NAMED.values()))
    limits = {"least_distinct": least_distinct, "most_activity": most_activity, "most_entropy": most_entropy}
    sweep = life_sweep.life_sweep(
        models.load(encoder), rules=rules, batch=batch, chunk=chunk, window=window, frames=frames, looks=looks,
        looked=looked, queue=queue, seed=seed, size=size, steps=length, **limits,
    )  # fmt: skip
    trial = life_sweep_report.Trial(sweep.params, frames, window, soups, shown, size=size, steps=length)
    return sweep, lambda workdir, state: life_sweep_report.write(workdir, state, trial)
