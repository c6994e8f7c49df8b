"""Worlds seen again: films of many at once, and the embeddings of what they became.

World i is `rollout(world, ...)(key, params_i)`: all start with one key, as an archive's worlds do. The pictures of a
film are equally far apart, and its last is of the moment at which the worlds were seen.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxlife.core import rollout
from jaxlife.core.protocol import Substrate
from jaxlife.core.types import Array, Float, PyTree, Shaped
from jaxlife.models.encoder import Encoder


def films(
    world: Substrate, *, steps: int, pictures: int, stride: int = 0
) -> Callable[[Array, PyTree], Shaped[Array, "N T H W 3"]]:
    """Returns `(key, params[N, ...]) -> uint8[N, T, H, W, 3]`, T pictures, the last after `steps`.

    The first of T pictures is taken after `steps - (T - 1) stride`; where there are not that many steps, T is less.
    What is not finite is black: a world that blew up is still a world of the archive.

    Args:
        world: the substrate.
        steps: how long the worlds run, at least 1.
        pictures: how many to take, at least 1.
        stride: steps between two; 0 spreads them over all the steps.

    Raises:
        ValueError: `steps` or `pictures` below 1, or a negative stride.

    Example:
        >>> import jaxlife as jl
        >>> world = jl.substrates.gray_scott(size=8)
        >>> params = jax.vmap(world.default_params)(jax.random.split(jax.random.key(0), 2))
        >>> films(world, steps=7, pictures=3)(jax.random.key(0), params).shape
        (2, 3, 8, 8, 3)
    """
    for name, count in (("steps", steps), ("pictures", pictures)):
        if count < 1:
            raise ValueError(f"{name}: expected at least 1, got {count}")
    if stride < 0:
        raise ValueError(f"stride: expected at least 1, or 0 to spread the pictures, got {stride}")
    taken = min(pictures, steps // stride if stride else steps) or 1
    stride = min(stride, steps) or steps // taken
    before = steps - taken * stride

    def see(state: PyTree, params: PyTree, out: PyTree) -> Shaped[Array, "H W 3"]:
        rgb = jnp.nan_to_num(world.render(state, params), nan=0.0, posinf=0.0, neginf=0.0)
        return jnp.round(jnp.clip(rgb, 0.0, 1.0) * 255).astype(jnp.uint8)

    run = rollout.rollout(world, taken, stride, observe=see)
    wait = rollout.rollout(world, 1, before, observe=lambda state, params, out: ()) if before else None

    def one(key: Array, params: PyTree) -> Shaped[Array, "T H W 3"]:
        state = wait(key, params)[0] if wait else None
        return run(key, params, state=state, start=before)[1]

    return jax.vmap(one, in_axes=(None, 0))


def sight(world: Substrate, encoder: Encoder, *, steps: int) -> Callable[..., tuple[Float[Array, "N D"], Array]]:
    """Returns `(key, params[N, ...], weights) -> (z[N, D], uint8[N, H, W, 3])`: the worlds after `steps`, embedded.

    Example:
        >>> import jaxlife as jl
        >>> world, encoder = jl.substrates.gray_scott(size=8), jl.models.load("pixels")
        >>> params = jax.vmap(world.default_params)(jax.random.split(jax.random.key(0), 2))
        >>> z, picture = sight(world, encoder, steps=4)(jax.random.key(0), params, encoder.weights)
        >>> z.shape, picture.shape
        ((2, 192), (2, 8, 8, 3))
    """
    shoot = films(world, steps=steps, pictures=1)

    def see(key: Array, params: PyTree, weights: PyTree) -> tuple[Float[Array, "N D"], Array]:
        last = shoot(key, params)[:, -1]
        return encoder.embed_image(weights, last.astype(jnp.float32) / 255), last

    return see


__all__ = ["films", "sight"]
