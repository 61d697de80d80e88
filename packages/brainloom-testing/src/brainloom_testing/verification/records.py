"""`Record`: what one check found, as a line of a table and as JSON."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["KINDS", "Kind", "Record", "failed", "report"]

Kind = Literal["closed form", "ODE", "stored trace", "table", "generic"]
KINDS: tuple[Kind, ...] = ("closed form", "ODE", "stored trace", "table", "generic")
"""The kinds of reference that a model can be held to."""


@dataclass(frozen=True)
class Record:
    """One comparison of a model with a reference.

    Attributes:
        model: Name of the class under test.
        check: What was compared.
        kind: What it was compared with, one of `KINDS`.
        error: How far it is off; infinite where the check could not be made.
        tolerance: How far it may be off.
        unit: Unit of both, empty for a plain number.
        source: Where the reference comes from.
        reason: Why the tolerance is what it is.
        detail: What went wrong, where it did.
    """

    model: str
    check: str
    kind: Kind
    error: float
    tolerance: float
    unit: str
    source: str
    reason: str
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; an undefined one is not."""
        return self.error <= self.tolerance

    def as_dict(self) -> dict[str, Any]:
        """The record for JSON, in which there is no infinity: null stands for it."""
        error = self.error if math.isfinite(self.error) else None
        return {**asdict(self), "error": error, "passed": self.passed}


def failed(records: Iterable[Record]) -> list[Record]:
    """Those that did not pass.

    Args:
        records: What `verify` returned.
    """
    return [record for record in records if not record.passed]


def report(records: Iterable[Record]) -> dict[str, object]:
    """All records and their numbers, for a JSON file.

    Args:
        records: What `verify` returned.
    """
    rows = [record.as_dict() for record in records]
    passed = sum(row["passed"] for row in rows)
    return {"passed": passed, "failed": len(rows) - passed, "records": rows}
