"""The main job: Gray-Scott searched for four prompts, each beside a random search of equal budget.

jaxlife run --config=configs/targets/gray_scott.py --config.prompts="a red ring; green spots" --workdir=runs/mine
"""

from pathlib import Path

from jaxlife.bin import settings

SEARCHED = Path(__file__).parents[1] / "asal" / Path(__file__).name


def get_config(arg=None):  # noqa: ANN001, ANN201
    prompts = ("a red ring", "green spots", "a blue maze", "orange coral")
    return settings.contest(arg, str(SEARCHED), prompts=prompts, generations=70)
