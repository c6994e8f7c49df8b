"""The drawings that teach the head: valid ink, reproducible, and captions that are true."""

import numpy as np
import pytest

from jaxlife.models import lite
from jaxlife.models.drawings import album, captions, colourful, colours, fit, paint, vocabulary
from jaxlife.models.drawings.pen import Pen

CONCEPTS = vocabulary.CONCEPTS
NAMES = [concept.name for concept in CONCEPTS]
RING, SPOTS, STAR = NAMES.index("ring"), NAMES.index("spots"), NAMES.index("star")
RED, GREEN, BLUE = (colours.NAMES.index(name) for name in ("red", "green", "blue"))


def rng(seed=0):
    return np.random.default_rng(seed)


def test_the_vocabulary_is_wide_and_unambiguous():
    assert len(CONCEPTS) >= 100
    assert len(set(NAMES)) == len(NAMES)
    phrases = [word for concept in CONCEPTS for word in concept.words]
    assert len(set(phrases)) == len(phrases)
    assert all(word.count("{}") == 1 for word in phrases)


@pytest.mark.parametrize("family", ["shape", "texture", "creature", "thing"])
def test_every_concept_draws_some_ink_and_leaves_some_ground(family):
    for concept in CONCEPTS:
        if concept.family != family:
            continue
        ink = np.broadcast_to(concept.draw(Pen(rng(), 4, 48)), (4, 48, 48))
        assert np.isfinite(ink).all(), concept.name
        assert ink.min() >= 0, concept.name
        assert ink.max() <= 1 + 1e-5, concept.name
        shares = ink.mean((1, 2))
        assert ((shares > 0.005) & (shares < 0.97)).all(), (concept.name, shares)
        assert (ink.std((1, 2)) > 0.03).all(), concept.name
        assert np.abs(ink[0] - ink[1]).max() > 0.1, f"{concept.name} is always the same"


@pytest.mark.parametrize("name", list(colourful.PICTURES))
def test_every_coloured_picture_is_a_picture(name):
    rgb = colourful.PICTURES[name][0](Pen(rng(), 2, 48))
    assert rgb.shape[1:] == (48, 48, 3)
    assert rgb.min() >= -1e-5
    assert rgb.max() <= 1 + 1e-3
    assert rgb.std() > 0.03


def test_the_same_seed_draws_the_same_pictures():
    first, second = (paint.single(Pen(rng(5), 3, 32), RING, np.array([RED, GREEN, BLUE])) for _ in "ab")
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("index", range(len(colours.NAMES)))
def test_colours_keep_to_their_names(index):
    """Every colour is nearest to its own mean among the twelve means."""
    means = np.stack([colours.sample(rng(1), np.full(64, k)).mean(0) for k in range(len(colours.NAMES))])
    drawn = colours.sample(rng(2), np.full(64, index))
    nearest = np.linalg.norm(drawn[:, None] - means[None], axis=-1).argmin(1)
    assert (nearest == index).mean() > 0.75


def test_grounds_differ_from_figures():
    figure = rng().integers(0, len(colours.NAMES), 2000)
    assert (paint.grounds(rng(1), figure) != figure).all()


def truth(picture, *known):
    said = np.array([captions.row(**row) for row in known], np.int32)
    return captions.agrees(picture, said, captions.resembling([])).tolist()[0]


def test_a_caption_is_true_when_every_word_of_it_is():
    red_ring = paint.rows(1, concept=RING, colour=RED, background=colours.BLACK)
    true = ({"concept": RING}, {"concept": RING, "colour": RED}, {"colour": RED, "background": colours.BLACK})
    false = ({"concept": RING, "colour": GREEN}, {"concept": STAR, "colour": RED}, {"background": RED})
    assert truth(red_ring, *true, *false) == [True, True, True, False, False, False]


def test_either_figure_of_a_scene_may_be_named():
    scene = paint.rows(1, concept=RING, colour=RED, second=STAR, second_colour=BLUE)
    named = ({"concept": STAR, "colour": BLUE}, {"concept": RING, "colour": RED}, {"concept": STAR, "colour": RED})
    assert truth(scene, *named) == [True, True, False]


def test_resembling_concepts_are_not_wrong_for_each_other():
    maze, zebra = NAMES.index("maze"), NAMES.index("zebra_stripes")
    assert truth(paint.rows(1, concept=maze), {"concept": zebra}, {"concept": SPOTS}) == [True, False]


def test_every_caption_said_of_a_picture_is_true_of_it():
    binder = album.Binder(lambda rgb: np.zeros((len(rgb), 1)))
    draw = rng()
    album.several(binder, draw, 5)
    album.scenes(binder, draw, 5)
    album.nothing(binder, draw, 1)
    for index in (RING, SPOTS):
        _, rows = paint.single(Pen(draw, 16, 32), index, draw.integers(0, 12, 16))
        said = [captions.phrases(index, list(CONCEPTS[index].words), row) for row in rows]
        binder.add(np.zeros((16, 32, 32, 3)), rows, "x", said)
    bound = binder.close()
    true = captions.agrees(bound.rows, bound.caption_rows, bound.resemble)
    assert all(true[i, said].all() and said for i, said in enumerate(bound.lists))
    assert true.mean() < 0.2


def test_sentences():
    red_on_black = paint.rows(1, concept=RING, colour=RED, background=colours.BLACK)[0]
    said = {c.text for c in captions.phrases(RING, list(CONCEPTS[RING].words), red_on_black)}
    assert {"a ring", "a red ring", "a crimson ring", "a red ring on a black background"} <= said
    three = paint.rows(1, concept=STAR, colour=BLUE, count=3)[0]
    assert "three blue stars" in {c.text for c in captions.phrases(STAR, list(CONCEPTS[STAR].words), three)}


def toy_album():
    """Two kinds of features, two captions."""
    features = np.concatenate([np.full((40, 3), v) + 0.1 * rng().standard_normal((40, 3)) for v in (-1.0, 1.0)])
    rows = np.concatenate([paint.rows(40, concept=k) for k in (RING, SPOTS)])
    said = np.array([captions.row(concept=RING), captions.row(concept=SPOTS)])
    lists = [[k] for k in (0, 1) for _ in range(40)]
    return album.Album(features.astype(np.float32), rows, np.full(80, "x"), lists, ["a ring", "spots"], said,
                       captions.resembling([]))  # fmt: skip


@pytest.mark.slow
def test_the_fit_learns_and_repeats_to_the_bit():
    settings = fit.Settings(hidden=8, members=1, steps=40, batch=16, bank=18, drop_in=0.0, drop_hidden=0.0, rate=2e-2)
    texts = np.float32([[1, 0, 0, 0], [0, 1, 0, 0]])
    one, two = (fit.fit(toy_album(), texts, settings, seed=0) for _ in "ab")
    np.testing.assert_array_equal(one.w1, two.w1)
    z = lite.join(lite.Head(*map(np.asarray, one)), toy_album().features)
    y = texts - texts.mean(0)[None]
    assert ((z @ y.T).argmax(1) == np.repeat([0, 1], 40)).all()


def test_an_album_survives_the_disk(tmp_path):
    kept = toy_album()
    album.save(kept, tmp_path / "album.npz")
    again = album.load(tmp_path / "album.npz")
    assert (again.lists, again.texts) == (kept.lists, kept.texts)
    np.testing.assert_array_equal(again.features, kept.features)


def test_a_complete_album_knows_every_true_caption():
    toy = toy_album()
    whole = album.complete(toy._replace(lists=[[0]] * 80))
    assert whole.lists[:40] == [[0]] * 40
    assert whole.lists[40:] == [[0, 1]] * 40
