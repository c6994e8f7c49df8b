"""Life-like cellular automata, any of the 262,144 rules, searched for a text prompt.

jaxlife run --config=configs/asal/life.py --config.prompts="a white maze" --workdir=runs/life
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.search(
        arg,
        prompts="a white maze",
        world="life",
        world_args={"height": 64, "width": 64},
        strategy={"name": "gaussian_ga", "sigma": 0.7},
        stride=256,
        generations=40,
        smoke={"world_args.height": 32, "world_args.width": 32},
    )
