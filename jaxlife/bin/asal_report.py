"""What an ASAL search leaves in its folder: best.npz, a film, a contact sheet, and one page that holds it all."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxlife import viz
from jaxlife.core import naming, search
from jaxlife.core.types import Array, Float, PyTree
from jaxlife.experiment import report, rundir
from jaxlife.systems import asal_heldout, asal_page
from jaxlife.systems.asal import Context
from jaxlife.systems.asal_heldout import Verdict
from jaxlife.systems.asal_parts import Parts

FOUND, BASE = "found by search", "the start of the search"
_HELD_OUT = 0x5EED  # parts the states of the report from those of the search


class Options(NamedTuple):
    """How thorough the report is.

    Attributes:
        seeds: held-out initial states behind every mean and interval.
        validation: states by which the finalist is chosen among those that the search kept.
        shown: initial states that are filmed.
        pictures: frames of a film.
        sheet: frames on the contact sheet.
    """

    seeds: int = 16
    validation: int = 4
    shown: int = 4
    pictures: int = 48
    sheet: int = 12


_LEAST = {"seeds": 2}  # an interval needs two; one is enough of everything else


def options(changes: Mapping[str, int] | None) -> Options:
    """Reads the field `report` of a config.

    Raises:
        ValueError: an unknown name, with the nearest, or a count that leaves nothing to show.

    Example:
        >>> options({"seeds": 4}).seeds
        4
    """
    given = dict(changes or {})
    for name, value in given.items():
        naming.lookup(Options._field_defaults, name, kind="config field of 'report'")
        least = _LEAST.get(name, 1)
        if value < least:
            raise ValueError(f"report.{name}: expected at least {least}, got {value}")
    return Options(**given)


class Trial(NamedTuple):
    """The search that is reported on: its parts, its name, whether that is a prompt, its counts and its context."""

    parts: Parts
    title: str
    prompted: bool
    frames: int
    stride: int
    seed: int
    context: Context


def write(workdir: Path, state: search.State, trial: Trial, options: Options) -> None:
    """Chooses the finalist, judges it on states that no search saw, and writes the files.

    Args:
        workdir: the run's folder, with metrics.jsonl and config.json.
        state: the last state of the search.
        trial: what was searched for.
        options: how thorough to be.
    """
    validation, held_out = jnp.split(
        held_out_keys(trial.seed, options.validation + options.seeds), [options.validation]
    )
    rescore = jax.jit(asal_heldout.rescorer(trial.parts, frames=trial.frames, stride=trial.stride))
    best, seen = _finalist(rescore, validation, state, trial)
    report.save_params(workdir / "best.npz", best, search_score=seen)  # first: pictures can be drawn again
    verdicts = {
        FOUND: asal_heldout.verdict(rescore, held_out, best, seen, trial.context),
        BASE: asal_heldout.verdict(rescore, held_out, trial.parts.prototype, None, trial.context),
    }
    shoot = jax.jit(asal_page.film(trial.parts.world, steps=trial.frames * trial.stride, frames=options.pictures))
    films = {name: np.asarray(shoot(held_out[: options.shown], found.params)) for name, found in verdicts.items()}
    write_pictures(workdir, films[FOUND][0], options)
    viz.save(workdir / "index.html", _page(workdir, verdicts, films, trial))
    table = asal_page.table([trial.title], [verdicts])
    print(table if trial.prompted else table.replace("similarity to the prompt", "score".ljust(24)), flush=True)
    print(f"page: {workdir / 'index.html'}", flush=True)


def _finalist(rescore: asal_heldout.Rescore, keys: Array, state: search.State, trial: Trial) -> tuple[PyTree, float]:
    if state.elite_fitness.shape[0] == 1:  # nothing to choose from
        return state.best, -float(state.best_fitness)
    return asal_heldout.finalist(rescore, keys, jax.tree.map(lambda leaf: leaf[None], state), trial.context)


def held_out_keys(seed: int, n: int) -> Array:
    """Returns n keys of initial states that no search of this seed has seen."""
    return jax.random.split(jax.random.fold_in(jax.random.key(seed), _HELD_OUT), n)


def write_pictures(workdir: Path, film: Float[np.ndarray, "T H W 3"], options: Options) -> None:
    """Writes the film of the found world and its contact sheet."""
    moving = viz.encode_film(film)
    viz.save(workdir / f"best.{moving.kind}", moving.content)
    chosen = np.unique(np.linspace(0, len(film) - 1, options.sheet).round().astype(int))
    viz.save(workdir / "sheet.png", viz.encode_png(viz.contact_sheet(film[chosen])))


def _page(workdir: Path, verdicts: dict[str, Verdict], films: dict[str, np.ndarray], trial: Trial) -> str:
    stored = rundir.load(workdir)
    session = stored["sessions"][-1]
    comparison = asal_page.comparison(trial.title, verdicts, films, [_curve(workdir)])
    if not trial.prompted:
        comparison = comparison._replace(score_label="score")
    config = viz.Section("How it was made", tables=[viz.Table(stored["config"], caption="Config")])
    facts = {"world": stored["config"]["world"], "seed": trial.seed, **spent(workdir), **session["versions"]}
    return viz.page(trial.title, [comparison, config], footer=" ".join(session["command"]), facts=facts)


def _curve(workdir: Path) -> viz.Curve:
    logged = report.read_metrics(workdir)
    best = -logged["best_fitness"]
    finite = np.isfinite(best)
    return viz.Curve(logged["step"][finite].tolist(), best[finite].tolist(), "best so far")


def spent(workdir: Path) -> dict[str, Any]:
    """Returns how many generations a run made and how long it took."""
    status = json.loads((workdir / "status.json").read_text())
    return {"generations": status["step"], "seconds": round(status["seconds"], 1)}
