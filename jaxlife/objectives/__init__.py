"""What is searched for: scores of trajectories, and problem suites."""

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
    "Score",
    "combine",
    "illumination",
    "illumination_loss",
    "last_frame",
    "open_endedness",
    "softmax_target",
    "target",
]
