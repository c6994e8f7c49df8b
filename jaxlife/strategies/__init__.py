"""Whatever asks and tells: evolution strategies, genetic algorithms, archives, learned optimizers."""

from collections.abc import Callable

from jaxlife.core.protocol import Strategy

STRATEGIES: dict[str, Callable[..., Strategy]] = {}

__all__ = ["STRATEGIES"]
