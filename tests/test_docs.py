"""The documentation is whole: the registries are in the reference, links lead somewhere, benchmarks have commands."""

import pathlib
import re

import pytest

from jaxlife import strategies, substrates

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def anchors(text):
    """Anchors of the headings of a page, as mkdocs makes them."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.replace("`", "")).strip().lower().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_link_inside_the_documentation_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target.read_text()), f"{page.name}: {link}"


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    missing = [str(page.relative_to(DOCS)) for page in PAGES if str(page.relative_to(DOCS)) not in navigation]
    assert not missing


@pytest.mark.parametrize("room", [substrates, strategies], ids=lambda room: room.__name__)
def test_every_registered_factory_is_in_the_reference(room):
    name = room.__name__.rpartition(".")[2]
    named = set(re.findall(r"\w+", (DOCS / "reference" / f"{name}.md").read_text()))
    entries = {"substrates": "SUBSTRATES", "strategies": "STRATEGIES"}
    assert not sorted(set(getattr(room, entries[name])) - named)


def test_every_benchmark_has_its_command():
    text = (DOCS / "benchmarks.md").read_text()
    there = {file.name for file in (ROOT / "benchmarks").glob("*.py")}
    assert set(re.findall(r"benchmarks/(\w+\.py)", text)) == there
