"""Particle Life, searched for several prompts, each beside a random search of equal budget.

make run WORLD=particle_life PROMPT="a galaxy"

The full run was not made; no number is known.
"""

from pathlib import Path

from jaxlife.bin import settings

SEARCHED = Path(__file__).parents[1] / "asal" / Path(__file__).name


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.contest(arg, str(SEARCHED), prompts=("a galaxy", "colourful dots"), generations=40)
