import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlife.viz.atlas import layout


def gaps(points):
    apart = np.abs(points[:, None] - points[None]).max(-1)
    return apart + np.where(np.eye(len(points)), np.inf, 0)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(0, 5), st.integers(0, 1000))
def test_parted_points_have_room_and_stay_where_there_is_some(n, copies, seed):
    points = np.random.default_rng(seed).random((n, 2))
    points[: min(copies, n)] = points[0]
    made = layout.separate(points, 64)
    assert gaps(made).min(initial=np.inf) >= 1 / 64 - 1e-12
    assert np.all((made > 0) & (made < 1))
    alone = gaps(points).min(axis=1) > 4 / 64
    assert np.all(np.abs(made - points)[alone] <= 0.5 / 64 + 1e-12)


def test_worlds_that_all_coincide_become_a_block():
    made = layout.separate(np.full((49, 2), 0.5), 64)
    assert np.ptp(made * 64, axis=0).tolist() == [6, 6]
    with pytest.raises(ValueError, match="at least 7"):
        layout.separate(np.full((49, 2), 0.5), 6)


def test_the_farthest_comes_next():
    points = np.random.default_rng(0).random((40, 2))
    order = layout.farthest_first(points, 3)
    assert order[0] == 3
    assert sorted(order) == list(range(40))
    reach = [np.abs(points[order[:i]] - points[order[i]]).max(-1).min() for i in range(1, 40)]
    assert np.all(np.diff(reach) <= 1e-12)  # so the first pictures cover the map
    for i in range(1, 39):  # the next was the farthest of those that were left
        rest = [np.abs(points[order[:i]] - points[j]).max(-1).min() for j in order[i:]]
        assert reach[i - 1] == max(rest)


def test_every_map_gives_each_world_a_place_of_its_own(monkeypatch):
    z = np.random.default_rng(0).normal(size=(50, 8))
    z[:5] = z[0]  # dead worlds look the same
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    monkeypatch.setattr(layout, "neighbour_map", lambda z: ("UMAP", z[:, 3:5]))
    made = layout.layouts(z, first=7)
    assert [m.name for m in made] == ["UMAP", "PCA", "Grid"]
    for m in made:
        assert m.order[0] == 7
        assert gaps(m.points).min() >= m.gap - 1e-12
        assert np.all((m.points >= 0) & (m.points <= 1))
    grid = made[-1].points * 8 - 0.5
    np.testing.assert_allclose(grid, np.rint(grid), atol=1e-9)


def test_the_neighbours_are_found_without_any_package(monkeypatch):
    monkeypatch.setattr(layout.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(layout.tsne, "tsne", lambda z, perplexity: z[:, :2] * perplexity)
    z = np.eye(40)
    name, points = layout.neighbour_map(z)
    assert name == "t-SNE"
    np.testing.assert_allclose(points[:2, :2], 13 * np.eye(2))
    monkeypatch.setattr(layout, "_MOST_PAIRED", 39)
    assert layout.neighbour_map(z) is None
