"""What is searched for: scores of trajectories, and problem suites."""

from jaxlife.objectives.bbob import Problem, Suite, bbob, bbob_suite, evaluate_problem
from jaxlife.objectives.box import Point, evaluate_point
from jaxlife.objectives.control import Control, control
from jaxlife.objectives.direction import maximise
from jaxlife.objectives.running_time import (
    ecdf,
    expected_running_time,
    first_hits,
    median_interval,
    performance_profile,
)
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
    "Control",
    "Point",
    "Problem",
    "Score",
    "Suite",
    "bbob",
    "bbob_suite",
    "combine",
    "control",
    "ecdf",
    "evaluate_point",
    "evaluate_problem",
    "expected_running_time",
    "first_hits",
    "illumination",
    "illumination_loss",
    "last_frame",
    "maximise",
    "median_interval",
    "open_endedness",
    "performance_profile",
    "softmax_target",
    "target",
]
