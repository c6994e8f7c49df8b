"""Several prompts searched for at once, by several strategies of equal budget: a contest in one program.

A prompt is data, so P prompts with R restarts each are P * R copies of one search that differ in their keys and in the
prompt they read. They compile once, share the frozen weights, and stop and resume together.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxlife.core import replicate, search
from jaxlife.core.protocol import Assembly, Strategy
from jaxlife.core.types import Array, PyTree
from jaxlife.systems.asal import Context, asal
from jaxlife.systems.asal_parts import Parts


def targets(
    parts: Parts, prompts: Sequence[str], *, strategies: Mapping[str, Strategy], restarts: int = 1, **options: Any
) -> Assembly:
    """Builds the contest: every strategy searches for every prompt, `restarts` times, one generation a step.

    Args:
        parts: world, encoder and score; the score must be a target, its prompt is replaced by each of `prompts`.
        prompts: what to search for, each on its own (not one after the other in time).
        strategies: name -> strategy, e.g. an evolution strategy and random search; equal populations make equal
            budgets. The first one's similarities are logged under the plain names of the prompts.
        restarts: R, searches of each prompt, at least 1.
        **options: those of `asal.asal`: frames, stride, n_inits, keep, chunk, ...

    Returns:
        An `Assembly`. Its state is a dict of `search.State`s by strategy, with a leading axis P * R, the restarts of
        one prompt side by side; its params are `search.Params` with the strategies' params by name.

    Raises:
        ValueError: no strategy; no prompt, an empty or a repeated one; whatever `asal.asal` refuses.
    """
    names = check_prompts(prompts)
    if not strategies:
        raise ValueError("strategies: expected at least one by its name, got none")
    searches = {
        name: asal(parts.world, parts.encoder, parts.score, strategy, **options)
        for name, strategy in strategies.items()
    }
    axes = search.Params(strategy=None, context=Context(encoder=None, score=0))
    copies = {name: replicate.replicate(one, len(names) * restarts, axes) for name, one in searches.items()}

    def of(name: str, params: search.Params) -> search.Params:
        return search.Params(strategy=params.strategy[name], context=params.context)

    def init(key: jax.Array, params: search.Params) -> dict[str, search.State]:
        keys = jax.random.split(key, len(copies))
        return {name: system.init(k, of(name, params)) for k, (name, system) in zip(keys, copies.items(), strict=True)}

    def step(key: jax.Array, state: PyTree, params: search.Params, x: PyTree) -> tuple[PyTree, dict[str, Any]]:
        keys = jax.random.split(key, len(copies))
        stepped = {
            name: system.step(k, state[name], of(name, params), x)
            for k, (name, system) in zip(keys, copies.items(), strict=True)
        }
        return {name: new for name, (new, _) in stepped.items()}, {name: out for name, (_, out) in stepped.items()}

    def observe(state: PyTree, params: PyTree, out: Mapping[str, Any]) -> dict[str, Array]:
        seen = {}
        for i, name in enumerate(copies):
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
