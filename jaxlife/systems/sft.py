"""Supervised fine-tuning of a language model, as a System: one step is one update.

    loss = - sum_t mask_t log p(ids_t | ids_<t of the same text) / sum_t mask_t

What learns is either the weights or LoRA adapters beside frozen weights; either is a plain pytree in the state, so
that training vmaps (seeds, learning rates), shards, checkpoints and resumes like any other System.
"""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxlife.core.protocol import Assembly
from jaxlife.core.types import Array, PRNGKey, PyTree
from jaxlife.models.adapters import lora, targets
from jaxlife.models.llm import score
from jaxlife.models.llm.config import Config
from jaxlife.models.llm.decoder import Decoder
from jaxlife.models.llm.packing import Rows


@struct.dataclass(kw_only=True)
class Params:
    """What training reads; all of it traced.

    Attributes:
        context: weights of the decoder: frozen under LoRA, the starting point of full training.
        rows: the packed training set.
        learning_rate: peak of the schedule.
    """

    context: PyTree
    rows: Rows
    learning_rate: Array


@struct.dataclass(kw_only=True)
class State:
    """learned: adapters, or weights. optimizer: optax's moments. n: updates made."""

    learned: PyTree
    optimizer: PyTree
    n: Array


def sft(
    config: Config,
    weights: PyTree,
    rows: Rows,
    *,
    batch: int = 8,
    accumulate: int = 1,
    learning_rate: float = 1e-3,
    warmup: int = 10,
    decay: int = 1000,
    rank: int = 8,
    alpha: float = 16.0,
    adapt: Iterable[str] = targets.ALL,
    full: bool = False,
    remat: bool = True,
    clip: float = 1.0,
    mesh: Mesh | None = None,
    dtype: Any = jnp.float32,
) -> Assembly:
    """Builds the trainer.

    Args:
        config: of the decoder.
        weights: its params.
        rows: packed examples, see `packing.pack`.
        batch: rows an update, drawn without replacement.
        accumulate: parts that the batch is worked through in, to save memory; the update is the same.
        learning_rate: peak; reached after `warmup` updates, and down to a tenth by a cosine after `decay`.
        warmup: updates.
        decay: updates.
        rank: of LoRA.
        alpha: of LoRA.
        adapt: matrices that LoRA goes on.
        full: train the weights themselves.
        remat: compute activations again in the backward pass.
        clip: largest norm of a gradient.
        mesh: devices; rows of a batch are parted over its first axis.
        dtype: of activations.

    Returns:
        An `Assembly`: `step` gives `loss`, `grad_norm` and `tokens`; `state.learned` are the adapters or the weights.

    Raises:
        ValueError: a batch that is larger than the set, or that `accumulate` does not divide.

    Example:
        >>> from jaxlife.models.llm import decoder, packing
        >>> sizes = {"n_layers": 1, "width": 8, "hidden": 8, "n_heads": 2, "n_kv_heads": 1, "head_dim": 4}
        >>> config = Config(**sizes, vocab=9, context=8, tied=True)
        >>> weights = Decoder(config).init(jax.random.key(0), jnp.zeros((1, 2), jnp.int32))["params"]
        >>> trainer = sft(config, weights, packing.pack([packing.Example([1, 2], [False, True])], 4), batch=1, rank=1)
        >>> state = trainer.init(jax.random.key(1), trainer.params)
        >>> sorted(trainer.step(jax.random.key(2), state, trainer.params, ())[1])
        ['grad_norm', 'loss', 'tokens']
    """
    n_rows = rows.ids.shape[0]
    if not 0 < batch <= n_rows:
        raise ValueError(f"batch: expected 1 to {n_rows}, the number of rows, got {batch}")
    if accumulate < 1 or batch % accumulate:
        raise ValueError(f"accumulate: expected a divisor of batch={batch}, got {accumulate}")
    adapt = tuple(adapt)
    network = Decoder(config, dtype, remat=remat)
    schedule = optax.warmup_cosine_decay_schedule(0.0, 1.0, max(warmup, 1), max(decay, warmup + 1), 0.1)
    optimizer = optax.chain(optax.clip_by_global_norm(clip), optax.scale_by_adam())

    def nll(learned: PyTree, params: Params, part: Rows) -> Array:
        base, adapters = (learned, None) if full else (params.context, learned)
        scores = score.token_log_probs(network, base, jnp.asarray(part.ids), adapters=adapters, reach=part.reach)
        return -jnp.sum(scores * part.mask)

    def init(key: PRNGKey, params: Params) -> State:
        learned = params.context
        if not full:
            learned = lora.init(key, params.context, rank=rank, alpha=alpha, targets=adapt)
        return State(learned=learned, optimizer=optimizer.init(learned), n=jnp.zeros((), jnp.int32))

    def step(key: PRNGKey, state: State, params: Params, x: PyTree) -> tuple[State, dict[str, Array]]:
        del x
        chosen = jax.random.choice(key, n_rows, (batch,), replace=False)
        parts = jax.tree.map(lambda a: jnp.reshape(jnp.asarray(a)[chosen], (accumulate, -1, a.shape[1])), params.rows)
        if mesh is not None:
            spread = NamedSharding(mesh, PartitionSpec(None, mesh.axis_names[0]))
            parts = lax.with_sharding_constraint(parts, spread)

        def add(total: PyTree, part: Rows) -> tuple[PyTree, None]:
            return jax.tree.map(jnp.add, total, jax.value_and_grad(nll)(state.learned, params, part)), None

        nothing = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, state.learned))
        (loss, grads), _ = lax.scan(add, nothing, parts)
        tokens = jnp.maximum(jnp.sum(parts.mask), 1.0)
        grads = jax.tree.map(lambda g: g / tokens.astype(g.dtype), _frozen_scales(grads))
        updates, moments = optimizer.update(grads, state.optimizer)
        rate = params.learning_rate * schedule(state.n + 1)  # the first update moves too
        learned = jax.tree.map(lambda w, u: w - rate.astype(w.dtype) * u, state.learned, updates)
        out = {"loss": loss / tokens, "grad_norm": optax.tree.norm(grads), "tokens": tokens}
        return State(learned=learned, optimizer=moments, n=state.n + 1), out

    params = Params(context=weights, rows=jax.tree.map(jnp.asarray, rows), learning_rate=jnp.float32(learning_rate))
    return Assembly(init, step, params, lambda state, params, out: out)


def _frozen_scales(grads: PyTree) -> PyTree:
    """The scale of a LoRA is a constant of its shape, not a weight."""
    is_lora = lambda n: isinstance(n, lora.LoRA)  # noqa: E731
    return jax.tree.map(lambda g: g.replace(scale=jnp.zeros_like(g.scale)) if is_lora(g) else g, grads, is_leaf=is_lora)
