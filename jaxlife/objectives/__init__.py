"""What is searched for: scores of trajectories, and problem suites."""

from jaxlife.objectives.bbob import Problem, bbob
from jaxlife.objectives.scores import (
    Score,
    combine,
    illumination,
    illumination_loss,
    last_frame,
    open_endedness,
    softmax_target,
    target,
)

__all__ = [
    "Problem",
    "Score",
    "bbob",
    "combine",
    "illumination",
    "illumination_loss",
    "last_frame",
    "open_endedness",
    "softmax_target",
    "target",
]
