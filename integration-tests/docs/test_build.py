"""The build of the site stops at every kind of fault: a small tree is built, and with each."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAVIGATION = """
nav:
  - Home: index.md
  - Tutorials:
      - Doubling: tutorials/doubling.md
  - Reference: reference/
  - Gallery: gallery/

plugins:
"""
FILES = {
    "packages/small/CHANGELOG.md": "# Changelog\n\n## 1.0\n\nFirst.\n",
    "packages/small/src/small/__init__.py": '''"""A small package."""

__all__ = ["doubled"]


def doubled(x: float) -> float:
    """Twice the number, as [`doubled`][small.doubled] says.

    Args:
        x: The number.

    Examples:
        >>> doubled(2.0)
        4.0
    """
    return 2 * x
''',
    "docs/index.md": """# Small

See [`doubled`][small.doubled] and [the tutorial](tutorials/doubling.md#one-way).

```python
import small

print(small.doubled(3))
```
""",
    "docs/tutorials/doubling.py": """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Doubling
#
# By [`doubled`][small.doubled].
#
# ## One way

# %%
import small

small.doubled(1)
""",
    "docs/reference/index.md": "# Reference\n\nAll of it.\n",
    "docs/reference/small/index.md": "# Small\n\n<!-- directory: small -->\n",
    "docs/reference/changelog.md": "# Changelogs\n\n<!-- changelogs -->\n",
    "docs/gallery/index.md": "# Gallery\n",
    "docs/gallery/Author_2000.py": '''"""Twice two.

Author (2000).

Two things to try:

1. Twice three: six.
2. Twice four: eight.
"""

import matplotlib.pyplot as plt
import small

topic = "Neurons"
published = {"twice two": (4.0, 0.01)}
measured = {"twice two": small.doubled(2.0)}
figure, axis = plt.subplots()
axis.plot([1, 2])
''',
}
INDEX = "docs/index.md"
MODULE = "packages/small/src/small/__init__.py"
TUTORIAL = "docs/tutorials/doubling.py"
GALLERY = "docs/gallery/Author_2000.py"


def replace(file: str, old: str, new: str) -> Callable[[Path], None]:
    """Plant a fault by changing the text of a file."""

    def plant(root: Path) -> None:
        text = (root / file).read_text(encoding="utf-8")
        assert old in text
        (root / file).write_text(text.replace(old, new), encoding="utf-8")

    return plant


# What is planted, and what the build has to say of it.
FAULTS = {
    "link": (replace(INDEX, "doubling.md#one-way", "halving.md"), "tutorials/halving.md"),
    "anchor": (replace(INDEX, "#one-way", "#no-way"), "no-way"),
    "cross-reference of a page": (replace(INDEX, "[small.doubled]", "[small.halved]"), "halved"),
    "cross-reference of a docstring": (
        replace(MODULE, "[small.doubled]", "[small.halved]"),
        "small.halved",
    ),
    "cross-reference of a tutorial": (
        replace(TUTORIAL, "[small.doubled]", "[small.halved]"),
        "small.halved",
    ),
    "public object without a description": (
        replace(MODULE, '__all__ = ["doubled"]', '__all__ = ["doubled", "f"]\ndef f(): pass'),
        "small.f has no docstring",
    ),
    "parameter without a description": (
        replace(MODULE, "def doubled(x: float)", "def doubled(x: float, y: float = 0.0)"),
        "parameter y",
    ),
    "package without a page": (
        lambda root: (root / "packages" / "other" / "src" / "other").mkdir(parents=True),
        "other",
    ),
    "example of a page": (replace(INDEX, "small.doubled(3)", "small.halved(3)"), "index.md:5"),
    "example of a docstring": (replace(MODULE, "        4.0", "        5.0"), "small.doubled"),
    "cell": (replace(TUTORIAL, "small.doubled(1)", "small.halved(1)"), "halved"),
    "topic of an example": (replace(GALLERY, '"Neurons"', '"Birds"'), "no topic Birds"),
    "number of a paper": (replace(GALLERY, "(4.0, 0.01)", "(4.1, 0.01)"), "published 4.1"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small tree without a fault, built once."""
    root = tmp_path_factory.mktemp("whole")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    settings, found = re.subn(r"\nnav:\n.*?\nplugins:\n", NAVIGATION, settings, flags=re.DOTALL)
    assert found == 1
    (root / "mkdocs.yml").write_text(settings, encoding="utf-8")
    (root / "tools").symlink_to(ROOT / "tools")
    for name in ("stylesheets", "javascripts"):
        shutil.copytree(ROOT / "docs" / name, root / "docs" / name)
    if (ROOT / "build" / "mathjax").exists():
        (root / "build").mkdir()
        (root / "build" / "mathjax").symlink_to(ROOT / "build" / "mathjax")
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def build(root: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a tree, without the figures of models."""
    command = [sys.executable, str(ROOT / "tools" / "docs" / "build.py"), "--root", str(root)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [*command, "--no-figures"], capture_output=True, text=True, env=environment
    )


def test_what_is_shown_is_what_was_run(whole: Path) -> None:
    pages = {
        name: (whole / "site" / name).read_text(encoding="utf-8")
        for name in (
            "index.html",
            "tutorials/doubling/index.html",
            "reference/small/doubled/index.html",
            "gallery/Author_2000/index.html",
            "gallery/index.html",
            "reference/changelog/index.html",
        )
    }
    assert re.search(r'class="output highlight".*?>6\n', pages["index.html"], re.DOTALL)
    assert "doubling.ipynb" in pages["tutorials/doubling/index.html"]
    assert 'class="output highlight"' in pages["tutorials/doubling/index.html"]
    assert '"text/plain": [\n       "2"' in (whole / "site/tutorials/doubling.ipynb").read_text()
    assert 'href="reference/small/doubled/#small.doubled"' in pages["index.html"]
    assert "The number." in pages["reference/small/doubled/index.html"]
    assert "Author_2000.svg" in pages["gallery/index.html"]
    assert 'id="neurons"' in pages["gallery/index.html"]
    row = r"twice two</td>.*?>4</td>.*?>1 %</td>"
    assert re.search(row, pages["gallery/index.html"], re.DOTALL)
    assert "Twice three" in pages["gallery/Author_2000/index.html"]
    assert "small" in pages["reference/changelog/index.html"]
    for page in pages.values():  # nothing is fetched from elsewhere
        assert not re.search(r'(?:src|href)="https?://(?!squidfunk)[^"]*\.(?:js|css|woff2?)"', page)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_the_build(fault: str, whole: Path, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(whole, root, symlinks=True, ignore=shutil.ignore_patterns("site"))
    plant, said = FAULTS[fault]
    plant(root)
    done = build(root)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
