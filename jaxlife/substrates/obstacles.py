"""Walls for worlds of particles: discs that no agent enters, put into any world by a combinator."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxlife.core.protocol import Substrate
from jaxlife.core.types import Array, Float, Image, PRNGKey, PyTree
from jaxlife.ops import torus

_OUTSIDE = 1e-5  # agents are put this share of the radius outside, so that rounding leaves none inside
_GREY = 0.45


def with_walls(world: Substrate, discs: Sequence[Sequence[float]] | Float[np.ndarray, "M 3"]) -> Substrate:
    """Puts discs into a world of agents on the unit torus; nobody is inside one after any step.

    An agent that a step takes into a disc is put back on its rim, along the shortest way, and its velocity is mirrored
    there if it points inwards:

        x <- c + r n,   v <- v - 2 min(v . n, 0) n,   n = (x - c) / |x - c|

    Speeds are kept, so it serves flocks too. Agents do not see walls, and feel each other through them.

    Args:
        world: a world whose state has `position` [N, 2] in the unit torus, and perhaps `velocity`: `particle_life`,
            `particle_life_plus`, `boids`, `boids_reynolds`.
        discs: (row, column, radius) of each, in sides of the torus; they must not touch.

    Returns:
        The same world with walls, grey in the picture.

    Raises:
        ValueError: a radius out of range, or discs that touch.

    Example:
        >>> import jax
        >>> from jaxlife.substrates.boids_reynolds import boids_reynolds
        >>> world = with_walls(boids_reynolds(n_boids=50, image_size=16), [(0.5, 0.5, 0.3)])
        >>> state = world.init(jax.random.key(0), world.default_params(jax.random.key(0)))
        >>> bool(jnp.all(jnp.linalg.norm(state.position - 0.5, axis=1) >= 0.3))
        True
    """
    walls = np.asarray(discs, np.float32).reshape(-1, 3)
    _check(walls)

    def keep_out(state: Any) -> Any:
        velocity = getattr(state, "velocity", None)
        position, mirrored = expel(state.position, velocity, jnp.asarray(walls, state.position.dtype))
        changed = {"position": position} if mirrored is None else {"position": position, "velocity": mirrored}
        return state.replace(**changed)

    def init(key: PRNGKey, params: PyTree) -> PyTree:
        return keep_out(world.init(key, params))

    def step(key: PRNGKey, state: PyTree, params: PyTree, x: PyTree) -> tuple[PyTree, dict[str, Array]]:
        state, out = world.step(key, state, params, x)
        return keep_out(state), out

    def render(state: PyTree, params: PyTree) -> Image:
        picture = world.render(state, params)
        rows, columns = ((jnp.arange(n) + 0.5) / n for n in picture.shape[:2])
        at = jnp.stack(jnp.meshgrid(rows, columns, indexing="ij"), axis=-1)
        away = torus.norm(torus.shortest(at[:, :, None] - jnp.asarray(walls[:, :2])[None, None]))
        inside = jnp.any(away < jnp.asarray(walls[:, 2])[None, None], axis=-1)
        return jnp.where(inside[..., None], _GREY, picture)

    return world._replace(init=init, step=step, render=render)


def expel(
    position: Float[Array, "N 2"], velocity: Float[Array, "N 2"] | None, discs: Float[Array, "M 3"]
) -> tuple[Float[Array, "N 2"], Float[Array, "N 2"] | None]:
    """Moves agents out of discs and mirrors velocities that point inwards; the equations are at `with_walls`.

    Args:
        position: in the unit torus.
        velocity: of each agent, or None.
        discs: (row, column, radius), apart from each other.

    Returns:
        The positions, and the velocities if there were any.

    Example:
        >>> at, v = expel(jnp.array([[0.5, 0.4]]), jnp.array([[0.0, 1.0]]), jnp.array([[0.5, 0.5, 0.2]]))
        >>> bool(jnp.allclose(at, jnp.array([[0.5, 0.3]]))), v.tolist()
        (True, [[0.0, -1.0]])
    """
    for row, column, radius in discs:
        centre = jnp.stack([row, column])[None]
        away = torus.shortest(position - centre)
        inside = (torus.norm(away) < radius)[:, None]
        # At the very centre no way out is the shortest: straight up, then.
        normal = torus.unit(jnp.where(torus.norm(away)[:, None] > 0, away, jnp.array([[1.0, 0.0]], away.dtype)))
        rim = torus.wrap(centre + (1 + _OUTSIDE) * radius * normal)
        position = jnp.where(inside, rim, position)
        if velocity is not None:
            into = jnp.minimum(jnp.sum(velocity * normal, axis=1, keepdims=True), 0)
            velocity = jnp.where(inside, velocity - 2 * into * normal, velocity)
    return position, velocity


def _check(walls: Float[np.ndarray, "M 3"]) -> None:
    for i, (row, column, radius) in enumerate(walls):
        if not 0 < radius < 0.5:
            raise ValueError(f"discs: expected radii in (0, 0.5), got {radius:g} for disc {i}")
        for j, (other_row, other_column, other_radius) in enumerate(walls[:i]):
            gap = np.array([row - other_row, column - other_column])
            gap = np.hypot(*(gap - np.round(gap)))
            if gap <= (radius + other_radius) * (1 + 10 * _OUTSIDE):
                raise ValueError(f"discs: expected discs apart from each other, got {j} and {i} touching; merge them")
