"""How to cite: a valid CITATION.cff that names the version of the tree."""

import tomllib
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[2]
# Of the schema of the Citation File Format 1.2.0: what is required, and what an entity may have.
REQUIRED = {"cff-version", "message", "title", "authors"}
KNOWN = REQUIRED | {"abstract", "keywords", "license", "type", "version"}


@pytest.fixture(scope="module")
def citation() -> dict:
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_it_has_what_the_format_requires_and_nothing_that_it_does_not_know(citation: dict) -> None:
    assert citation.keys() >= REQUIRED
    assert citation.keys() <= KNOWN
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    for text in ("message", "title", "abstract", "version", "license"):
        assert isinstance(citation[text], str)
        assert citation[text].strip()


def test_authors_and_keywords_are_lists_of_what_the_format_takes(citation: dict) -> None:
    assert citation["authors"]
    assert all(author.keys() == {"name"} for author in citation["authors"])
    assert all(isinstance(word, str) for word in citation["keywords"])
    assert len(set(citation["keywords"])) == len(citation["keywords"])


def test_it_agrees_with_the_distribution(citation: dict) -> None:
    file = ROOT / "packages" / "brainloom" / "pyproject.toml"
    project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert citation["title"] == project["name"]
    assert [author["name"] for author in citation["authors"]] == [
        author["name"] for author in project["authors"]
    ]
