"""The program that holds the structure of the tree finds what it should, and nothing else."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "structure.py"
FILES = {
    "low/src/brainloom_low/__init__.py": "from .model import Model\n",
    "low/src/brainloom_low/model.py": """
class Model:
    _count = 0
    def _step(self):
        return self._count
    def look(self):
        from .show import show
        return show(self)
""",
    "low/src/brainloom_low/show.py": """
from typing import TYPE_CHECKING
from .names import text
if TYPE_CHECKING:
    from .model import Model
def show(model: "Model") -> str:
    return text(model)
""",
    "low/src/brainloom_low/names.py": "def text(model): return f'a_{type(model)}_step'\n",
    "high/src/brainloom_high/__init__.py": """
from brainloom_low import Model
_own = 1
class Special(Model):
    def _step(self):
        return _own
def count(model):
    return model._count
""",
}


@pytest.fixture
def structure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("structure", TOOL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "structure", module)  # where dataclasses look
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    for name, text in FILES.items():
        file = tmp_path / "packages" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return module


def found(structure: ModuleType, tmp_path: Path) -> list:
    folders = sorted(path.parent for path in tmp_path.glob("p*/*/src/*/__init__.py"))
    return [structure.Package(folder.name, folder) for folder in folders]


def test_private_names_of_another_package_are_found(structure: ModuleType, tmp_path: Path) -> None:
    faults = structure.used_across(found(structure, tmp_path))
    assert [fault.split(": ", 1)[1] for fault in faults] == [
        "_count, of brainloom_low",
        "Special defines _step again, of brainloom_low.Model",
    ]


def test_a_lazy_cycle_is_found_and_one_for_type_checkers_is_none(
    structure: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("grimp")
    for name in ("low", "high"):
        monkeypatch.syspath_prepend(tmp_path / "packages" / name / "src")
    names = ["brainloom_low", "brainloom_high"]
    assert structure.cycles(names) == []
    lazy = tmp_path / "packages/low/src/brainloom_low/names.py"
    lazy.write_text("def text(model):\n    from .model import Model\n    return Model\n")
    (cycle,) = structure.cycles(names)
    assert sorted(set(cycle.split(" -> "))) == [
        "brainloom_low.model",
        "brainloom_low.names",
        "brainloom_low.show",
    ]


def test_any_is_counted_by_lines_of_code(structure: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "packages/low/src/brainloom_low/more.py"
    file.write_text('"""Any."""\nfrom typing import Any\n# Any\nx: dict[Any, Any] = {"Any": 1}\n')
    assert structure.lines_with_any(file) == 2
