"""Several prompts searched for at once, by several strategies of equal budget: a contest in one program.

A prompt is data, so P prompts with R restarts each are P * R copies of one search that differ in their keys and in the
prompt they read. They compile once, share the frozen weights, and stop and resume together.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxlife.core import search
from jaxlife.core.protocol import Assembly, Strategy
from jaxlife.core.types import Array, PyTree
from jaxlife.systems.asal import Context, evaluator
from jaxlife.systems.asal_parts import Parts


def targets(
    parts: Parts,
    prompts: Sequence[str],
    *,
    strategies: Mapping[str, Strategy],
    restarts: int = 1,
    keep: int = 1,
    **options: Any,
) -> Assembly:
    """Builds the contest: every strategy searches for every prompt, `restarts` times, one generation a step.

    Args:
        parts: world, encoder and score; the score must be a target, its prompt is replaced by each of `prompts`.
        prompts: what to search for, each on its own (not one after the other in time).
        strategies: name -> strategy, e.g. an evolution strategy and random search; equal populations make equal
            budgets. The first one's similarities are logged under the plain names of the prompts.
        restarts: R, searches of each prompt, at least 1.
        keep: how many of the best candidates every search remembers.
        **options: those of `asal.evaluator`: frames, stride, n_inits, chunk, ...

    Returns:
        An `Assembly`. Its state is a dict of `search.State`s by strategy, with a leading axis P * R, the restarts of
        one prompt side by side; its params are `search.Params` with the strategies' params by name.

    Raises:
        ValueError: no strategy; no prompt, an empty or a repeated one; whatever `asal.evaluator` refuses.
    """
    names = check_prompts(prompts)
    if not strategies:
        raise ValueError("strategies: expected at least one by its name, got none")
    n_copies = len(names) * restarts
    searchers = {name: search.remember(strategy, keep=keep) for name, strategy in strategies.items()}
    evaluate = evaluator(parts.world, parts.encoder, parts.score, **options)
    own_prompt = Context(encoder=None, score=0)

    def keys_of(key: jax.Array) -> dict[str, jax.Array]:
        keys = jax.random.split(key, (len(searchers), n_copies))
        return {name: keys[i] for i, name in enumerate(searchers)}

    def init(key: jax.Array, params: search.Params) -> dict[str, search.State]:
        keys = keys_of(key)
        return {
            name: jax.vmap(searcher.init, in_axes=(0, None))(keys[name], params.strategy[name])
            for name, searcher in searchers.items()
        }

    def step(key: jax.Array, state: PyTree, params: search.Params, x: PyTree) -> tuple[PyTree, dict[str, Any]]:
        ask_key, evaluate_key, tell_key = jax.random.split(key, 3)
        ask_keys, tell_keys = keys_of(ask_key), keys_of(tell_key)
        asked = {
            name: jax.vmap(searcher.ask, in_axes=(0, 0, None))(ask_keys[name], state[name], params.strategy[name])
            for name, searcher in searchers.items()
        }
        # One evaluation for all strategies: the world and the encoder are traced and compiled once.
        everybody = jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis=1), *(c for c, _ in asked.values()))
        evals = jax.vmap(evaluate, in_axes=(0, 0, own_prompt))(
            jax.random.split(evaluate_key, n_copies), everybody, params.context
        )
        new, out, first = {}, {}, 0
        for name, searcher in searchers.items():
            candidates, asking = asked[name]
            last = first + jax.tree.leaves(candidates)[0].shape[1]
            own = jax.tree.map(lambda leaf, a=first, b=last: leaf[:, a:b], evals)
            new[name], out[name] = jax.vmap(searcher.tell, in_axes=(0, 0, None, 0, 0))(
                tell_keys[name], asking, params.strategy[name], candidates, own
            )
            first = last
        return new, out

    def observe(state: PyTree, params: PyTree, out: Mapping[str, Any]) -> dict[str, Array]:
        seen = {}
        for i, name in enumerate(searchers):
            best = -jnp.min(by_prompt(out[name]["best_fitness"], len(names)), axis=1)
            label = "similarity" if i == 0 else f"similarity of {name}"
            seen |= {label: jnp.mean(best), **{f"{label}/{prompt}": best[j] for j, prompt in enumerate(names)}}
        return seen

    y = parts.encoder.embed_text(parts.encoder.weights, names)
    context = Context(encoder=parts.encoder.weights, score=jnp.repeat(y[:, None], restarts, axis=0))
    params = search.Params(strategy={name: strategy.params for name, strategy in strategies.items()}, context=context)
    return Assembly(init, step, params, observe)


def check_prompts(prompts: Sequence[str]) -> list[str]:
    """Returns the prompts as a list, or says what is wrong with them.

    Raises:
        ValueError: none, an empty or a repeated one.

    Example:
        >>> check_prompts(("a red ring", "green spots"))
        ['a red ring', 'green spots']
    """
    names = [prompts] if isinstance(prompts, str) else [str(p) for p in prompts]
    if not names or not all(name.strip() for name in names):
        raise ValueError(f'prompts: expected at least one, none of them empty, got {names!r}; e.g. "a red ring"')
    if len(set(names)) < len(names):
        raise ValueError(f"prompts: expected each one once, got {names!r}; for several tries raise restarts=")
    return names


def by_prompt(tree: PyTree, n_prompts: int) -> PyTree:
    """Parts the leading axis P * R into [P, R].

    Example:
        >>> by_prompt(jnp.arange(6), 2).tolist()
        [[0, 1, 2], [3, 4, 5]]
    """
    return jax.tree.map(lambda leaf: leaf.reshape(n_prompts, -1, *leaf.shape[1:]), tree)


def one_prompt(tree: PyTree, index: int, n_prompts: int) -> PyTree:
    """Returns the R restarts of one prompt.

    Example:
        >>> one_prompt(jnp.arange(6), 1, 2).tolist()
        [3, 4, 5]
    """
    return jax.tree.map(lambda leaf: leaf[index], by_prompt(tree, n_prompts))
