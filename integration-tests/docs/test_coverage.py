"""All that is public is described; and what is not would be found."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

SOURCE = '''
"""A package."""

from json import dumps
from math import pi
from typing import Protocol

__all__ = ["LIMIT", "Base", "Model", "Reader", "Shape", "dumps", "lean", "pi", "told"]

LIMIT = 3


def told(x, *rest, scale=1.0):
    """Say.

    Args:
        x: A number.
        rest: More of them.
        scale: A factor, 1.
    """


def lean(x, y):
    """Say less.

    Args:
        x: A number.
    """


class Base:
    """What others derive from.

    Args:
        size: Its size.
    """

    def __init__(self, size):
        self.size = size

    def update(self, x):
        """Advance.

        Args:
            x: An input.
        """

    @property
    def area(self):
        return 1.0

    @classmethod
    def read(cls, path):
        """Read."""

    def _private(self, x):
        pass


class Shape(Base):
    """One of a kind.

    Attributes:
        size: Its size.
    """

    def update(self, x):
        pass


class Model(Base):
    """A model.

    Args:
        size: Its size.
    """

    _states = {"V": None}

    def dV(self, V, I):
        return I - V

    def rate(self, V, gain):
        """The rate."""

    def check(self):
        pass


class Reader(Protocol):
    """What reads."""

    def __call__(self, path):
        """Read.

        Args:
            path: The file.
        """


class Failure(Exception):
    """Not public."""
'''


@pytest.fixture
def coverage() -> ModuleType:
    spec = importlib.util.spec_from_file_location("doc_coverage", ROOT / "tools/docs/docstrings.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_fault_is_found(
    coverage: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made_up_package.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "made_up_package", raising=False)
    assert list(coverage.faults(["made_up_package"])) == [
        "made_up_package.LIMIT has no docstring.",
        "made_up_package.Base.area has no docstring.",
        "made_up_package.Base.read does not describe its parameter path.",
        "made_up_package.Model.check has no docstring.",
        "made_up_package.Model.rate does not describe its parameter gain.",
        "made_up_package.lean does not describe its parameter y.",
    ]
