"""An illumination as a job: its archives play again, its table measures all strategies, bad fields are named."""

import json

import jax
import numpy as np
import pytest

from jaxlife import experiment, models, substrates
from jaxlife.bin import illumination_job, illumination_report
from jaxlife.core import rollout
from jaxlife.experiment import archive_file

FIELDS = {
    "world": "gray_scott",
    "world_args": {"size": 16},
    "encoder": "pixels",
    "strategies": {"illumination_ga": {}, "map_elites": {}, "novelty_search": {"neighbours": 2}},
    "population": 2,
    "capacity": 6,
    "scout": 1,
    "spread": 0.5,
    "planes": 4,
    "frames": 1,
    "stride": 4,
    "thumbnail": 8,
    "seed": 3,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("illumination")
    assembly, on_finish = illumination_job.build(**FIELDS)
    experiment.run(
        assembly,
        assembly.params,
        jax.random.key(0),
        steps=4,
        chunk=4,
        workdir=workdir,
        config=FIELDS,
        on_finish=on_finish,
    )
    return workdir


@pytest.mark.slow
def test_every_strategy_leaves_an_archive_that_plays_again(finished):
    world = substrates.gray_scott(size=16)
    encoder = models.load("pixels")
    prototype = world.default_params(jax.random.key(0))
    run = jax.jit(rollout.rollout(world, 1, 4, observe=lambda s, p, out: world.render(s, p)))
    for folder in (finished, finished / "map_elites", finished / "novelty_search"):
        archive = archive_file.read(folder)
        assert archive.world == "gray_scott"
        assert archive.thumbnails.shape[1:] == (8, 8, 3)
        _, rgb = run(jax.random.key(archive.seed), archive_file.world_params(archive, 0, prototype))
        np.testing.assert_allclose(encoder.embed_image(encoder.weights, rgb)[0], archive.embeddings[0], atol=1e-4)
        assert (folder / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_measures_all_alike_and_the_page_is_there(finished):
    table = json.loads((finished / "coverage.json").read_text())
    assert list(table) == ["illumination_ga", "map_elites", "novelty_search", "random worlds"]
    assert table["illumination_ga"]["worlds"] == 6
    assert all(set(row) == set(illumination_report.MEASURES) for row in table.values())
    assert "Illumination of gray_scott" in (finished / "index.html").read_text()
    assert (finished / "cells.svg").read_text().startswith("<?xml")


def test_a_sheet_puts_like_beside_like():
    z = np.eye(4, 6)[[0, 1, 0, 1]] + 0.01 * np.eye(4, 6)
    pictures = np.array([10, 200, 12, 202], np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    sheet = illumination_report.sheet(z, pictures)
    assert sheet.shape == (4, 4, 3)
    rows = sheet[::2, ::2, 0]
    assert sorted(abs(int(r[0]) - int(r[1])) for r in rows) == [2, 2]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"world": "gray_scot"}, "did you mean 'gray_scott'"),
        ({"strategies": {"novelty": {}}}, "did you mean 'novelty_search'"),
        ({"strategies": {}}, "at least one"),
        ({"scout": 0}, "scout: expected"),
        ({"chunk": -1}, "chunk: expected"),
    ],
)
def test_bad_fields_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        illumination_job.build(**{**FIELDS, **changed})
