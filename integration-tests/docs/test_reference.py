"""Every public name of a package has one place in the reference."""

import importlib
import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "reference"
BLOCK = re.compile(r"^::: (\w+)\.(\w+)$", re.MULTILINE)
ALIASES = {"align_post_projection", "align_pre_projection"}  # said in words


@pytest.mark.parametrize("name", ["projections", "synapses"])
def test_every_public_name_stands_once(name: str) -> None:
    package = importlib.import_module(f"brainloom_{name}")
    found = BLOCK.findall((PAGES / f"{name}.md").read_text(encoding="utf-8"))
    assert {module for module, _ in found} == {package.__name__}
    assert sorted(item for _, item in found) == sorted({*package.__all__} - ALIASES)
