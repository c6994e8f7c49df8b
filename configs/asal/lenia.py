"""Lenia, searched for a text prompt.

jaxlife run --config=configs/asal/lenia.py --config.prompts="green spots" --workdir=runs/lenia
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.search(
        arg,
        prompts="green spots",
        world="lenia",
        world_args={"size": 64},
        strategy={"sigma": 0.1},
        stride=256,
        generations=60,
        smoke={"world_args.size": 32},
    )
