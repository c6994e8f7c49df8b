"""How good an Evolution Transformer is as a student: its divergence from teachers. How far it gets: `systems.race`."""

import jax

from jaxlife.core.types import Array, Float
from jaxlife.models import evotf
from jaxlife.models.evotf import features, imitation
from jaxlife.strategies.trajectory import Trajectory


def divergences(
    checkpoint: evotf.Checkpoint, stack: Trajectory, *, legacy: bool = False, drop: tuple[str, ...] = ()
) -> Float[Array, "M"]:
    """Returns the mean KL of each recorded search (teacher forced), over its first `checkpoint.context` generations.

    Args:
        checkpoint: the student.
        stack: M searches.
        legacy: compute features with the quirks of the released checkpoint.
        drop: groups of features that read 0.

    Raises:
        ValueError: an unknown group.
    """
    options = checkpoint.options._replace(
        legacy=legacy or checkpoint.options.legacy, drop=(*checkpoint.options.drop, *drop)
    )
    features.check(options)
    network, length = evotf.EvoTransformer(checkpoint.config), min(checkpoint.context, stack.f.shape[1])

    def one(search: Trajectory) -> Array:
        x, f, mean, std = search.x[:length], search.f[:length], search.mean[: length + 1], search.std[: length + 1]
        inputs = features.of_trajectory(x, f, mean[:-1], std[:-1], options)
        return imitation.loss(network, checkpoint.weights, inputs, mean, std)

    return jax.vmap(one)(stack)
