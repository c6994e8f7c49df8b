import jax
import numpy as np
import pytest

from jaxlife import experiment
from jaxlife.bin import asal_job
from jaxlife.experiment import report
from jaxlife.substrates import gray_scott

FIELDS = {
    "world": "gray_scott",
    "world_args": {"size": 16},
    "encoder": "pixels",
    "objective": "open_endedness",
    "strategy": {"name": "sep_cma_es", "population": 4},
    "frames": 2,
    "stride": 2,
    "n_inits": 1,
    "keep": 2,
    "report": {"seeds": 2, "validation": 2, "shown": 2, "pictures": 2, "sheet": 2},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("asal")
    assembly, on_finish = asal_job.build(**FIELDS)
    result = experiment.run(
        assembly, assembly.params, jax.random.key(0), steps=3, workdir=workdir, config=FIELDS, on_finish=on_finish
    )
    return workdir, result


def test_a_search_leaves_its_params_film_sheet_and_page(finished):
    workdir, _ = finished
    names = {path.name for path in workdir.iterdir()}
    assert {"best.npz", "sheet.png", "index.html", "metrics.jsonl", "config.json"} <= names
    assert names & {"best.mp4", "best.gif"}
    assert (workdir / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert "open endedness" in (workdir / "index.html").read_text()


def test_the_best_params_come_back_and_are_among_those_the_search_kept(finished):
    workdir, result = finished
    prototype = gray_scott(size=16).default_params(jax.random.key(0))
    best = report.load_params(workdir / "best.npz", prototype)
    kept = result.state.elite
    assert any(
        all(np.array_equal(a, b[i]) for a, b in zip(jax.tree.leaves(best), jax.tree.leaves(kept), strict=True))
        for i in range(2)
    )
    assert -np.load(workdir / "best.npz")["search_score"] in result.state.elite_fitness


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"world": "gray_scot"}, "did you mean 'gray_scott'"),
        ({"encoder": "pixel"}, "did you mean 'pixels'"),
        ({"strategy": {"name": "sep_cma"}}, "did you mean 'sep_cma_es'"),
        ({"objective": "open_ended"}, "did you mean 'open_endedness'"),
        ({"report": {"seed": 2}}, "did you mean 'seeds'"),
        ({"devices": 3}, "between 1 and 2 devices"),
        ({"stride": 0}, "stride: expected"),
    ],
)
def test_bad_fields_are_refused_with_the_nearest(changed, message):
    with pytest.raises(ValueError, match=message):
        asal_job.build(**{**FIELDS, **changed})
