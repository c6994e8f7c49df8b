"""Whatever asks and tells: evolution strategies, genetic algorithms, archives, and evosax's algorithms by name.

Every factory in `STRATEGIES` takes the prototype of a solution first and the rest as keywords; `evosax` takes the name
of an algorithm before it and is reached on its own.
"""

from collections.abc import Callable
from typing import NamedTuple

from jaxlife.core.protocol import Strategy
from jaxlife.strategies.evosax import evosax, evosax_names
from jaxlife.strategies.illumination_ga import illumination_ga
from jaxlife.strategies.random_search import random_search
from jaxlife.strategies.sep_cma_es import sep_cma_es


class Entry(NamedTuple):
    """A registered strategy.

    Attributes:
        factory: `(prototype, *, population=..., **hyper) -> Strategy`.
        host: it leaves JAX (text, a remote model): drive it with a Python loop, not inside jit.
        archive: it needs `Evals.descriptor`; its factory takes `descriptor_size`.
    """

    factory: Callable[..., Strategy]
    host: bool = False
    archive: bool = False


STRATEGIES: dict[str, Entry] = {
    "illumination_ga": Entry(illumination_ga, archive=True),
    "random_search": Entry(random_search),
    "sep_cma_es": Entry(sep_cma_es),
}

__all__ = ["STRATEGIES", "Entry", "evosax", "evosax_names", "illumination_ga", "random_search", "sep_cma_es"]
