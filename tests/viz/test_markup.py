import html.parser

import pytest

from jaxlife.viz.markup import Markup, join, tag

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b", "' onload='x", "]]></style><b>"]


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.attributes = [], "", {}

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.update(attrs)

    def handle_data(self, data):
        self.text += data


def read(markup):
    reader = Reader()
    reader.feed(markup.text)
    reader.close()
    return reader


@pytest.mark.parametrize("text", HOSTILE)
def test_text_comes_back_as_it_was_and_is_no_element(text):
    seen = read(tag("p", text, title=text))
    assert seen.tags == ["p"]
    assert seen.text == text
    assert seen.attributes == {"title": text}


def test_markup_is_not_escaped_again():
    assert tag("p", tag("b", "1 < 2")).text == "<p><b>1 &lt; 2</b></p>"
    assert join([Markup("<br>"), None, "<"]).text == "<br>&lt;"


def test_attributes():
    assert tag("video", class_="a", aria_label="b", loop=True, muted=False, poster=None, width=1.5).text == (
        '<video class="a" aria-label="b" loop width="1.5"></video>'
    )


def test_elements_without_content_are_closed_as_their_language_asks():
    assert tag("img", src="x").text == '<img src="x">'
    assert tag("line", x1="0").text == '<line x1="0"/>'
    assert tag("span").text == "<span></span>"
