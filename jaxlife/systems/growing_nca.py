"""Trains a growing neural cellular automaton to grow a picture, keep it, and mend it (Mordvintsev et al. 2020).

A generation takes a batch of patterns from a pool, puts a fresh seed in the place of the worst, wounds the best, lets
all grow for a random number of steps, descends the squared error of RGBA, and puts the patterns back. The pool is part
of the state.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import struct

from jaxlife.core.protocol import Assembly
from jaxlife.core.types import Array, Float, Metrics, PRNGKey, PyTree
from jaxlife.substrates.nca_growing import ALPHA, grow
from jaxlife.substrates.nca_growing import Params as Weights
from jaxlife.substrates.nca_growing import nca_growing as world_of

_SMALL = 1e-8


@struct.dataclass(kw_only=True)
class State:
    """weights: of the automaton. optimizer: its moments. pool: [P, C, H, W] patterns. generation: how many so far."""

    weights: Weights
    optimizer: PyTree
    pool: Float[Array, "P C H W"]
    generation: Array


@struct.dataclass(kw_only=True)
class Params:
    """target: [4, H, W] RGBA, RGB times alpha. learning_rate: of Adam. drop: generation at which it falls tenfold."""

    target: Float[Array, "4 H W"]
    learning_rate: Float[Array, ""]
    drop: Float[Array, ""]


def growing_nca(
    target: Float[np.ndarray, "H W 4"],
    *,
    channels: int = 16,
    units: int = 128,
    fire: float = 0.5,
    pool: int = 1024,
    batch: int = 8,
    wounded: int = 3,
    steps: tuple[int, int] = (64, 96),
    learning_rate: float = 2e-3,
    drop: int = 2000,
) -> Assembly:
    """Builds the trainer.

    loss = mean (s_RGBA - target)^2 after n ~ U{steps} steps;   g <- g / (|g| + 1e-8) for each weight array;   Adam

    Args:
        target: square picture, RGB multiplied by alpha, in [0, 1]; leave an empty margin for the pattern to grow into.
        channels: C, numbers a cell.
        units: of the hidden layer.
        fire: share of the cells that update in a step.
        pool: P, patterns that are kept.
        batch: patterns that a generation trains on.
        wounded: how many of them, the best ones, lose a disc.
        steps: smallest and largest number of steps that a batch grows.
        learning_rate: of Adam.
        drop: generation at which the learning rate falls tenfold.

    Returns:
        The trainer; `state.weights` are params of `substrates.nca_growing` with the same channels, units and fire.

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> trainer = growing_nca(np.ones((8, 8, 4)), channels=6, units=4, pool=4, batch=2, wounded=1, steps=(2, 3))
        >>> state = trainer.init(jax.random.key(0), trainer.params)
        >>> state, out = jax.jit(trainer.step)(jax.random.key(1), state, trainer.params, None)
        >>> sorted(out), state.pool.shape
        (['loss'], (4, 6, 8, 8))

    Reference:
        Mordvintsev, Randazzo, Niklasson, Levin, "Growing neural cellular automata" (Distill, 2020), experiment 3.
    """
    target = np.asarray(target, np.float32)
    _check(target, pool, batch, wounded, steps)
    size, fewest, most = target.shape[0], *steps
    world = world_of(size=size, channels=channels, units=units, fire=fire)
    optimizer = optax.scale_by_adam()
    params = Params(
        target=jnp.moveaxis(jnp.asarray(target), -1, 0),
        learning_rate=jnp.float32(learning_rate),
        drop=jnp.float32(drop),
    )

    def init(key: PRNGKey, params: Params) -> State:
        weights = world.default_params(key)
        seed = world.init(key, weights).cells
        filled = jnp.broadcast_to(seed[None], (pool, *seed.shape))
        return State(
            weights=weights, optimizer=optimizer.init(weights), pool=filled, generation=jnp.zeros((), jnp.int32)
        )

    def run(weights: Weights, key: PRNGKey, cells: Float[Array, "B C H W"], length: Array) -> Float[Array, "B C H W"]:
        def one(cells: Array, i: Array) -> tuple[Array, None]:
            after = grow(jax.random.fold_in(key, i), cells, weights, fire=fire)
            return jnp.where(i < length, after, cells), None

        grown, _ = jax.lax.scan(jax.checkpoint(one), jnp.moveaxis(cells, 1, 0), jnp.arange(most))
        return jnp.moveaxis(grown, 0, 1)

    def step(key: PRNGKey, state: State, params: Params, x: None) -> tuple[State, Metrics]:
        pick_key, hurt_key, length_key, run_key = jax.random.split(key, 4)
        chosen = jax.random.choice(pick_key, pool, (batch,), replace=False)
        cells = state.pool[chosen]
        order = jnp.argsort(-errors(cells, params.target))
        chosen, cells = chosen[order], cells[order]
        cells = cells.at[0].set(world.init(key, state.weights).cells)
        if wounded:
            keep = jax.vmap(lambda k: intact(k, size))(jax.random.split(hurt_key, wounded))
            cells = cells.at[batch - wounded :].multiply(keep[:, None])
        length = jax.random.randint(length_key, (), fewest, most + 1)

        def loss(weights: Weights) -> tuple[Array, Array]:
            grown = run(weights, run_key, cells, length)
            return jnp.mean(errors(grown, params.target)), grown

        (error, grown), gradient = jax.value_and_grad(loss, has_aux=True)(state.weights)
        gradient = jax.tree.map(lambda g: g / (jnp.sqrt(jnp.sum(g**2)) + _SMALL), gradient)
        update, moments = optimizer.update(gradient, state.optimizer)
        rate = params.learning_rate * jnp.where(state.generation < params.drop, 1.0, 0.1)
        weights = jax.tree.map(lambda w, u: w - rate * u, state.weights, update)
        after = State(
            weights=weights,
            optimizer=moments,
            pool=state.pool.at[chosen].set(grown, unique_indices=True),
            generation=state.generation + 1,
        )
        return after, {"loss": error}

    return Assembly(init, step, params, lambda state, params, out: out)


def errors(cells: Float[Array, "B C H W"], target: Float[Array, "4 H W"]) -> Float[Array, "B"]:
    """Measures the mean squared error of RGBA of each pattern.

    Example:
        >>> errors(jnp.zeros((1, 5, 2, 2)), jnp.ones((4, 2, 2))).tolist()
        [1.0]
    """
    return jnp.mean((cells[:, : ALPHA + 1] - target[None]) ** 2, axis=(1, 2, 3))


def intact(key: PRNGKey, size: int) -> Float[Array, "H W"]:
    """Draws a wound: 0 inside a disc at a random place, 1 elsewhere; its radius is 0.1 to 0.4 of half the side.

    Args:
        key: for the draw.
        size: cells along each side.

    Example:
        >>> mask = intact(jax.random.key(0), 16)
        >>> mask.shape, sorted(set(mask.ravel().tolist()))
        ((16, 16), [0.0, 1.0])
    """
    centre_key, radius_key = jax.random.split(key)
    line = jnp.linspace(-1, 1, size)
    centre = jax.random.uniform(centre_key, (2,), minval=-0.5, maxval=0.5)
    radius = jax.random.uniform(radius_key, (), minval=0.1, maxval=0.4)
    square = (line[:, None] - centre[0]) ** 2 + (line[None] - centre[1]) ** 2
    return (square >= radius**2).astype(jnp.float32)


def _check(target: np.ndarray, pool: int, batch: int, wounded: int, steps: tuple[int, int]) -> None:
    if target.ndim != 3 or target.shape[0] != target.shape[1] or target.shape[2] != 4:
        raise ValueError(f"target: expected a square picture [H, H, 4] with RGBA, got shape {target.shape}")
    if not 0 <= target.min() <= target.max() <= 1:
        raise ValueError(f"target: expected values in [0, 1], got {target.min()} to {target.max()}; divide by 255?")
    if not 1 <= batch <= pool:
        raise ValueError(f"batch: expected 1 to pool={pool}, got {batch}")
    if not 0 <= wounded < batch:
        raise ValueError(f"wounded: expected 0 to batch - 1 = {batch - 1}, one place is the seed's; got {wounded}")
    if not 1 <= steps[0] <= steps[1]:
        raise ValueError(f"steps: expected 1 <= smallest <= largest, got {steps}")
