"""Self-referential distillation: Evolution Transformer learns from the best of its own perturbed copies; no teacher.

    w_p = w +- sigma e_p                                   perturbed copies; the first is w itself
    each copy searches the same M tasks with the same noise (common random numbers)
    s_pm = rank of copy p on task m, in [-1/2, 1/2];       r_pm = s_pm + trust mean_m s_pm
    per task, w imitates the search of the copy with the least r_pm: a few gradient steps on the KL, teacher forced

A gate on held-out tasks keeps the best weights so far: what is better there becomes the best and widens sigma; what has
not been better for `patience` gates is given up for the best, and narrows sigma.

Reference: Lange, Tian and Tang, "Evolution Transformer" (arXiv 2403.02985), section 5. The common noise, the ranks and
the gate are ours.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax.flatten_util import ravel_pytree

from jaxlife import objectives, strategies
from jaxlife.core.protocol import Assembly
from jaxlife.core.types import Array, Float, PRNGKey, PyTree
from jaxlife.models.evotf import Checkpoint, Config, EvoTransformer, Options, draw, features, imitation
from jaxlife.ops import ranks
from jaxlife.strategies import trajectory
from jaxlife.systems import evotf_tasks

FLOOR = 1e-8
"""Better values than that are as good as solved."""
HELD_OUT = 1001
"""COCO's number of the first instance of the gate's tasks."""


@struct.dataclass(kw_only=True)
class Params:
    """suite: problems to learn on. gate: H held-out tasks. The rest are the factory's numbers, traced."""

    suite: objectives.Suite
    gate: evotf_tasks.SearchTask
    weights: PyTree
    sigma: Array
    learning_rate: Array
    trust: Array


@struct.dataclass(kw_only=True)
class State:
    """What learns, and the best of it.

    Attributes:
        weights: flat [W], at work.
        optimizer: optax's moments.
        best: flat [W], what the gate let through last.
        best_score: of it, mean log10 over the gate's tasks; +inf before the first gate.
        gate_log: median over the gate's tasks of log10 of the best value that `best` finds; +inf before.
        failures: gates since then.
        sigma: of the perturbations.
        n: iterations made.
    """

    weights: Float[Array, "W"]
    optimizer: PyTree
    best: Float[Array, "W"]
    best_score: Array
    gate_log: Array
    failures: Array
    sigma: Array
    n: Array


def sr_ead(
    *,
    config: Config = Config(n_latents=2, latent_width=8, cross=False),  # noqa: B008
    options: Options = Options(relative=True),  # noqa: B008
    weights: PyTree = None,
    functions: Sequence[int] = evotf_tasks.SEEN,
    instances: int = 12,
    dim: int = 4,
    population: int = 8,
    generations: int = 32,
    tasks: int = 16,
    copies: int = 16,
    imitations: int = 4,
    sigma: float = 0.1,
    sigma_range: tuple[float, float] = (0.01, 0.3),
    learning_rate: float = 1e-3,
    trust: float = 1.0,
    gate_tasks: int = 64,
    gate_every: int = 10,
    patience: int = 3,
) -> Assembly:
    """Builds the trainer; one step is one round of copies, searches and imitation.

    Args:
        config: sizes of the network.
        options: the features that it sees.
        weights: to start from; random when None.
        functions: of BBOB, to learn on.
        instances: of each.
        dim: D.
        population: N of every search.
        generations: T of every search, and the network's context.
        tasks: M, new ones each step.
        copies: perturbed copies, an even number: they come in mirrored pairs.
        imitations: gradient steps on the chosen searches.
        sigma: first standard deviation of the perturbations.
        sigma_range: where the schedule keeps it.
        learning_rate: Adam's.
        trust: how much a copy's mean rank over all tasks counts beside its rank on the task itself.
        gate_tasks: H.
        gate_every: steps between two gates.
        patience: gates without progress until the best weights come back.

    Returns:
        An `Assembly`. `step` gives `loss`, `learned` (share of tasks where a perturbed copy was chosen), `gate` (mean
        log10 at the last gate, what is at work), `best` (median log10 of the best weights) and `sigma`.

    Raises:
        ValueError: an odd number of copies, counts below 1, or whatever strategy and suite refuse.

    Example:
        >>> sizes = {"dim": 2, "population": 4, "generations": 3, "tasks": 2, "copies": 2, "gate_tasks": 2}
        >>> trainer = sr_ead(functions=(1,), instances=1, **sizes)
        >>> jax.eval_shape(trainer.init, jax.random.key(0), trainer.params).gate_log.shape
        ()
    """
    counts = {"tasks": tasks, "imitations": imitations, "gate_tasks": gate_tasks, "gate_every": gate_every}
    for name, value in (*counts.items(), ("patience", patience)):
        if value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    if copies < 2 or copies % 2:
        raise ValueError(f"copies: expected an even number of at least 2 (mirrored pairs), got {copies}")
    network = EvoTransformer(config)
    first = weights if weights is not None else draw(jax.random.key(0), config)
    _, unravel = ravel_pytree(first)
    made = Checkpoint(config, options, generations, first)
    strategy = strategies.evotf(jnp.zeros(dim), population=population, checkpoint=made)
    record = trajectory.record(strategy, objectives.evaluate_problem, generations)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam())

    def search(flat: Array, task: evotf_tasks.SearchTask) -> trajectory.Trajectory:
        params = evotf_tasks.start(strategy.params, task.mean, task.sigma).replace(context=unravel(flat))
        return record(task.key, params, task.problem)

    everywhere = jax.vmap(search, in_axes=(None, 0))  # -> [M, ...]

    def judge(flat: Array, gate: evotf_tasks.SearchTask) -> tuple[Array, Array]:
        f = everywhere(flat, gate).f
        return jnp.mean(quality(f)), jnp.median(jnp.log10(jnp.clip(jnp.min(f, axis=(1, 2)), FLOOR, 1 / FLOOR)))

    def init(key: PRNGKey, params: Params) -> State:
        flat, _ = ravel_pytree(params.weights if params.weights is not None else draw(key, config))
        zero, unknown = jnp.zeros((), jnp.int32), jnp.full((), jnp.inf, flat.dtype)
        return State(
            weights=flat,
            optimizer=optimizer.init(flat),
            best=flat,
            best_score=unknown,
            gate_log=unknown,
            failures=zero,
            sigma=params.sigma,
            n=zero,
        )

    def imitate(state: State, params: Params, chosen: trajectory.Trajectory) -> tuple[State, Array]:
        inputs = jax.vmap(lambda s: features.of_trajectory(s.x, s.f, s.mean[:-1], s.std[:-1], options))(chosen)
        kl = lambda flat: imitation.loss(network, unravel(flat), inputs, chosen.mean, chosen.std)  # noqa: E731

        def update(carry: tuple[Array, Any], _: None) -> tuple[tuple[Array, Any], Array]:
            flat, moments = carry
            loss, grads = jax.value_and_grad(kl)(flat)
            sound = jnp.all(jnp.isfinite(grads))
            step, new = optimizer.update(jnp.where(sound, grads, 0), moments)
            return (flat - params.learning_rate * sound * jnp.asarray(step), new), loss

        (flat, moments), losses = jax.lax.scan(update, (state.weights, state.optimizer), length=imitations)
        return dataclasses.replace(state, weights=flat, optimizer=moments), losses[0]

    def pass_gate(state: State, params: Params) -> tuple[State, Array]:
        score, median = judge(state.weights, params.gate)
        better = score < state.best_score
        failures = jnp.where(better, 0, state.failures + 1)
        back = failures >= patience
        low, high = sigma_range
        factor = jnp.where(better, 1.1, jnp.where(back, 0.8, 1.0))
        best = jnp.where(better, state.weights, state.best)
        fresh = optimizer.init(state.best)
        new = dataclasses.replace(
            state,
            weights=jnp.where(back, best, state.weights),
            optimizer=jax.tree.map(lambda a, b: jnp.where(back, a, b), fresh, state.optimizer),
            best=best,
            best_score=jnp.where(better, score, state.best_score),
            gate_log=jnp.where(better, median, state.gate_log),
            failures=jnp.where(back, 0, failures),
            sigma=jnp.clip(state.sigma * factor, low, high),
        )
        return new, score

    def step(key: PRNGKey, state: State, params: Params, x: PyTree) -> tuple[State, dict[str, Array]]:
        del x
        task_key, noise_key = jax.random.split(key)
        noise = state.sigma * jax.random.normal(noise_key, (copies // 2, state.weights.size))
        moves = jnp.concatenate([jnp.zeros_like(noise[:1]), noise, -noise])
        drawn = jax.vmap(lambda k: evotf_tasks.draw_task(k, params.suite))(jax.random.split(task_key, tasks))
        searches = jax.vmap(everywhere, in_axes=(0, None))(state.weights[None] + moves, drawn)  # [P, M, ...]
        winners = choose(quality(searches.f), params.trust)
        chosen = jax.tree.map(lambda leaf: leaf[winners, jnp.arange(tasks)], searches)
        state, loss = imitate(state, params, chosen)
        state = dataclasses.replace(state, n=state.n + 1)
        due = state.n % gate_every == 0
        state, score = jax.lax.cond(due, pass_gate, lambda s, p: (s, s.best_score), state, params)
        out = {"loss": loss, "learned": jnp.mean(winners > 0), "gate": score, "sigma": state.sigma}
        return state, {**out, "best": state.gate_log, "best_score": state.best_score}

    held_out = objectives.bbob_suite(
        functions=tuple(functions), instances=tuple(range(HELD_OUT, HELD_OUT + instances)), dim=dim
    )
    gate_keys = jax.random.split(jax.random.key(HELD_OUT), gate_tasks)
    params = Params(
        suite=objectives.bbob_suite(functions=tuple(functions), instances=tuple(range(1, 1 + instances)), dim=dim),
        gate=jax.vmap(lambda k: evotf_tasks.draw_task(k, held_out))(gate_keys),
        weights=weights,
        sigma=jnp.float32(sigma),
        learning_rate=jnp.float32(learning_rate),
        trust=jnp.float32(trust),
    )
    return Assembly(init, step, params, lambda state, params, out: out)


def quality(f: Float[Array, "*B T N"]) -> Float[Array, "*B"]:
    """Returns the mean of log10 of the best value so far over the second half of a search: less is better.

    A mean over generations tells two searches with the same noise apart before their ends do. A mean over members would
    reward a search that draws itself together where it stands.

    Example:
        >>> quality(jnp.array([[9.0, 9.0], [0.1, 10.0], [3.0, 1.0], [0.001, 7.0]])).item()
        -2.0
    """
    best = jax.lax.cummin(jnp.min(f, axis=-1), axis=f.ndim - 2)
    late = best[..., f.shape[-2] // 2 :]
    late = jnp.where(jnp.isfinite(late), late, 1 / FLOOR)
    return jnp.mean(jnp.log10(jnp.clip(late, FLOOR, 1 / FLOOR)), axis=-1)


def choose(scores: Float[Array, "P M"], trust: Array | float) -> Array:
    """Returns, for each task, the copy with the least rank on it, plus `trust` times its mean rank over all tasks.

    Ranks make tasks of different scales count alike.

    Example:
        >>> choose(jnp.array([[1.0, 200.0], [2.0, 100.0], [3.0, 900.0]]), 0.0).tolist()
        [0, 1]
    """
    places = jax.vmap(ranks.centred_ranks, in_axes=1, out_axes=1)(scores)
    return jnp.argmin(places + trust * jnp.mean(places, axis=1, keepdims=True), axis=0)
