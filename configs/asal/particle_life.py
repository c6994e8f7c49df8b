"""Particle Life, searched for a text prompt.

jaxlife run --config=configs/asal/particle_life.py --config.prompts="a galaxy" --workdir=runs/particle_life

The full run was not made: after 25 of 60 generations the best similarity that the search saw was .150.
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.search(
        arg,
        prompts="a galaxy",
        world="particle_life",
        world_args={"n_particles": 256, "image_size": 64, "render_radius": 0.02},
        strategy={"sigma": 0.5, "scout": {"generations": 8, "sigma": 1.0}},
        stride=250,
        generations=60,
        smoke={"world_args.n_particles": 16},
    )
