"""Every checkpoint of Evolution Transformer that was trained here says how."""

import numpy as np
import pytest

from jaxlife.models import evotf

TRAINED = [name for name in evotf.names() if name != "released"]


@pytest.mark.parametrize("name", TRAINED)
def test_a_checkpoint_comes_with_config_curve_and_table(name):
    kept, checkpoint = evotf.history(name), evotf.load(name)
    for field, value in kept["config"]["network"].items():
        assert getattr(checkpoint.config, field) == value
    assert kept["config"]["relative"] == checkpoint.options.relative
    steps = np.array(kept["curve"]["step"])
    assert (np.diff(steps) > 0).all()
    assert steps[-1] == kept["config"]["steps"]
    assert kept["table"]


def test_nothing_is_claimed_of_what_was_not_trained_here():
    with pytest.raises(ValueError, match="not trained here"):
        evotf.history("released")
