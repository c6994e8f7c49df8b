"""The two kinds of attention of Evolution Transformer: a perceiver over a set, a pre-norm block over a sequence.

attend(q, m) = W_o concat_h softmax(q_h k_h^T / sqrt(K)) v_h,   k, v = W m
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxlife.core.types import Array, Float

xavier = nn.initializers.xavier_uniform()


class Attention(nn.Module):
    """Multi-head attention of queries over a memory; sows its weights as the intermediate `attention`.

    Attributes:
        width: E, of queries and values, a multiple of `n_heads`.
        n_heads: H.
        bias: whether projections have one.
    """

    width: int
    n_heads: int
    bias: bool = True

    @nn.compact
    def __call__(
        self, queries: Float[Array, "*B Q E"], memory: Float[Array, "*B M E"], mask: Array | None = None
    ) -> Float[Array, "*B Q E"]:
        """Attends; `queries[Q, E]` without batch axes are shared, `mask[Q, M]` is true where a query may look."""
        dense = lambda n, name: nn.Dense(n, use_bias=self.bias, kernel_init=xavier, name=name)  # noqa: E731
        query = _heads(dense(self.width, "query")(queries), self.n_heads)
        key, value = jnp.split(dense(2 * self.width, "key_value")(memory), 2, axis=-1)
        key, value = _heads(key, self.n_heads), _heads(value, self.n_heads)
        pattern = "qhk,...mhk->...hqm" if queries.ndim == 2 else "...qhk,...mhk->...hqm"
        logits = jnp.einsum(pattern, query, key) / jnp.sqrt(jnp.asarray(query.shape[-1], query.dtype))
        if mask is not None:
            mask = jnp.reshape(mask, (1,) * (logits.ndim - 2) + mask.shape)
            logits = jnp.where(mask, logits, jnp.finfo(logits.dtype).min)
        weights = jax.nn.softmax(logits, axis=-1)
        self.sow("intermediates", "attention", weights)
        out = jnp.einsum("...hqm,...mhk->...qhk", weights, value)
        return dense(self.width, "out")(jnp.reshape(out, (*out.shape[:-2], self.width)))


class MLP(nn.Module):
    """Two layers with a gelu, four times as wide inside."""

    width: int
    bias: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "*B E"]) -> Float[Array, "*B E"]:
        """Applies the layers to the last axis."""
        x = nn.Dense(4 * self.width, use_bias=self.bias, kernel_init=xavier, name="up")(x)
        return nn.Dense(self.width, use_bias=self.bias, kernel_init=xavier, name="down")(nn.gelu(x))


class Perceiver(nn.Module):
    """Sums up a set in a few learned latents, whatever its size and order: out = MLP(norm(attend(latents, norm(W x)))).

    Attributes:
        width: E, of the result.
        n_heads: H.
        n_latents: rows of the result.
        latent_width: of the learned latents.
        n_layers: times that the block is applied; the second reads the result of the first.
        bias: whether projections and norms have one.
    """

    width: int
    n_heads: int
    n_latents: int
    latent_width: int
    n_layers: int = 1
    bias: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "*B M F"]) -> Float[Array, "*B L E"]:
        """Reads the members along the axis before the last."""
        x = nn.Dense(self.width, use_bias=self.bias, name="input")(x)
        for i in range(self.n_layers):
            shape = (self.n_latents, self.latent_width)
            latents = self.param(f"latents_{i}", nn.initializers.normal(), shape)
            x = nn.LayerNorm(use_bias=self.bias, name=f"norm_in_{i}")(x)
            x = Attention(self.width, self.n_heads, self.bias, name=f"attend_{i}")(latents, x)
            x = nn.LayerNorm(use_bias=self.bias, name=f"norm_out_{i}")(x)
            x = MLP(self.width, self.bias, name=f"mlp_{i}")(x)
        return x


class Block(nn.Module):
    """A pre-norm transformer block: x + attend(norm x), then + MLP(norm x)."""

    width: int
    n_heads: int
    bias: bool = True

    @nn.compact
    def __call__(
        self, x: Float[Array, "*B T E"], mask: Array | None = None, row: Array | None = None
    ) -> Float[Array, "*B T E"]:
        """Applies the block; with `row` only that row is computed (and returned, T = 1), over the whole memory."""
        memory = nn.LayerNorm(use_bias=self.bias, name="norm_in")(x)
        queries = memory
        if row is not None:
            x, queries = (jax.lax.dynamic_slice_in_dim(a, row, 1, axis=-2) for a in (x, memory))
            mask = None if mask is None else jax.lax.dynamic_slice_in_dim(mask, row, 1, axis=0)
        x = x + Attention(self.width, self.n_heads, self.bias, name="attend")(queries, memory, mask)
        return x + MLP(self.width, self.bias, name="mlp")(nn.LayerNorm(use_bias=self.bias, name="norm_out")(x))


def _heads(x: Float[Array, "*B T E"], n_heads: int) -> Float[Array, "*B T H K"]:
    return jnp.reshape(x, (*x.shape[:-1], n_heads, -1))
