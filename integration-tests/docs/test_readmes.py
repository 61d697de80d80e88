"""READMEs of distributions are shown by a package index, which knows no other file of the tree."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?://)([^)]+)\)|(?:src|href)=\"(?!https?://)([^\"]+)\"")


@pytest.mark.parametrize("readme", sorted(ROOT.glob("p*/*/README.md")), ids=lambda p: p.parent.name)
def test_a_readme_points_at_nothing_that_is_not_shipped_with_it(readme: Path) -> None:
    assert not LINK.findall(readme.read_text(encoding="utf-8"))
