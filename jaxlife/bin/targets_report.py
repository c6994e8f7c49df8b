"""What a contest leaves in its folder: the worlds it found, films of them, and one page that compares them."""

import re
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxlife import viz
from jaxlife.bin import asal_report
from jaxlife.bin.asal_report import Options
from jaxlife.core.types import Array, PyTree
from jaxlife.experiment import report, rundir
from jaxlife.systems import asal_heldout, asal_page, asal_targets
from jaxlife.systems.asal import Context
from jaxlife.systems.asal_heldout import Rescore, Verdict
from jaxlife.systems.asal_parts import Parts

UNSEARCHED = "unsearched start"


class Contest(NamedTuple):
    """What was contested: parts, prompts, names of the strategies (the search first), seed, context and counts."""

    parts: Parts
    prompts: list[str]
    strategies: list[str]
    seed: int
    context: Context
    frames: int
    stride: int


def write(workdir: Path, state: PyTree, contest: Contest, options: Options) -> None:
    """Judges the worlds found for every prompt and writes the files.

    Args:
        workdir: the run's folder, with metrics.jsonl and config.json.
        state: the last state of the contest, a dict of searches by strategy.
        contest: what was searched for.
        options: how thorough to be.
    """
    state = jax.device_get(state)  # plain arrays: picking from them compiles nothing
    rescore = jax.jit(asal_heldout.rescorer(contest.parts, frames=contest.frames, stride=contest.stride))
    held_out = asal_report.held_out_keys(contest.seed + 1, options.seeds)
    steps = contest.frames * contest.stride
    shoot = jax.jit(asal_page.film(contest.parts.world, steps=steps, frames=options.pictures))
    verdicts, comparisons = [], []
    for i, prompt in enumerate(contest.prompts):
        verdicts.append(_judge(rescore, held_out, state, contest, i, options))
        films = {name: np.asarray(shoot(held_out[: options.shown], v.params)) for name, v in verdicts[-1].items()}
        found = contest.strategies[0]
        report.save_params(
            workdir / f"{slug(prompt)}.npz", verdicts[-1][found].params, search_score=verdicts[-1][found].search_score
        )
        moving = viz.encode_film(films[found][0])
        viz.save(workdir / f"{slug(prompt)}.{moving.kind}", moving.content)
        comparisons.append(asal_page.comparison(prompt, verdicts[-1], films, _curves(workdir, prompt)))
    viz.save(workdir / "index.html", _page(workdir, contest, comparisons))
    print(asal_page.table(contest.prompts, verdicts), flush=True)
    print(f"page: {workdir / 'index.html'}", flush=True)


def slug(prompt: str) -> str:
    """Makes a file name of a prompt.

    Example:
        >>> slug("A red ring!")
        'a-red-ring'
    """
    return re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:60] or "prompt"


def _judge(
    rescore: Rescore, held_out: Array, state: PyTree, contest: Contest, index: int, options: Options
) -> dict[str, Verdict]:
    """The finalist of every strategy for one prompt, then the world that nobody searched."""
    n = len(contest.prompts)
    prompt = asal_targets.one_prompt(contest.context.score, index, n)[0]
    context = Context(encoder=contest.context.encoder, score=prompt)
    validation = asal_report.held_out_keys(contest.seed, options.validation)
    verdicts = {}
    for name in contest.strategies:
        searches = asal_targets.one_prompt(state[name], index, n)
        best, seen = asal_heldout.finalist(rescore, validation, searches, context)
        verdicts[name] = asal_heldout.verdict(rescore, held_out, best, seen, context)
    verdicts[UNSEARCHED] = asal_heldout.verdict(rescore, held_out, contest.parts.prototype, None, context)
    return verdicts


def _curves(workdir: Path, prompt: str) -> list[viz.Curve]:
    logged = report.read_metrics(workdir)
    names = sorted((name for name in logged if name.endswith(f"/{prompt}")), key=len)
    return [
        viz.Curve(logged["step"].tolist(), logged[name].tolist(), "search" if i == 0 else "random search")
        for i, name in enumerate(names)
    ]


def _page(workdir: Path, contest: Contest, comparisons: list[viz.Comparison]) -> str:
    stored = rundir.load(workdir)
    session = stored["sessions"][-1]
    config = viz.Section("How it was made", tables=[viz.Table(stored["config"], caption="Config")])
    facts = {
        "world": stored["config"]["world"],
        "seed": contest.seed,
        **asal_report.spent(workdir),
        **{name: session["versions"][name] for name in ("jaxlife", "jax", "python")},
    }
    return viz.page(
        "Creatures found by a text prompt",
        [*comparisons, config],
        footer=" ".join(session["command"]),
        lede="Each world was searched for by the words above it: an evolution strategy changed the world's parameters "
        "until an image-text model found that what grew looked like the prompt. Beside it, what the same budget of "
        "random guesses found, and the world that the search started from.",
        facts=facts,
    )
