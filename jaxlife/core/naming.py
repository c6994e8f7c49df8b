"""Registries are plain dicts; a name that is not in one gets an error that shows the nearest.

What a config gives to a factory is checked against the factory's signature: names, and the types that are plain.
"""

import difflib
import inspect
import numbers
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

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
    if isinstance(name, str) and name in registry:
        return registry[name]
    raise ValueError(f"unknown {kind} {name!r}: {suggest(name, registry)}known: {', '.join(sorted(registry))}")


def check_arguments(function: Callable[..., object], given: Mapping[str, object], *, kind: str) -> None:
    """Refuses keywords that a function does not take, by their names and by their types.

    Args:
        function: what will be called.
        given: its keywords.
        kind: what takes them, in the error.

    Raises:
        ValueError: one it does not take, with the nearest that it does, or a value of another type than annotated.

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
    check_types(function, given, kind=kind)


def check_types(function: Callable[..., object], given: Mapping[str, object], *, kind: str) -> None:
    """Refuses values that are not of the types a function is annotated with; only plain types are looked at.

    Args:
        function: what will be called.
        given: its keywords.
        kind: what takes them, in the error.

    Raises:
        ValueError: a text where a number is expected, and the like.

    Example:
        >>> def factory(size: int = 8): ...
        >>> check_types(factory, {"size": "16"}, kind="the world 'x'")
        Traceback (most recent call last):
        ValueError: the world 'x': size: expected int, got '16'
    """
    hints = typing.get_type_hints(function)
    for name, value in given.items():
        if name in hints and not _fits(value, hints[name]):
            raise ValueError(f"{kind}: {name}: expected {_plain(hints[name])}, got {value!r}")


def _fits(value: object, hint: Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(v, inner[1]) for v in value.values())
    if origin is Sequence:
        return isinstance(value, list | tuple) and all(_fits(v, inner[0]) for v in value)
    if hint in (int, float):
        number = numbers.Integral if hint is int else numbers.Real
        return isinstance(value, number) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (str, bool, types.NoneType) else True


def _plain(hint: Any) -> str:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(_plain(one) for one in typing.get_args(hint))
    if hint is types.NoneType:
        return "nothing"
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint).split(".")[-1]


def suggest(name: str, known: Mapping[str, object] | list[str]) -> str:
    """Returns "did you mean 'x'? " for the nearest known name, or an empty string.

    Example:
        >>> suggest("promt", ["prompts", "seed"])
        "did you mean 'prompts'? "
    """
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f"did you mean {near[0]!r}? " if near else ""
