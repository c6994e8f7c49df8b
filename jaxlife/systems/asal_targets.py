"""Several prompts searched for at once: one program, one generation of every search a step.

A prompt is data, so P prompts with R restarts each are P * R copies of one search that differ in their keys and in the
prompt they read. They compile once, share the frozen weights and stop and resume together.
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
    parts: Parts, prompts: Sequence[str], *, restarts: int, strategy: Strategy | None = None, **options: Any
) -> Assembly:
    """Builds the searches for every prompt, `restarts` of each.

    Args:
        parts: world, encoder and score; the score must be a target, its prompt is replaced by each of `prompts`.
        prompts: what to search for, each on its own (not one after the other in time).
        restarts: searches a prompt, at least 1.
        strategy: another one than that of `parts`.
        **options: those of `asal.asal`: frames, stride, n_inits, keep, chunk, ...

    Returns:
        An `Assembly`; every leaf of its state has a leading axis P * R, the restarts of one prompt side by side.

    Raises:
        ValueError: no prompt, an empty or a repeated one, or arguments that `asal.asal` refuses.
    """
    names = check_prompts(prompts)
    one = asal(parts.world, parts.encoder, parts.score, strategy or parts.strategy, **options)
    y = parts.encoder.embed_text(parts.encoder.weights, names)
    params = one.params.replace(context=one.params.context.replace(score=jnp.repeat(y[:, None], restarts, axis=0)))
    axes = search.Params(strategy=None, context=Context(encoder=None, score=0))
    several = replicate.replicate(one, len(names) * restarts, axes)

    def observe(state: PyTree, params: PyTree, out: Mapping[str, Array]) -> dict[str, Array]:
        best = -jnp.min(out["best_fitness"].reshape(len(names), restarts), axis=1)
        return {"similarity": jnp.mean(best), **{f"similarity/{name}": best[i] for i, name in enumerate(names)}}

    return Assembly(several.init, several.step, params, observe)


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
