"""Staircases of performance profiles."""

import pytest

from jaxlife.viz import chart, profile


def test_a_curve_jumps_exactly_at_its_points():
    made = profile.staircases([1, 10, 1000], {"a": [0.2, 0.5, 1.0]})
    assert list(zip(made.curves[0].x, made.curves[0].y, strict=True)) == [
        (0, 0.2),
        (1, 0.2),
        (1, 0.5),
        (3, 0.5),
        (3, 1.0),
    ]


def test_the_chart_can_be_drawn_and_names_everybody():
    text = chart.curves(profile.staircases([1, 10], {"ours": [0.5, 1.0], "theirs": [0.25, 0.75]})).text
    assert "ours" in text
    assert "theirs" in text


def test_bad_axes_are_refused():
    with pytest.raises(ValueError, match="positive, rising"):
        profile.staircases([0, 1], {"a": [0, 1]})
    with pytest.raises(ValueError, match="expected 2 values, one for each x, got 3"):
        profile.staircases([1, 2], {"a": [0, 1, 1]})
