"""The two kinds of attention of Evolution Transformer: a perceiver over a set, a pre-norm block over a sequence.

attend(q, m) = W_o concat_h softmax(q_h k_h^T / sqrt(K)) v_h,   k, v = W m
"""

from typing import Any

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

    def setup(self) -> None:
        """Makes the projections."""
        self.query = nn.Dense(self.width, use_bias=self.bias, kernel_init=xavier)
        self.key_value = nn.Dense(2 * self.width, use_bias=self.bias, kernel_init=xavier)
        self.out = nn.Dense(self.width, use_bias=self.bias, kernel_init=xavier)

    def __call__(
        self, queries: Float[Array, "*B Q E"], memory: Float[Array, "*B M E"], mask: Array | None = None
    ) -> Float[Array, "*B Q E"]:
        """Attends; `queries[Q, E]` without batch axes are shared, `mask[Q, M]` is true where a query may look."""
        query = _heads(self.query(queries), self.n_heads)
        key, value = jnp.split(self.key_value(memory), 2, axis=-1)
        key, value = _heads(key, self.n_heads), _heads(value, self.n_heads)
        pattern = "qhk,...mhk->...hqm" if queries.ndim == 2 else "...qhk,...mhk->...hqm"
        logits = jnp.einsum(pattern, query, key) / jnp.sqrt(jnp.asarray(query.shape[-1], query.dtype))
        if mask is not None:
            mask = jnp.reshape(mask, (1,) * (logits.ndim - 2) + mask.shape)
            logits = jnp.where(mask, logits, jnp.finfo(logits.dtype).min)
        weights = jax.nn.softmax(logits, axis=-1)
        self.sow("intermediates", "attention", weights)
        out = jnp.einsum("...hqm,...mhk->...qhk", weights, value)
        return self.out(jnp.reshape(out, (*out.shape[:-2], self.width)))


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

    def setup(self) -> None:
        """Makes the two halves."""
        self.norm_in = nn.LayerNorm(use_bias=self.bias)
        self.attend = Attention(self.width, self.n_heads, self.bias)
        self.norm_out = nn.LayerNorm(use_bias=self.bias)
        self.mlp = MLP(self.width, self.bias)

    def __call__(
        self, x: Float[Array, "*B T E"], mask: Array | None = None, row: Array | None = None
    ) -> Float[Array, "*B T E"]:
        """Applies the block; with `row` only that row is computed (and returned, T = 1), over the whole memory."""
        memory = self.norm_in(x)
        queries = memory
        if row is not None:
            x, queries = (jax.lax.dynamic_slice_in_dim(a, row, 1, axis=-2) for a in (x, memory))
            mask = None if mask is None else jax.lax.dynamic_slice_in_dim(mask, row, 1, axis=0)
        return self.finish(x + self.attend(queries, memory, mask))

    def finish(self, x: Float[Array, "*B T E"]) -> Float[Array, "*B T E"]:
        """Applies the second half: + MLP(norm x)."""
        return x + self.mlp(self.norm_out(x))

    def remember(self, x: Float[Array, "*B E"]) -> Float[Array, "*B 3E"]:
        """Computes what a row gives to every later query: (xc * scale) W_kv, and xc = x - mean x."""
        centred = x - jnp.mean(x, axis=-1, keepdims=True)
        return jnp.concatenate([self._project(centred), centred], axis=-1)

    def recall(
        self, x: Float[Array, "D E"], rows: Float[Array, "T 3E D"], places: Float[Array, "T E"], seen: Array
    ) -> Float[Array, "D E"]:
        """Computes the last row of the block from what was remembered, equal to `__call__` with `row` up to rounding.

        A row's place p comes to x before the norm. With r = 1 / sqrt(var(x + p) + eps),

            k, v = W norm(x + p) = r ((xc * scale) W + (pc * scale) W) + const,   E var(x + p) = |xc + pc|^2

        so when the window slides and every place changes, no row is projected anew. The constant of k cancels in the
        softmax.

        Args:
            x: the last generation with its place, one row a dimension.
            rows: what `remember` gave for T generations, in any order, dimensions last.
            places: encodings of their places.
            seen: bool[T], which of them count.
        """
        width, heads = x.shape[-1], self.attend.n_heads
        split = (heads, width // heads)
        query = jnp.reshape(self.attend.query(self.norm_in(x)).T, (*split, -1))  # [H, K, D]
        key, value = (jnp.reshape(r, (-1, *split, r.shape[-1])) for r in (rows[:, :width], rows[:, width : 2 * width]))
        centred = rows[:, 2 * width :]
        place = places - jnp.mean(places, axis=-1, keepdims=True)
        place_key, place_value = (jnp.reshape(p, (-1, *split)) for p in jnp.split(self._project(place), 2, axis=-1))
        square = jnp.sum((centred + place[..., None]) ** 2, axis=1) / width
        norm = jax.lax.rsqrt(square + self.norm_in.epsilon)[:, None]  # [T, 1, D]
        logits = norm * jnp.sum((key + place_key[..., None]) * query[None], axis=2) / jnp.sqrt(jnp.float32(split[1]))
        logits = jnp.where(seen[:, None, None], logits, jnp.finfo(logits.dtype).min)
        weights = jax.nn.softmax(logits, axis=0)  # [T, H, D]
        out = jnp.sum((weights * norm)[:, :, None] * (value + place_value[..., None]), axis=0)
        out = jnp.reshape(out, (width, -1)).T + self._constant()
        return self.finish(x + self.attend.out(out))

    def _project(self, x: Float[Array, "*B E"]) -> Float[Array, "*B 2E"]:
        scale = self.norm_in.variables["params"]["scale"]
        return (x * jnp.reshape(scale, (1,) * (x.ndim - 1) + scale.shape)) @ self._key_value["kernel"]

    def _constant(self) -> Float[Array, "1 E"]:
        """Returns what every value has in common: the norm's bias, projected, and the projection's."""
        bias = self.norm_in.variables["params"].get("bias", jnp.zeros(self.width))
        common = bias @ self._key_value["kernel"] + self._key_value.get("bias", 0.0)
        return common[None, self.width :]

    @property
    def _key_value(self) -> Any:
        return self.attend.key_value.variables["params"]


def _heads(x: Float[Array, "*B T E"], n_heads: int) -> Float[Array, "*B T H K"]:
    return jnp.reshape(x, (*x.shape[:-1], n_heads, -1))
