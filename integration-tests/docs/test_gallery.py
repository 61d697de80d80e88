"""An entry of the gallery has all that a reader looks for: a reference, a topic, things to try."""

import ast
import re
from pathlib import Path

import pytest

ENTRIES = sorted((Path(__file__).parents[2] / "docs" / "gallery").glob("*_*.py"))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: path.stem)
def test_an_entry_is_whole(entry: Path) -> None:
    program = ast.parse(entry.read_text(encoding="utf-8"))
    said = ast.get_docstring(program) or ""
    given = {
        t.id for node in program.body for t in getattr(node, "targets", ()) if hasattr(t, "id")
    }
    assert {"topic", "published", "measured"} <= given
    assert re.fullmatch(r"[A-Z]\w+_\d{4}", entry.stem)
    assert re.search(r"\[doi:(\S+)\]\(https://doi\.org/\1\)", said)
    to_try = said.partition("Two things to try:\n")[2]
    assert re.findall(r"^(\d)\. ", to_try, re.MULTILINE) == ["1", "2"]
