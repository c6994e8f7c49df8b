"""Worlds of artificial life: one file each, every one a `Substrate`.

A factory hides the module of its name (`jl.substrates.gray_scott` is the function); helpers that a user needs are
therefore exported here, and `from jaxlife.substrates.gray_scott import State` reaches the rest.
"""

from collections.abc import Callable

from jaxlife.core.protocol import Substrate
from jaxlife.substrates.boids import boids
from jaxlife.substrates.boids_reynolds import boids_reynolds
from jaxlife.substrates.gray_scott import gray_scott
from jaxlife.substrates.gray_scott import preset as gray_scott_preset
from jaxlife.substrates.lenia import lenia, lenia_classic
from jaxlife.substrates.life import life, life_rule, life_rule_string, life_sliced
from jaxlife.substrates.nca import nca
from jaxlife.substrates.nca_discrete import nca_discrete
from jaxlife.substrates.particle_life import particle_life
from jaxlife.substrates.particle_life_plus import particle_life_plus
from jaxlife.substrates.patterns import read_rle, write_rle

SUBSTRATES: dict[str, Callable[..., Substrate]] = {
    "boids": boids,
    "boids_reynolds": boids_reynolds,
    "gray_scott": gray_scott,
    "lenia": lenia,
    "lenia_classic": lenia_classic,
    "life": life,
    "life_sliced": life_sliced,
    "nca": nca,
    "nca_discrete": nca_discrete,
    "particle_life": particle_life,
    "particle_life_plus": particle_life_plus,
}
"""Name -> factory; add a line here, its import above and its name below."""

__all__ = [
    "SUBSTRATES",
    "boids",
    "boids_reynolds",
    "gray_scott",
    "gray_scott_preset",
    "lenia",
    "lenia_classic",
    "life",
    "life_rule",
    "life_rule_string",
    "life_sliced",
    "nca",
    "nca_discrete",
    "particle_life",
    "particle_life_plus",
    "read_rle",
    "write_rle",
]
