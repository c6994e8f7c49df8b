"""What `jaxlife chat` and `jaxlife generate` share: flags, loading, text that appears as it is written."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

INTERRUPTED = 130


def parse(argv: Sequence[str], **extra: Any) -> argparse.Namespace:
    """Reads the flags of both commands and those of `extra` (name=default; `text` is positional).

    Raises:
        ValueError: an unknown flag, or a value out of its range.

    Example:
        >>> parse(["--tokens=5", "Hello", "you"], text="").text
        'Hello you'
    """
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--top_p", type=float, default=0.95)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--float32", action="store_true", help="weights as they are, instead of int8")
    for name, default in extra.items():
        if name == "text":
            parser.add_argument("text", nargs="*")
        elif default is False:
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(f"--{name}", default=default)
    try:
        flags, unknown = parser.parse_known_args(list(argv))
    except argparse.ArgumentError as error:
        raise ValueError(str(error)) from error
    if unknown:
        raise ValueError(f"unknown argument {unknown[0]!r}; --help shows what there is")
    if "text" in extra:
        flags.text = " ".join(flags.text)
    return flags


def load(flags: argparse.Namespace) -> Any:
    """Loads the model that the flags name."""
    if fancy():
        print(f"loading {flags.model} ...", end="", file=sys.stderr, flush=True)
    try:
        from jaxlife import models  # jax takes a moment: say something first

        if flags.model == "untrained":
            from jaxlife.models import llm

            return llm.untrained()
        return models.load(flags.model, **({} if flags.float32 else {"int8": True}))
    finally:
        _erase()


def fancy() -> bool:
    """Says whether standard error is a terminal that can erase a line and dim a text."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _dim(text: str) -> str:
    return text if os.environ.get("NO_COLOR") else f"\033[2m{text}\033[0m"


def _erase() -> None:
    if fancy():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def interruptible(run: Callable[[Sequence[str]], int]) -> Callable[[Sequence[str]], int]:
    """Ends a command quietly on Ctrl-C, and when whoever reads its output goes away."""

    def quiet(argv: Sequence[str]) -> int:
        try:
            return run(argv)
        except KeyboardInterrupt:
            print(file=sys.stderr)
            return INTERRUPTED
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more to flush at the end
            return 0

    return quiet


def show(lm: Any, prompt: str, flags: argparse.Namespace, n: int) -> str:
    """Prints a continuation as it is written, and how fast that went; Ctrl-C ends it early.

    Args:
        lm: the model.
        prompt: the text before.
        flags: of `parse`.
        n: number of this answer in the session: another draw.

    Returns:
        The text.
    """
    import time

    import jax

    key = jax.random.fold_in(jax.random.key(flags.seed), n)
    options = {"max_new_tokens": flags.tokens, "temperature": flags.temperature, "top_p": flags.top_p, "key": key}
    pieces: list[str] = []
    begun = time.monotonic()
    if fancy():
        print(_dim("..."), end="", file=sys.stderr, flush=True)  # the first answer is compiled
    try:
        for piece in lm.stream(lm.params, prompt, **options):
            if not pieces:
                _erase()
            pieces.append(piece)
            print(piece, end="", flush=True)
    except ValueError:
        _erase()  # the message comes in the place of the dots
        raise
    except KeyboardInterrupt:
        if not pieces:
            _erase()
        print(" [stopped]", end="")
    print()
    text, seconds = "".join(pieces), time.monotonic() - begun
    if fancy():
        count = len(lm.tokenizer.encode(text, begin=False))
        print(_dim(f"{count} tokens in {seconds:.1f} s"), file=sys.stderr)
    return text
