import numpy as np
import pytest
from scipy import stats

from jaxlife.ops import intervals


def test_the_interval_is_students():
    samples = np.random.default_rng(0).normal(size=16)
    result = intervals.mean_interval(samples)
    low, high = stats.t.interval(0.95, 15, loc=samples.mean(), scale=stats.sem(samples))
    np.testing.assert_allclose(result, (samples.mean(), low, high))


def test_it_covers_the_truth_as_often_as_it_says():
    draws = np.random.default_rng(1).normal(size=(2000, 8))
    covered = [i.low < 0 < i.high for i in map(intervals.mean_interval, draws)]
    assert abs(np.mean(covered) - 0.95) < 0.015


@pytest.mark.parametrize("samples", [np.zeros(1), np.zeros((2, 2))])
def test_too_few_samples_are_refused(samples):
    with pytest.raises(ValueError, match="at least two numbers"):
        intervals.mean_interval(samples)


def test_a_level_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="share in"):
        intervals.mean_interval(np.zeros(3), level=1.0)
