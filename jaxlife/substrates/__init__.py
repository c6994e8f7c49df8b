"""Worlds of artificial life: one file each, every one a `Substrate`."""

from collections.abc import Callable

from jaxlife.core.protocol import Substrate

SUBSTRATES: dict[str, Callable[..., Substrate]] = {}

__all__ = ["SUBSTRATES"]
