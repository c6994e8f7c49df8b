"""Flags of the small commands: `--name=value` by the type of the default, and what stands without a name."""

import argparse
from collections.abc import Sequence
from typing import Any


def parse(argv: Sequence[str], *positional: str, **flags: Any) -> argparse.Namespace:
    """Reads a command's arguments.

    Args:
        argv: without the program's name.
        *positional: names of what has to stand there.
        **flags: name -> default; a bool is set by its bare name, a None takes text.

    Raises:
        ValueError: an unknown flag, a value of another type, or something missing.

    Example:
        >>> parse(["runs/x", "--port=8000"], "workdir", port=0, loud=False)
        Namespace(workdir='runs/x', port=8000, loud=False)
    """
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    for name in positional:
        parser.add_argument(name, nargs="?")
    for name, default in flags.items():
        if isinstance(default, bool):
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(f"--{name}", type=str if default is None else type(default), default=default)
    try:
        found, unknown = parser.parse_known_args(list(argv))
    except argparse.ArgumentError as error:
        raise ValueError(str(error)) from error
    if unknown:
        raise ValueError(f"unknown argument {unknown[0]!r}; --help shows what there is")
    for name in positional:
        if getattr(found, name) is None:
            raise ValueError(f"{name.upper()} is missing; --help shows how")
    return found
