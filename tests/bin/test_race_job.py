"""The race as a job: its table is numpy's, its racers are those that the config names."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife.bin import race_job, race_report

CURVES = {"a": 10.0 ** np.random.default_rng(0).uniform(-3, 3, (2, 9, 4)), "b": np.full((2, 9, 4), 0.1)}
TRIAL = race_report.Trial((1, 8), (1,), {"h": 4}, (2.0, -8.0, 5))


def test_the_table_holds_the_medians_of_the_last_generation():
    rows = race_report.table(CURVES, TRIAL).splitlines()
    assert rows[0] == "| strategy | f1 | f8 (unseen) |"
    medians = [float(cell.split("[")[0]) for cell in rows[2].split("|")[2:4]]
    np.testing.assert_allclose(medians, np.median(np.log10(CURVES["a"][:, :, -1]), axis=1), atol=0.0051)
    assert rows[3] == "| b | -1.00 [-1.00, -1.00] | -1.00 [-1.00, -1.00] |"


def test_the_shares_count_what_was_reached():
    targets = np.array([100.0, 1.0])
    budgets, shares = race_report.shares(CURVES, targets, 4)
    best = np.minimum.accumulate(CURVES["a"], axis=2)
    assert budgets.tolist() == [4, 8, 12, 16]
    np.testing.assert_allclose(
        shares["a"], [np.mean(best[:, :, t, None] <= targets[None, None]) for t in range(4)], atol=1e-12
    )


def test_names_that_do_not_exist_are_refused_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'snes'"):
        race_job.named("snse", jnp.zeros(3), 4, {})
    with pytest.raises(ValueError, match="each function once"):
        race_job.build(strategies={"snes": {}}, sizes=((2, 4),), seen=(1,), unseen=(1,), seeds=2, length=3)
