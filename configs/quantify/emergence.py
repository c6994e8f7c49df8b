"""What emerges with the number of particles: one world of Particle Life from 8 particles to 2,048.

jaxlife run --config=configs/quantify/emergence.py --workdir=runs/emergence

The full size was not run. With `--config.sizes="(8,32,128,512)" --config.generations=4 --config.n_inits=8`, similarity
and 95 % interval: .077 [.062, .092], .084 [.073, .094], .109 [.101, .117], .085 [.072, .097]. The world is a random
one: nothing was searched for.
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.quantification(
        arg,
        question="emergence",
        world="particle_life",
        world_args={"image_size": 64, "render_radius": 0.02},
        params="1",
        prompts="a galaxy",
        sizes=(8, 16, 32, 64, 128, 256, 512, 1024, 2048),
        frames=1,
        n_inits=16,
        stride=250,
        generations=9,
        runner={"chunk": 1, "checkpoint_every": 1},
        smoke={"prompts": "", "frames": 2, "sizes": (8, 16), "generations": 2},
    )
