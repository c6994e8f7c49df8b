"""BBOB against COCO itself: values, optima, instances; and its use under jit and vmap."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife import objectives
from jaxlife.objectives.coco import generator

FUNCTIONS, INSTANCES = range(1, 25), range(1, 6)
RUGGED = {16: 2e-2, 19: 4e-2, 23: 2e-3}  # float32 cannot hold their finest waves; the other 21 are within 1e-4


@pytest.fixture(scope="module")
def golden():
    with np.load(pathlib.Path(__file__).parents[1] / "golden" / "bbob.npz") as file:
        return dict(file)


def grid(dim):
    """For each function its five instances, stacked."""
    made = [[objectives.bbob(function=f, instance=i, dim=dim) for i in INSTANCES] for f in FUNCTIONS]
    return [jax.tree.map(lambda *leaves: jnp.stack(leaves), *row) for row in made]


@jax.jit
def evaluate(problems, x):
    """Values at x, and last at the optimum: [24, 5, len(x) + 1]."""

    def one(problem):
        return problem(jnp.concatenate([x, problem.x_opt[None]]))

    return jnp.stack([jax.vmap(one)(stacked) for stacked in problems])


@pytest.mark.parametrize("dim", [2, 3, 5, 10, *(pytest.param(dim, marks=pytest.mark.slow) for dim in (20, 40))])
def test_equals_coco_in_float64(dim, golden):
    with jax.enable_x64(True):
        problems = grid(dim)
        values = evaluate(problems, jnp.asarray(golden[f"{dim}.x"]))
        np.testing.assert_allclose(values[..., :-1], golden[f"{dim}.values"], rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(values[..., -1], golden[f"{dim}.f_opt"], rtol=1e-8, atol=1e-8)
        for problem, x_opt, f_opt in zip(problems, golden[f"{dim}.x_opt"], golden[f"{dim}.f_opt"], strict=True):
            np.testing.assert_allclose(problem.x_opt, x_opt, atol=1e-9)
            np.testing.assert_allclose(problem.f_opt, f_opt, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dim", [2, 10])
def test_equals_coco_in_float32(dim, golden):
    values = evaluate(grid(dim), jnp.asarray(golden[f"{dim}.x"], jnp.float32))[..., :-1]
    assert values.dtype == jnp.float32
    for function, ours, theirs in zip(FUNCTIONS, values, golden[f"{dim}.values"], strict=True):
        tolerance = RUGGED.get(function, 1e-4)
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, err_msg=f"f{function}")


def test_a_new_instance_does_not_compile_again():
    traces = []

    @jax.jit
    def value(problem, x):
        traces.append(1)
        return problem(x)

    x = jnp.ones((2, 3))
    first, second = (value(objectives.bbob(function=15, instance=i, dim=3), x) for i in (1, 2))
    assert not np.allclose(first, second)
    assert len(traces) == 1


@pytest.mark.slow
def test_excess_keeps_what_adding_the_optimal_value_loses():
    problem = objectives.bbob(function=15, instance=1, dim=3)  # f_opt = 1000
    x = problem.x_opt[None] + 1e-4
    excess = jax.jit(lambda problem, x: problem.excess(x)[0])
    assert 0 < float(excess(problem, x)) < 1e-2
    near = objectives.bbob(function=1, instance=1, dim=3)
    tiny = near.x_opt[None] + 1e-5
    assert float(near(tiny)[0] - near.f_opt) == 0
    assert float(excess(near, tiny)) == pytest.approx(3e-10, rel=0.1)


@pytest.mark.slow
def test_gradients_of_smooth_functions_vanish_at_the_optimum():
    for function in (1, 2, 10):
        problem = objectives.bbob(function=function, dim=4)
        gradient = jax.jit(jax.grad(lambda x, problem: problem.excess(x[None])[0]))(problem.x_opt, problem)
        np.testing.assert_allclose(gradient, 0, atol=1e-6)


def test_rotations_are_orthonormal():
    matrix = generator.rotation(20, 1_000_001)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(20), atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"function": 25}, "function: expected 1 to 24, got 25"),
        ({"function": 1, "instance": 0}, "instance: expected an integer of at least 1, got 0"),
        ({"function": 1, "dim": 1}, "dim: expected an integer of at least 2, got 1"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        objectives.bbob(**arguments)


def test_points_of_another_dimension_are_refused():
    with pytest.raises(ValueError, match=r"expected shape \[N, 5\], got \[5\]"):
        objectives.bbob(function=1)(jnp.zeros(5))
