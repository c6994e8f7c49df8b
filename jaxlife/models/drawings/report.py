"""How well the head tells drawings apart: recall among 300 captions, family by family, and colour and ground."""

from collections.abc import Callable

import numpy as np

from jaxlife.models.drawings import captions, colours
from jaxlife.models.drawings.album import Album

RIVALS = 300
Embed = Callable[[list[str]], np.ndarray]
"""texts -> unit rows [B, D]."""


def recall(
    z: np.ndarray, y: np.ndarray, album: Album, rng: np.random.Generator, pick: np.ndarray
) -> tuple[float, float]:
    """Recall at 1 and 5 of one true caption among 299 others that are false of the picture.

    Args:
        z: [P, D] embeddings of the album's pictures.
        y: [C, D] embeddings of its captions.
        album: pictures and captions.
        rng: draws the rivals.
        pick: picture indices to test.

    Returns:
        (recall@1, recall@5).
    """
    own = np.array([album.lists[i][rng.integers(len(album.lists[i]))] for i in pick])
    pool = rng.choice(len(album.texts), min(RIVALS * 4, len(album.texts)), replace=False)
    false = ~captions.agrees(album.rows[pick], album.caption_rows[pool], album.resemble)
    scores = np.where(false, z[pick] @ y[pool].T, -9)
    keep = np.argsort(rng.random(scores.shape) + ~false, axis=1)[:, : RIVALS - 1]
    rank = (np.take_along_axis(scores, keep, 1) > (z[pick] * y[own]).sum(1)[:, None]).sum(1)
    return float((rank == 0).mean()), float((rank < 5).mean())


def text_to_image(z: np.ndarray, y: np.ndarray, album: Album, rng: np.random.Generator, pick: np.ndarray) -> float:
    """Share of captions whose best picture, among 300, is one they are true of."""
    hits = []
    for _ in range(4):
        some = rng.choice(pick, min(RIVALS, len(pick)), replace=False)
        own = np.array([album.lists[i][rng.integers(len(album.lists[i]))] for i in some])
        best = some[np.argmax(z[some] @ y[own].T, 0)]
        true = captions.agrees(album.rows[best], album.caption_rows[own], album.resemble)
        hits.append(np.diag(true).mean())
    return float(np.mean(hits))


def table(z: np.ndarray, y: np.ndarray, album: Album, seed: int = 0) -> dict[str, tuple[float, float, float]]:
    """Recall@1, @5 and text -> image for every family."""
    rng = np.random.default_rng(seed)
    out = {}
    for family in sorted(set(album.family)):
        pick = np.flatnonzero(album.family == family)
        out[family] = (*recall(z, y, album, rng, pick), text_to_image(z, y, album, rng, pick))
    return out


def swapped(z: np.ndarray, album: Album, embed: Embed, concepts: list[str]) -> tuple[float, float]:
    """Asks for colour, and for figure and ground.

    Args:
        z: [P, D] embeddings of the album's pictures.
        album: pictures; those with a colour and a background are asked about.
        embed: texts -> [B, D].
        concepts: for each concept index its first phrase.

    Returns:
        (share whose true colour scores best of twelve in "a ... ring", share whose caption "green spots on a black
        background" beats the one with the two colours exchanged).
    """
    pick = [
        i for i, row in enumerate(album.rows) if row[1] >= 0 and row[2] >= 0 and row[0] < len(concepts) and row[3] <= 1
    ]
    pick = [i for i in pick if album.rows[i][6] < 0 and album.rows[i][8] == 0][:1500]
    texts = sorted({concepts[album.rows[i][0]] for i in pick})
    tinted = [captions.article(t.format(c)) for t in texts for c in colours.NAMES]
    grid = embed(tinted).reshape(len(texts), len(colours.NAMES), -1)
    scores = np.einsum("pd,pcd->pc", z[pick], grid[[texts.index(concepts[album.rows[i][0]]) for i in pick]])
    colour = (scores.argmax(1) == album.rows[pick, 1]).mean()
    say = "{} on a {} background"
    names = colours.NAMES
    rows = album.rows[pick]
    right = [say.format(captions.article(concepts[r[0]].format(names[r[1]])), names[r[2]]) for r in rows]
    wrong = [say.format(captions.article(concepts[r[0]].format(names[r[2]])), names[r[1]]) for r in rows]
    both = sorted(set(right) | set(wrong))
    place = {text: k for k, text in enumerate(both)}
    y = embed(both)
    margin = (z[pick] * (y[[place[t] for t in right]] - y[[place[t] for t in wrong]])).sum(1)
    return float(colour), float((margin > 0).mean())
