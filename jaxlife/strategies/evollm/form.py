"""The form of a prompt, as text and as token ids that are put together inside the compiled program.

    f: 99 | x: 12,5          one line a member: its fitness, its coordinates
    f: 60 | x: 40,7
    ##                       between generations
    f: 20 | x: 33,6
    f: 0 | x:                the question: where is this fitness?

The words between the numbers and every integer below R are tokens of their own, looked up once; a prompt is then
gathered from these tables, empty places are squeezed out to the left.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxlife.core import naming
from jaxlife.core.types import Array, Int
from jaxlife.models.llm.tokenizer import Tokenizer

_BLANK = -1


class Form(NamedTuple):
    """The words of a prompt; the numbers come between them.

    Attributes:
        head: before everything; the same for every query, so that it is read once.
        before_f: begins a line.
        before_x: between fitness and coordinates.
        end: of a line.
        between: of generations.
        tail: after the question.
        chat: the text after the head is a user's turn of the model's chat template, the head the system's.
    """

    head: str = ""
    before_f: str = "f: "
    before_x: str = " | x: "
    end: str = "\n"
    between: str = "##\n"
    tail: str = ""
    chat: bool = False


_TASK = (
    "You minimise f(x). Lines show x and its f, better ones later. "
    "Continue with the x that you expect to have the f of the last line.\n"
)

FORMS: dict[str, Form] = {
    "lines": Form(),
    "told": Form(head=_TASK),
    "chat": Form(head=_TASK, chat=True),
    "terse": Form(before_f="", before_x="|", between="#\n"),
}
"""Forms by name: bare lines, lines after a sentence of instruction, the same as a chat, and as few tokens as can be."""


def named(form: str | Form, tokenizer: Tokenizer | None = None) -> Form:
    """Looks a form up; a chat is written out with the model's own template.

    Args:
        form: a key of `FORMS`, or a form.
        tokenizer: whose template a chat takes.

    Raises:
        ValueError: an unknown name, with the nearest; a chat for a model without a template.

    Example:
        >>> named("terse").before_x
        '|'
    """
    found = naming.lookup(FORMS, form, kind="form of a prompt") if isinstance(form, str) else form
    if not found.chat:
        return found
    if tokenizer is None:
        raise ValueError("form: a chat needs the tokenizer of a language model, got none; take 'lines' or 'told'")
    mark = "(lines)"
    turns = [{"role": "system", "content": found.head.strip()}, {"role": "user", "content": mark}]
    head, tail = tokenizer.apply_chat(turns).split(mark)
    return found._replace(head=head, tail=tail, chat=False)


def text(form: Form, x: np.ndarray, f: np.ndarray, shown: np.ndarray) -> str:
    """Writes a prompt.

    Args:
        form: its words.
        x: int[K, M, B] coordinates, in the order in which they are told.
        f: int[K, M] fitness.
        shown: bool[K, M] which lines there are.

    Example:
        >>> print(text(FORMS["terse"], np.array([[[1, 2]], [[3, 4]]]), np.array([[9], [5]]), np.ones((2, 1), bool)))
        9|1,2
        #
        5|3,4
        0|
    """
    generations = []
    for members, values, there in zip(x, f, shown, strict=True):
        lines = [
            f"{form.before_f}{value}{form.before_x}{','.join(str(int(i)) for i in member)}{form.end}"
            for member, value, line in zip(members, values, there, strict=True)
            if line
        ]
        if lines:
            generations.append("".join(lines))
    return f"{form.head}{form.between.join(generations)}{form.before_f}0{form.before_x}{form.tail}"


class Tables(NamedTuple):
    """Token ids of a form.

    Attributes:
        head: of what comes before everything.
        words: ids of `before_f`, `before_x`, `end`, `between`, `tail` and the comma; of `head` too where every prompt
            is to begin with it.
        integers: [R, W] ids of every integer, filled up with -1.
    """

    head: tuple[int, ...]
    words: dict[str, tuple[int, ...]]
    integers: Int[Array, "R W"]


def tables(form: Form, tokenizer: Tokenizer, resolution: int) -> Tables:
    """Looks up the ids of a form's words and of all integers below `resolution`.

    Args:
        form: without `chat`, see `named`.
        tokenizer: of the model.
        resolution: R.
    """
    fields = ("before_f", "before_x", "end", "between", "tail")
    words = {name: tuple(tokenizer.encode(getattr(form, name), begin=False)) for name in fields}
    words["comma"] = tuple(tokenizer.encode(",", begin=False))
    spelt = [tokenizer.encode(str(i), begin=False) for i in range(resolution)]
    integers = np.full((resolution, max(map(len, spelt))), _BLANK, np.int32)
    for row, ids in zip(integers, spelt, strict=True):
        row[: len(ids)] = ids
    return Tables(tuple(tokenizer.encode(form.head)), words, jnp.asarray(integers))


def ids(
    tables: Tables, x: Int[Array, "K M B"], f: Int[Array, "K M"], shown: Array
) -> tuple[Int[Array, "P"], Int[Array, ""]]:
    """Puts a prompt together, without a head that is read once.

    Args:
        tables: see `tables`.
        x: coordinates, in the order in which they are told.
        f: fitness.
        shown: bool[K, M] which lines there are.

    Returns:
        ids[P], flush right behind zeros, and how many of them are the prompt's; P depends on shapes alone.
    """
    rows = x.shape[:2]

    def word(name: str) -> Array:
        one = jnp.asarray(tables.words[name], jnp.int32)
        return jnp.broadcast_to(one, (*rows, one.size))

    pieces: list[Array] = [word("before_f"), tables.integers[f], word("before_x")]
    for i in range(x.shape[-1]):
        pieces += [word("comma")] * (i > 0) + [tables.integers[x[..., i]]]
    lines = jnp.where(shown[..., None], jnp.concatenate([*pieces, word("end")], axis=-1), _BLANK)
    told = jnp.any(shown, axis=1)
    parted = told & (jnp.cumsum(told) > 1)
    between = jnp.where(parted[:, None], word("between")[:, 0], _BLANK)
    body = jnp.concatenate([between, jnp.reshape(lines, (rows[0], -1))], axis=1)
    question = [jnp.asarray(tables.words[name], jnp.int32) for name in ("before_f", "before_x", "tail")]
    question.insert(1, tables.integers[0])
    head = jnp.asarray(tables.words.get("head", ()), jnp.int32)
    flat = jnp.concatenate([head, jnp.ravel(body), *question])
    order = jnp.argsort(flat != _BLANK, stable=True)
    return jnp.maximum(flat[order], 0), jnp.sum(flat != _BLANK).astype(jnp.int32)


def answer_ids(tables: Tables, numbers: Sequence[int]) -> list[int]:
    """Returns the ids of an answer with the end of its line, as a teacher would give it.

    Args:
        tables: see `tables`.
        numbers: B integers.
    """
    integers, out = np.asarray(tables.integers), []
    for i, number in enumerate(numbers):
        out += [*tables.words["comma"]] * (i > 0) + [int(t) for t in integers[number] if t != _BLANK]
    return [*out, *tables.words["end"]]


def squeeze(ids: Int[np.ndarray, "P"], length: int) -> list[int]:
    """Returns a prompt's ids without the zeros before it.

    Example:
        >>> squeeze(np.array([0, 0, 7, 8]), 2)
        [7, 8]
    """
    return [int(i) for i in ids[len(ids) - int(length) :]]


def batch(
    tables: Tables, x: Int[Array, "Q K M B"], f: Int[Array, "K M"], shown: Array
) -> tuple[Int[Array, "Q P"], Int[Array, "Q"]]:
    """Puts the prompts of Q blocks together, which share their fitness column; see `ids`."""
    return jax.vmap(lambda one: ids(tables, one, f, shown))(x)
