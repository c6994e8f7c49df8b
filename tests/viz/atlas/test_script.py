"""The numeric modules of the page's script, run by node."""

import json
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

from jaxlife.viz import atlas
from jaxlife.viz.atlas import layout

FOLDER = pathlib.Path(atlas.__file__).parent
MODULES = ("bytes", "isolation", "camera", "search")


def run(script, **given):
    """Runs JavaScript that returns a value, with the modules and `given` in sight."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on PATH")
    source = "\n".join((FOLDER / f"{name}.js").read_text() for name in MODULES)
    wrapped = f"{source}\nconst given = {json.dumps(given)};\nconsole.log(JSON.stringify((() => {{{script}}})()));"
    return json.loads(subprocess.run([node, "-e", wrapped], capture_output=True, text=True, check=True).stdout)


def test_at_no_zoom_do_two_pictures_overlap_and_zooming_in_only_adds():
    draw = np.random.default_rng(0)
    points = layout.separate(np.clip(draw.normal(0.5, 0.12, (300, 2)), 0, 1), 288)
    shown = run(
        """
        const order = Uint32Array.from(given.order), own = { gap: 1 / 288, fitted: 700, tiled: false };
        const isolated = isolation.measure(Float32Array.from(given.points), order);
        return given.scales.map((k) => {
          const side = camera.side({ k }, own, 58);
          return [side, given.order.filter((i) => isolation.isShown(isolated[i], k, side))];
        });
        """,
        points=points.ravel().tolist(),
        order=layout.farthest_first(points, 0).tolist(),
        scales=(scales := np.geomspace(350, 1.05 * 168 * 288, 40).tolist()),
    )
    before: set[int] = set()
    for k, (side, now) in zip(scales, shown, strict=True):
        apart = np.abs(points[now, None] - points[None, now]).max(-1) + 9 * np.eye(len(now))
        assert apart.min() * k >= side * (1 - 1e-5)  # positions are stored in 32 bits
        hidden = np.setdiff1d(np.arange(300), now)
        nearest = np.abs(points[hidden, None] - points[None, now]).max(-1).min(1, initial=9)
        assert np.all(nearest * k <= side * (1 + 1e-5))  # and where there is room, there is a picture
        assert before <= set(now)
        before = set(now)
    assert len(before) == 300  # as near as one can get, every world is seen


def test_zooming_leaves_what_is_under_the_pointer_and_panning_follows_the_hand():
    moved = run("""
        const view = { x: 0.5, y: 0.4, k: 800, width: 1000, height: 700 };
        const own = { gap: 1 / 256, fitted: 700, tiled: false, box: [0, 0, 1, 1] };
        const before = camera.toMap(view, 200, 600), near = camera.zoom(view, own, 3, 200, 600);
        const panned = camera.pan(view, own, 40, -80);
        return [before, camera.toMap(near, 200, 600), near.k, camera.toMap(panned, 240, 520),
                camera.zoom(view, own, 1e9, 0, 0).k, camera.fit({ box: [0, 0, 1, 0.5], gap: 0.01 }, 1000, 700,
                { left: 50, right: 150, top: 100, bottom: 0 })];
    """)
    np.testing.assert_allclose(moved[0], moved[1])
    np.testing.assert_allclose(moved[0], moved[3])
    assert moved[2] == 2400
    np.testing.assert_allclose(moved[4], 1.05 * 168 * 256)
    whole = moved[5]
    left = (0 - whole["x"]) * whole["k"] + 500
    assert abs(left - 50) < 1e-6
    assert abs(left + whole["k"] - 850) < 1e-6


def test_a_text_is_read_as_the_longest_phrases_that_are_known():
    words = ["red", "a red ring", "red rings on black", "glass", "maze"]
    found = run("return given.texts.map((text) => search.phrases(given.words, text));", words=words, texts=[
        "Red RINGS", "two red rings!", "a red maze", "glasses", "glass", "xyzzy", "  ", "red rings on black",
    ])  # fmt: skip
    assert found == [[1], [1], [0, 4], [], [3], [], [], [2]]


def test_similarities_and_rows_are_those_of_numpy():
    draw = np.random.default_rng(0)
    z = draw.normal(size=(6, 5))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    stored = np.rint(z * 32767).astype(int)
    found = run(
        """
        const rows = Int16Array.from(given.rows), own = search.similarity(rows, 5, search.rowOf(rows, 5, 2));
        return [Array.from(own), Array.from(search.best(own)), Array.from(search.blend(rows, 5, [0, 1])),
                bytes.row(Float32Array.from(given.table), [2, 3], 1), bytes.row(Uint8Array.from([0, 1]), [], 1, true)];
        """,
        rows=stored.ravel().tolist(),
        table=list(range(12)),
    )
    np.testing.assert_allclose(found[0], z @ z[2], atol=2e-4)
    np.testing.assert_array_equal(found[1], np.argsort(-(z @ z[2])))
    np.testing.assert_allclose(found[2], (z[0] + z[1]) / np.linalg.norm(z[0] + z[1]), atol=1e-4)
    assert found[3:] == [[[6, 7, 8], [9, 10, 11]], True]
