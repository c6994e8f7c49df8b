import base64
import html.parser
import json
import re

import numpy as np
import pytest

from jaxlife.viz import atlas
from jaxlife.viz.atlas import page, vocabulary

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def some(n=5, **changes):
    z = np.random.default_rng(0).normal(size=(n, 6))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    made = atlas.Worlds("Worlds", z, np.zeros((n, 64, 64, 3), np.uint8), {"feed": np.arange(n, dtype=np.float32)}, {})
    return made._replace(**changes)


class Outline(html.parser.HTMLParser):
    """Elements with their attributes, and the text of scripts that hold data."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.held, self._inside = [], "", {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self._inside = dict(attrs) if tag == "script" else {}
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        self._inside = {}

    def handle_data(self, data):
        if self._inside.get("type") == "application/json":
            self.held += data


def numbers(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def test_the_page_holds_what_it_shows_and_loads_only_what_lies_beside_it():
    worlds = some(score=np.array([3, 1, 2, 5, 4.0]), vocabulary=(["a ring"], np.eye(6)[:1]))
    made = page.page(worlds)
    outline = Outline(made)
    held = json.loads(outline.held)
    np.testing.assert_allclose(numbers(held["embeddings"], "<i2").reshape(5, 6) / 32767, worlds.embeddings, atol=2e-5)
    assert numbers(held["score"], "<f4").tolist() == [3, 1, 2, 5, 4]
    assert numbers(held["params"][0]["data"], "<f4").tolist() == [0, 1, 2, 3, 4]
    assert numbers(held["layouts"][0]["order"], "<u4")[0] == 1  # the best claims its place first
    assert held["vocabulary"]["words"] == ["a ring"]
    policy = next(a["content"] for _, a in outline.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data: 'self' file:; connect-src 'self';")
    assert "unsafe" not in policy
    assert not any(name in a for _, a in outline.elements for name in ("src", "srcset", "action"))
    assert "http" not in re.sub(r"http://www.w3.org/2000/svg|startsWith\(\"http\"\)|http-equiv", "", made)
    ids = [a["id"] for _, a in outline.elements if "id" in a]
    assert len(ids) == len(set(ids))
    wanted = set(re.findall(r'getElementById\("([a-z]+)"\)', made))
    assert wanted <= set(ids)
    parts = {a["data-part"] for _, a in outline.elements if "data-part" in a}
    assert set(re.findall(r'find\("([a-z]+)"\)', made)) <= parts


@pytest.mark.parametrize("place", ["title", "names", "words", "replay", "path"])
def test_no_text_of_a_world_becomes_markup(place):
    worlds = {
        "title": some(title=HOSTILE),
        "names": some(names=[HOSTILE] * 5),
        "words": some(vocabulary=([HOSTILE], np.eye(6)[:1])),
        "replay": some(replay={"world": HOSTILE}),
        "path": some(params={HOSTILE: np.zeros(5)}),
    }[place]
    outline = Outline(page.page(worlds))
    assert [tag for tag, _ in outline.elements].count("script") == 2
    assert "img" not in [tag for tag, _ in outline.elements]
    assert HOSTILE in json.dumps(json.loads(outline.held)) or place == "title"


def test_every_control_has_a_name():
    for tag, attributes in Outline(page.page(some())).elements:
        if tag == "canvas":
            assert attributes["aria-label"]
        if tag == "input":
            assert attributes.get("aria-label") or attributes.get("id") == "query"


def test_the_nearest_are_those_of_the_full_product():
    z = some(1100).embeddings
    found = page.neighbours(z, 3)
    similarity = z @ z.T - 9 * np.eye(1100)
    np.testing.assert_array_equal(found, np.argsort(-similarity, axis=1)[:, :3])
    assert page.neighbours(z[:1], 3).shape == (1, 0)


def test_large_parameters_stay_outside():
    heavy = some(params={"weights": np.zeros((5, page.INLINE // 16), np.float32)})
    assert not page.carries_params(heavy)
    assert page.payload(heavy)["params"] is None


def test_numbers_that_a_browser_lacks_are_widened():
    held = page.payload(some(params={"half": np.arange(5, dtype=np.float16)}))["params"][0]
    assert held["dtype"] == "float32"
    assert numbers(held["data"], "<f4").tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"title": " "}, "title"),
        ({"embeddings": np.ones((5, 6))}, "unit rows"),
        ({"score": np.zeros(4)}, "score: expected one a world, 5"),
        ({"params": {"feed": np.zeros(3)}}, "feed"),
        ({"vocabulary": (["a"], np.eye(3))}, "vocabulary"),
    ],
)
def test_what_does_not_fit_is_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        page.page(some(**changes))


def test_words_are_each_there_once():
    words = vocabulary.words()
    assert len(words) == len(set(words))
    assert all(word == word.strip() for word in words)
