"""The contrastive fit of the head: pictures and captions that belong together are drawn close, others apart.

    L = CE(s z_i . y_c over the bank; own caption) + CE(s z_i . y_i over the batch's pictures; own picture)

Captions that are true of a picture, or not false, are left out of its sum unless they are the one drawn.

Reference: van den Oord et al., "Contrastive predictive coding", arXiv:1807.03748; Radford et al., arXiv:2103.00020.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxlife.core.types import Array, Float, PyTree
from jaxlife.models import lite
from jaxlife.models.drawings import captions
from jaxlife.models.drawings.album import Album


class Settings(NamedTuple):
    """Sizes and rates of the fit."""

    hidden: int = 512
    members: int = 2
    steps: int = 2200
    batch: int = 512
    bank: int = 1024
    rate: float = 1e-3
    decay: float = 0.05
    drop_in: float = 0.15
    drop_hidden: float = 0.3
    max_scale: float = 60.0
    ground: float = 0.35


def start(key: Array, n_features: int, width: int, settings: Settings) -> dict[str, Array]:
    """Draws one member's weights."""
    k1, k2, k3 = jax.random.split(key, 3)
    lecun = jax.nn.initializers.lecun_normal()
    return {
        "w1": lecun(k1, (n_features, settings.hidden)), "b1": jnp.zeros(settings.hidden),
        "w2": lecun(k2, (settings.hidden, width)), "b2": jnp.zeros(width),
        "skip": 0.3 * lecun(k3, (n_features, width)), "log_scale": jnp.log(jnp.float32(20.0)),
    }  # fmt: skip


def forward(key: Array, w: dict[str, Array], x: Float[Array, "B F"], settings: Settings) -> Float[Array, "B D"]:
    """Maps standardised features to unit embeddings, with dropout."""
    k1, k2 = jax.random.split(key)
    x = _drop(k1, x, settings.drop_in)
    hidden = _drop(k2, jax.nn.gelu(x @ w["w1"] + w["b1"][None]), settings.drop_hidden)
    return lite.unit(hidden @ w["w2"] + w["b2"][None] + x @ w["skip"])


def _drop(key: Array, x: Array, rate: float) -> Array:
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0.0)


def loss(w: dict, key: Array, x: Array, y: Array, ignore: Array, settings: Settings) -> Array:
    """Computes the contrastive loss; the first B rows of the bank y are the pictures' own captions."""
    n = x.shape[0]
    scale = jnp.minimum(jnp.exp(w["log_scale"]), settings.max_scale)
    logits = scale * forward(key, w, x, settings) @ y.T
    own = jnp.arange(n)[:, None] == jnp.arange(y.shape[0])[None]
    logits = jnp.where(ignore & ~own, -1e9, logits)
    to_text = -jnp.where(own, jax.nn.log_softmax(logits, 1), 0.0).sum() / n
    square = logits[:, :n]
    to_image = -jnp.trace(jax.nn.log_softmax(square, 0)) / n
    return to_text + to_image


def batch(rng: np.random.Generator, album: Album, settings: Settings) -> tuple[np.ndarray, ...]:
    """Draws pictures, one true caption each, and a bank of others.

    Returns:
        (picture indices, caption indices [bank], ignore[B, bank]).
    """
    pictures = rng.choice(len(album.rows), settings.batch)
    own = np.array([_caption(rng, album, int(i), settings.ground) for i in pictures])
    others = rng.choice(len(album.texts), settings.bank - settings.batch, replace=False)
    bank = np.concatenate([own, others])
    ignore = captions.agrees(album.rows[pictures], album.caption_rows[bank], album.resemble)
    return pictures, bank, ignore


def _caption(rng: np.random.Generator, album: Album, picture: int, ground: float) -> int:
    """Draws a true caption, with the given chance one that names the background if there is any."""
    said = np.asarray(album.lists[picture])
    names_it = album.caption_rows[said, captions.FIELDS.index("background")] >= 0
    wanted = names_it == (rng.random() < ground)
    return int(rng.choice(said[wanted] if wanted.any() else said))


def fit(album: Album, texts: np.ndarray, settings: Settings, seed: int) -> lite.Head:
    """Fits the head's members.

    Args:
        album: the training pictures.
        texts: [C, D] unit caption embeddings, before the mean is taken off.
        settings: sizes and rates.
        seed: of everything random.

    Returns:
        The head.
    """
    caption_mean = texts.mean(0)
    targets = jnp.asarray(lite.unit(jnp.asarray(texts - caption_mean[None])))
    mean, std = album.features.mean(0), album.features.std(0) + 1e-3
    x_all = jnp.clip(jnp.asarray((album.features - mean[None]) / std[None]), -6, 6)
    members = [_member(album, x_all, targets, settings, seed * 10 + m) for m in range(settings.members)]
    stacked = {name: jnp.stack([w[name] for w in members]) for name in ("w1", "b1", "w2", "b2", "skip")}
    return lite.Head(mean=jnp.asarray(mean), std=jnp.asarray(std), caption_mean=jnp.asarray(caption_mean), **stacked)


def _member(album: Album, x_all: Array, targets: Array, settings: Settings, seed: int) -> PyTree:
    schedule = optax.cosine_onecycle_schedule(settings.steps, settings.rate)
    optimiser = optax.adamw(schedule, weight_decay=settings.decay)
    w = start(jax.random.key(seed), x_all.shape[1], targets.shape[1], settings)
    state: Any = optimiser.init(w)
    rng = np.random.default_rng(seed)

    @jax.jit
    def update(w: PyTree, state: PyTree, step: Array, pictures: Array, bank: Array, ignore: Array) -> tuple:
        key = jax.random.fold_in(jax.random.key(seed + 1), step)
        value, gradient = jax.value_and_grad(loss)(w, key, x_all[pictures], targets[bank], ignore, settings)
        change, state = optimiser.update(gradient, state, w)
        return optax.apply_updates(w, change), state, value

    for step in range(settings.steps):
        w, state, value = update(w, state, step, *batch(rng, album, settings))
        if (step + 1) % 200 == 0:
            print(f"  member {seed} step {step + 1} loss {float(value):.3f}", flush=True)
    return w
