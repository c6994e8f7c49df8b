"""A second look at what was found, on initial states that no search has seen.

The best of many noisy evaluations is partly luck. So the elites of all restarts are run again from a few validation
states and the best by those is kept; what is reported comes from a third set of states, by which nothing was chosen.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxlife.core import search
from jaxlife.core.types import Array, Float, PyTree
from jaxlife.ops import intervals
from jaxlife.systems.asal import Context, trial
from jaxlife.systems.asal_parts import Parts

Rescore = Callable[[Array, PyTree, Context], Float[Array, "K S"]]
"""`(keys[S], candidates[K, ...], context) -> similarities[K, S]`."""


class Verdict(NamedTuple):
    """What a world turned out to be worth.

    Attributes:
        params: of the world.
        search_score: the similarity that the search saw; None for a world that was not searched for.
        scores: [S], similarities from the held-out states.
        interval: their mean with its 95 % interval.
    """

    params: PyTree
    search_score: float | None
    scores: Float[np.ndarray, "S"]
    interval: intervals.Interval


def rescorer(parts: Parts, *, frames: int, stride: int, batch: int = 16) -> Rescore:
    """Returns the function that runs candidates again; a pure function, to be jitted by the caller.

    Args:
        parts: world, encoder and score of the search.
        frames: as in the search.
        stride: as in the search.
        batch: worlds run at once.

    Returns:
        `(keys[S], candidates[K, ...], context) -> similarities[K, S]`, the negative of the score.

    Raises:
        ValueError: `batch` below 1.
    """
    if batch < 1:
        raise ValueError(f"batch: expected at least one world at once, got {batch}")
    run = trial(parts.world, parts.encoder, parts.score, frames=frames, stride=stride)

    def rescore(keys: Array, candidates: PyTree, context: Context) -> Float[Array, "K S"]:
        n_seeds = keys.shape[0]
        n = jax.tree.leaves(candidates)[0].shape[0]

        def one(pair: Array) -> Array:
            candidate = jax.tree.map(lambda leaf: leaf[pair // n_seeds], candidates)
            return -run(keys[pair % n_seeds], candidate, context)[0]

        return jax.lax.map(one, jnp.arange(n * n_seeds), batch_size=batch).reshape(n, n_seeds)

    return rescore


def finalist(rescore: Rescore, keys: Array, states: search.State, context: Context) -> tuple[PyTree, float]:
    """Chooses among the elites of several restarts the candidate with the best mean on validation states.

    Args:
        rescore: from `rescorer`.
        keys: [V], of the validation states.
        states: of R searches for the same prompt, leading axis R.
        context: of those searches.

    Returns:
        The candidate, and the similarity that its search saw.

    Raises:
        ValueError: every candidate failed from every state.
    """
    candidates = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), states.elite)
    means = np.nan_to_num(np.mean(rescore(keys, candidates, context), axis=1), nan=-np.inf)
    winner = int(np.argmax(means))
    if not np.isfinite(means[winner]):
        raise ValueError("every candidate of the search failed from every validation state; lower the strategy's sigma")
    seen = -float(states.elite_fitness.reshape(-1)[winner])
    return jax.tree.map(lambda leaf: leaf[winner], candidates), seen


def verdict(rescore: Rescore, keys: Array, params: PyTree, search_score: float | None, context: Context) -> Verdict:
    """Measures one world on held-out states, with a 95 % interval of the mean.

    Args:
        rescore: from `rescorer`.
        keys: [S], of the held-out states, at least 2.
        params: of the world.
        search_score: what the search saw, for the record.
        context: of the search.
    """
    one = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], params)
    scores = np.asarray(rescore(keys, one, context)[0])
    return Verdict(params, search_score, scores, intervals.mean_interval(scores))
