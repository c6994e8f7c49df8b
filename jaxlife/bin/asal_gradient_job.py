"""Gradient search against evolution as a job: from a config's fields to both, and their judgement at the end."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxlife import viz
from jaxlife.bin import asal_report, settings
from jaxlife.bin.asal_report import Options
from jaxlife.core.protocol import Assembly
from jaxlife.core.types import Array
from jaxlife.experiment import report, rundir
from jaxlife.systems import asal_gradient, asal_heldout, asal_page, asal_parts
from jaxlife.systems.asal import Context
from jaxlife.viz import figure

GRADIENT, EVOLUTION, START = "found by gradient", "found by evolution", "the start of both"


class Trial(NamedTuple):
    """What is reported on."""

    parts: asal_parts.Parts
    prompts: list[str]
    frames: int
    stride: int
    seed: int
    context: Context


def build(
    *,
    world: str,
    encoder: str,
    prompts: str,
    strategy: Mapping[str, Any],
    frames: int,
    stride: int,
    updates: int,
    unroll: int,
    pool: int,
    batch: int,
    learning_rate: float = 3e-4,
    contrast: float = 0.0,
    n_inits: int = 1,
    keep: int = 4,
    chunk: int = 0,
    seed: int = 0,
    world_args: Mapping[str, Any] | None = None,
    encoder_args: Mapping[str, Any] | None = None,
    report: Mapping[str, int] | None = None,
) -> tuple[Assembly, Callable[[Path, asal_gradient.State], None]]:
    """Builds both from the fields of a config.

    Args:
        world: see `asal_parts.parts` for this and the other names; its step and picture must have gradients.
        encoder: "
        prompts: in the order of time, parted by ";".
        strategy: of the evolution.
        frames: see `asal_gradient.against_evolution` for this and the names below.
        stride: "
        updates: "
        unroll: "
        pool: "
        batch: "
        learning_rate: "
        contrast: "
        n_inits: "
        keep: "
        chunk: candidates evaluated at once; 0 for all.
        seed: of the starting point and of the states that both are judged on.
        world_args: see `asal_parts.parts`.
        encoder_args: "
        report: changes of `asal_report.Options`.

    Returns:
        Both, and what writes gradient.npz, evolution.npz, films, curves and the page at the end.

    Raises:
        ValueError: whatever does not fit.
    """
    names = settings.split_prompts(prompts)
    options = asal_report.options(report)
    parts = asal_parts.parts(
        world=world, encoder=encoder, strategy=strategy, prompts=names, world_args=world_args,
        encoder_args=encoder_args, seed=seed,
    )  # fmt: skip
    y = parts.encoder.embed_text(parts.encoder.weights, names)
    assembly = asal_gradient.against_evolution(
        parts.world, parts.encoder, y, parts.strategy, parts.prototype, frames=frames, stride=stride, updates=updates,
        unroll=unroll, pool=pool, batch=batch, learning_rate=learning_rate, contrast=contrast, n_inits=n_inits,
        keep=keep, chunk=chunk or None,
    )  # fmt: skip
    context = Context(encoder=parts.encoder.weights, score=parts.score.params)
    trial = Trial(parts, names, frames, stride, seed, context)
    return assembly, lambda workdir, state: write(workdir, state, trial, options)


def write(workdir: Path, state: asal_gradient.State, trial: Trial, options: Options) -> None:
    """Judges both on initial states that neither has seen, and writes the files."""
    keys = asal_report.held_out_keys(trial.seed, options.validation + options.seeds)
    validation, held_out = keys[: options.validation], keys[options.validation :]
    rescore = jax.jit(asal_heldout.rescorer(trial.parts, frames=trial.frames, stride=trial.stride))
    evolved, seen = _finalist(rescore, validation, state, trial)
    candidates = {
        GRADIENT: (state.learner.params, None),
        EVOLUTION: (evolved, seen),
        START: (trial.parts.prototype, None),
    }
    verdicts = {
        name: asal_heldout.verdict(rescore, held_out, params, score, trial.context)
        for name, (params, score) in candidates.items()
    }
    for name, file in ((GRADIENT, "gradient"), (EVOLUTION, "evolution")):
        report.save_params(workdir / f"{file}.npz", verdicts[name].params)
    shoot = jax.jit(
        asal_page.film(trial.parts.world, steps=trial.frames * trial.stride, frames=trial.frames * trial.stride // 4)
    )
    films = {name: np.asarray(shoot(held_out[: options.shown], v.params)) for name, v in verdicts.items()}
    title = "; then ".join(trial.prompts)
    chosen = np.linspace(0, films[GRADIENT].shape[1] - 1, 6).round().astype(int)
    rows = np.concatenate([films[name][0][chosen] for name in films])
    captions = [name if i == 0 else "" for name in films for i in range(6)]
    viz.save(workdir / "sheet.png", viz.encode_png(viz.contact_sheet(rows, captions=captions, columns=6)))
    logged = report.read_metrics(workdir)
    x = logged["step"].tolist()
    curves = [viz.Curve(x, logged[name].tolist(), name) for name in ("gradient", "evolution")]
    chart = viz.Chart(curves, "generation", "similarity to the prompts in time")
    for kind in ("png", "svg"):
        viz.save(workdir / f"curves.{kind}", figure.figure(chart, kind=kind, title=title))
    page = viz.page(title, [asal_page.comparison(title, verdicts, films), _section(workdir, chart)])
    viz.save(workdir / "index.html", page)
    print(asal_page.table([title], [verdicts]), flush=True)
    print(f"page: {workdir / 'index.html'}", flush=True)


def _section(workdir: Path, chart: viz.Chart) -> viz.Section:
    stored = rundir.load(workdir)
    return viz.Section("How they were found", charts=[chart], tables=[viz.Table(stored["config"], caption="Config")])


def _finalist(rescore: asal_heldout.Rescore, keys: Array, state: asal_gradient.State, trial: Trial):  # noqa: ANN202
    evolution = jax.tree.map(lambda leaf: leaf[None], state.evolution)
    return asal_heldout.finalist(rescore, keys, evolution, trial.context)
