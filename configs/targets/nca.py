"""A neural cellular automaton, searched for several prompts, each beside a random search of equal budget.

make run WORLD=nca PROMPT="a blue maze"

The full run was not made; no number is known.
"""

from pathlib import Path

from jaxlife.bin import settings

SEARCHED = Path(__file__).parents[1] / "asal" / Path(__file__).name


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.contest(arg, str(SEARCHED), prompts=("a blue maze", "red stripes"), generations=40)
