"""jaxlife: artificial life, evolution and foundation models as pure step functions over pytrees.

    import jaxlife as jl

Every name below is imported when it is first used, so that `import jaxlife` costs little more than `import jax`.
"""

import importlib
from typing import Any

from jaxlife.version import __version__

_ROOMS = ("core", "experiment", "models", "objectives", "ops", "strategies", "substrates", "systems", "viz")
_NAMES = {
    "Assembly": "core.protocol",
    "Evals": "core.protocol",
    "Strategy": "core.protocol",
    "Substrate": "core.protocol",
    "System": "core.protocol",
    "population": "core.population",
    "rollout": "core.rollout",
    "search": "core.search",
    "tree": "core.tree",
}

__all__ = ["__version__", *_ROOMS, *_NAMES]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"jaxlife.{name}")
    if name in _NAMES:
        module = importlib.import_module(f"jaxlife.{_NAMES[name]}")
        value = module if name == "tree" else getattr(module, name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'jaxlife' has no attribute {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__() -> list[str]:
    return sorted(__all__)
