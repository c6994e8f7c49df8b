"""Particle Life, searched for a text prompt.

jaxlife run --config=configs/asal/particle_life.py --config.prompts="a galaxy" --workdir=runs/particle_life
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
