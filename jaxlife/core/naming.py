"""Registries are plain dicts; a name that is not in one gets an error that shows the nearest."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def lookup(registry: Mapping[str, T], name: str, *, kind: str) -> T:
    """Returns `registry[name]`, or says what was meant.

    Args:
        registry: name -> entry.
        name: what the user typed.
        kind: what an entry is called in the error, e.g. "substrate".

    Raises:
        ValueError: unknown name, with the nearest names and the whole list.

    Example:
        >>> lookup({"lenia": 1}, "lennia", kind="substrate")
        Traceback (most recent call last):
        ValueError: unknown substrate 'lennia': did you mean 'lenia'? known: lenia
    """
    if name in registry:
        return registry[name]
    raise ValueError(f"unknown {kind} {name!r}: {suggest(name, registry)}known: {', '.join(sorted(registry))}")


def check_arguments(function: Callable[..., object], given: Mapping[str, object], *, kind: str) -> None:
    """Refuses keywords that a function does not take, by their names.

    Args:
        function: what will be called.
        given: its keywords.
        kind: what takes them, in the error.

    Raises:
        ValueError: one it does not take, with the nearest that it does.

    Example:
        >>> check_arguments(lambda *, size=8: size, {"sise": 4}, kind="world 'lenia'")
        Traceback (most recent call last):
        ValueError: unknown argument of world 'lenia' 'sise': did you mean 'size'? known: size
    """
    known = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return
    for name in given:
        lookup(known, name, kind=f"argument of {kind}")


def suggest(name: str, known: Mapping[str, object] | list[str]) -> str:
    """Returns "did you mean 'x'? " for the nearest known name, or an empty string.

    Example:
        >>> suggest("promt", ["prompts", "seed"])
        "did you mean 'prompts'? "
    """
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f"did you mean {near[0]!r}? " if near else ""
