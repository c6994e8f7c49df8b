"""Writes bbob.npz: COCO's values and optima of the 24 functions, 6 dimensions and 5 instances, at points drawn here.

python tests/golden/make_bbob.py, with `pip install coco-experiment` (2.8.2) in the environment.
"""

import os
import pathlib
import tempfile

import cocoex
import numpy as np

FUNCTIONS, DIMS, INSTANCES = range(1, 25), (2, 3, 5, 10, 20, 40), range(1, 6)


def points(dim):
    """Four points inside the box, one partly outside, rounded so that float32 holds them exactly."""
    rng = np.random.default_rng(dim)
    x = np.concatenate([rng.uniform(-5, 5, (4, dim)), rng.uniform(-7, 7, (1, dim))])
    return x.astype(np.float32).astype(np.float64)


def best_parameter(problem):
    """COCO writes the optimum to a file of the working directory, and to nowhere else."""
    problem._best_parameter("print")
    return np.loadtxt("._bbob_problem_best_parameter.txt")


def main():
    place = pathlib.Path(__file__).resolve().parent / "bbob.npz"
    os.chdir(tempfile.mkdtemp())
    suite = cocoex.Suite("bbob", "instances: 1-5", "dimensions: " + ",".join(map(str, DIMS)))
    found = {}
    for dim in DIMS:
        x = points(dim)
        values = np.empty((len(FUNCTIONS), len(INSTANCES), len(x)))
        optima = np.empty((len(FUNCTIONS), len(INSTANCES), dim))
        f_opt = np.empty((len(FUNCTIONS), len(INSTANCES)))
        for i, function in enumerate(FUNCTIONS):
            for j, instance in enumerate(INSTANCES):
                problem = suite.get_problem_by_function_dimension_instance(function, dim, instance)
                values[i, j] = [problem(point) for point in x]
                optima[i, j] = best_parameter(problem)
                f_opt[i, j] = problem(optima[i, j])
        found |= {f"{dim}.x": x, f"{dim}.values": values, f"{dim}.x_opt": optima, f"{dim}.f_opt": f_opt}
    np.savez_compressed(place, **found)


if __name__ == "__main__":
    main()
