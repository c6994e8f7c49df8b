"""What a language model is taught: a teacher's search told up to generation t, and the teacher's next mean.

The prompt is the one that EvoLLM asks with, in the frame of the teacher's own distribution; the answer is the cell of
the teacher's mean t + 1 in that frame. Only the answer is learnt.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxlife.core.types import Array, Int
from jaxlife.models.llm import packing
from jaxlife.strategies import trajectory
from jaxlife.strategies.evollm import form, grid, histories, queries, search
from jaxlife.strategies.evollm.answer import Query
from jaxlife.strategies.evollm.queries import Layout


class Lessons(NamedTuple):
    """L generations of searches in one size (D, N).

    Attributes:
        query: leaves [L, ...].
        answer: int[L, Q, B], the teacher's next mean.
    """

    query: Query
    answer: Int[Array, "L Q B"]


def of_search(one: trajectory.Trajectory, layout: Layout) -> Lessons:
    """Returns a lesson for each generation of a search.

    Args:
        one: x [T, N, D] and so on.
        layout: how it is told; `frame` must be above 0, for a teacher has no box.

    Raises:
        ValueError: a layout with a fixed box, or fewer candidates than members.

    Example:
        >>> zeros = [jnp.zeros(shape) for shape in ((5, 8, 3), (5, 8), (6, 3))]
        >>> one = trajectory.Trajectory(*zeros, jnp.ones((6, 3)))
        >>> of_search(one, Layout()).answer.shape
        (5, 3, 1)
    """
    queries.check(layout)
    if layout.frame == 0:
        raise ValueError("frame: expected a number of standard deviations, got 0: a teacher has no box")
    n_members, dim = one.x.shape[-2:]
    if n_members < layout.members:
        raise ValueError(f"members: expected at most {n_members}, the teacher's population, got {layout.members}")
    start = histories.empty(layout.generations, layout.members, dim, one.x.dtype)
    improvement = jnp.float32(layout.improvement)

    def generation(history: histories.History, seen: tuple[Array, ...]) -> tuple[histories.History, Lessons]:
        key, x, f, mean, std, after = seen
        history = histories.push(key, history, x, f, choose=layout.choose)
        low, high = search.frame(mean, std, None, layout)
        cells = queries.split(grid.to_integers(after, low, high, layout.resolution), layout.block)
        return history, Lessons(queries.query(history, low, high, improvement, layout), cells)

    keys = jax.random.split(jax.random.key(0), one.x.shape[0])
    return jax.lax.scan(generation, start, (keys, one.x, one.f, one.mean[:-1], one.std[:-1], one.mean[1:]))[1]


def draw(lessons: Lessons, n: int, seed: int) -> Query:
    """Draws single blocks out of lessons.

    Args:
        lessons: leaves [L, ...].
        n: how many blocks, at most L Q.
        seed: of the draw.

    Returns:
        A `Query` of NumPy arrays with leading axis n in the place of L Q, and `best` replaced by the answers: x [n, K,
        M, B], f [n, K, M], shown [n, K, M], best [n, B].

    Raises:
        ValueError: more than there are.
    """
    query, answer = jax.tree.map(np.asarray, lessons)
    n_lessons, n_blocks = answer.shape[:2]
    if not 0 < n <= n_lessons * n_blocks:
        raise ValueError(f"lessons: expected 1 to {n_lessons * n_blocks} of these searches, got {n}")
    which = np.random.default_rng(seed).choice(n_lessons * n_blocks, n, replace=False)
    lesson, block = which // n_blocks, which % n_blocks
    return Query(query.x[lesson, block], query.f[lesson], query.shown[lesson], answer[lesson, block])


def examples(drawn: Query, tables: form.Tables) -> list[packing.Example]:
    """Writes lessons as token ids; the answer and the end of its line are learnt.

    Args:
        drawn: see `draw`.
        tables: ids of the form.
    """
    ids, lengths = jax.vmap(lambda x, f, shown: form.ids(tables, x, f, shown))(drawn.x, drawn.f, drawn.shown)
    out = []
    for row, length, numbers in zip(np.asarray(ids), np.asarray(lengths), drawn.best, strict=True):
        prompt = [*tables.head, *form.squeeze(row, length)]
        reply = form.answer_ids(tables, numbers)
        out.append(packing.Example([*prompt, *reply], [False] * len(prompt) + [True] * len(reply)))
    return out


def errors(answered: Any, drawn: Query) -> dict[str, float]:
    """Measures answers against the teacher's, in cells: of the answers, of the best member, and of standing still.

    Args:
        answered: int[n, B].
        drawn: see `draw`; every layout with a moving frame has the old mean in its middle.

    Example:
        >>> drawn = Query(np.array([[[[40]]]]), np.array([[[9]]]), np.ones((1, 1, 1), bool), np.array([[52]]))
        >>> errors(np.array([[53]]), drawn)
        {'answer': 1.0, 'copy best': 12.0, 'stand still': 2.0}
    """
    truth = np.asarray(drawn.best)
    members = drawn.x.reshape(truth.shape[0], -1, truth.shape[1])
    f = np.where(drawn.shown, drawn.f, np.inf).reshape(truth.shape[0], -1)
    best = members[np.arange(truth.shape[0]), f.argmin(axis=1)]
    half = 10 ** len(str(int(members.max()))) // 2
    guesses = {"answer": np.asarray(answered), "copy best": best, "stand still": np.full_like(truth, half)}
    return {name: float(np.mean(np.abs(guess - truth))) for name, guess in guesses.items()}
