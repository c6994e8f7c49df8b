"""The main job: Gray-Scott searched for four prompts, each beside a random search of equal budget.

jaxlife run --config=configs/targets/gray_scott.py --config.prompts="a red ring; green spots" --workdir=runs/mine

All four prompts: 4 min 54 s on two CPU cores, compilation included; 70 generations, 8,960 worlds a strategy.
Similarity on 16 held-out states, found and (best of the random search): a red ring .415 (.228), green spots .463
(.368), a blue maze .489 (.368), orange coral .319 (.184).
"""

from pathlib import Path

from jaxlife.bin import settings

SEARCHED = Path(__file__).parents[1] / "asal" / Path(__file__).name


def get_config(arg=None):  # noqa: ANN001, ANN201
    prompts = ("a red ring", "green spots", "a blue maze", "orange coral")
    return settings.contest(arg, str(SEARCHED), prompts=prompts, generations=70)
