"""Every strategy of the registry keeps the laws of a Strategy."""

import jax.numpy as jnp
import pytest
from flax import struct

from jaxlife.core import checks, tree
from jaxlife.strategies import STRATEGIES


@struct.dataclass(kw_only=True)
class World:
    """A prototype with a bounded field, an integer one, and one that is not searched."""

    rate: jnp.ndarray = tree.param(low=1e-3, high=1e3, transform="log")
    rule: jnp.ndarray = tree.param(transform="bits", bits=5)
    pattern: jnp.ndarray = tree.frozen()


WORLD = World(rate=jnp.full((2,), 2.0), rule=jnp.asarray(9), pattern=jnp.ones(3))
SMALL = {"illumination_ga": {"capacity": 8, "descriptor_size": 3}, "map_elites": {"bins": 2, "descriptor_size": 3}}


@pytest.mark.parametrize("name", [name for name, entry in STRATEGIES.items() if not entry.host])
def test_laws_of_a_strategy(name, key):
    entry = STRATEGIES[name]
    prototype = WORLD if name == "sep_cma_es" else jnp.ones(3)  # one of them with all kinds of fields
    strategy = entry.factory(prototype, population=6, **SMALL.get(name, {}))
    checks.check_strategy(strategy, prototype, key, descriptor_size=3 if entry.archive else 0)


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_bad_population_is_refused(name):
    with pytest.raises(ValueError, match="population: expected"):
        STRATEGIES[name].factory(WORLD, population=0)
