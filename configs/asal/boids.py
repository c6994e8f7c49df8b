"""Boids, a flock that learns to turn, searched for a text prompt.

jaxlife run --config=configs/asal/boids.py --config.prompts="a spiral" --workdir=runs/boids
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.search(
        arg,
        prompts="a spiral",
        world="boids",
        world_args={"image_size": 64},
        strategy={"sigma": 0.3},
        stride=256,
        generations=60,
        smoke={"world_args.image_size": 32},
    )
