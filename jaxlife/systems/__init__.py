"""The systems: builders only, from keyword arguments to an `Assembly`."""

from jaxlife.systems.asal import asal

__all__ = ["asal"]
