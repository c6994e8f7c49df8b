"""Lenia illuminated: the paper's genetic algorithm beside MAP-Elites and novelty search, one measure for all.

jaxlife run --config=configs/illumination/lenia.py --workdir=runs/illuminate_lenia
jaxlife run --config=configs/illumination/lenia.py:paper --workdir=runs/paper_lenia    # 10,000 generations

The full size was not run; no number is known.
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.illumination(
        arg,
        world="lenia",
        world_args={"size": 64},
        spread=0.3,
        sigma=0.1,
        stride=256,
        generations=120,
        smoke={"world_args.size": 32},
    )
