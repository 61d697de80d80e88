"""Wrong models: each is found, by the check that is made for its mistake."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("scipy")
pytest.importorskip("brainloom_projections")
pytest.importorskip("brainloom_neurons")

from brainloom_testing.verification import iter_records

_spec = importlib.util.spec_from_file_location("ten_bugs", Path(__file__).parent / "ten_bugs.py")
ten_bugs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(ten_bugs)

KINDS = ("closed form", "ODE", "table", "generic")


@pytest.mark.slow
@pytest.mark.parametrize("bug", ten_bugs.BUGS, ids=lambda bug: bug.__name__)
def test_bug_is_found(bug: type) -> None:
    expected = ten_bugs.BUGS[bug]
    record = next(r for r in iter_records(bug, kinds=KINDS) if r.check == expected)
    assert not record.passed
    assert record.model == bug.__name__


@pytest.mark.slow
@pytest.mark.parametrize("bug", ten_bugs.BUGS, ids=lambda bug: bug.__name__)
def test_the_model_without_the_bug_passes_that_check(bug: type) -> None:
    expected, right = ten_bugs.BUGS[bug], bug.__mro__[1]
    record = next(r for r in iter_records(right, kinds=KINDS) if r.check == expected)
    assert record.passed
