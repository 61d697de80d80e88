"""What an exchange kept, what it changed, and what it lost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Fate", "Finding", "LossReport"]

Fate = Literal["kept", "approximated", "private", "dropped"]


@dataclass(frozen=True)
class Finding:
    """What became of one thing that a node means.

    Attributes:
        node: Name of the node.
        what: What it is about: `"reset"`, `"units"`, `"delay"`, ...
        fate: `"kept"`; `"approximated"`, so that numbers may differ; `"private"`, written where
            brainloom alone reads it; or `"dropped"`.
        text: How, in words.
    """

    node: str
    what: str
    fate: Fate
    text: str


@dataclass(frozen=True)
class LossReport:
    """What an exchange kept, approximated and dropped; printed, it is a table.

    Attributes:
        findings: One [`Finding`][brainloom_nir.Finding] for each node and thing.
        errors: Largest differences that a numeric round trip found, by what was compared; empty
            where none was made, see [`round_trip`][brainloom_nir.round_trip].

    Examples:
        >>> from brainloom_nir import Finding, LossReport
        >>> print(LossReport((Finding("lif", "reset", "kept", "V is set to V_reset"),)))
        node  what   fate  how
        lif   reset  kept  V is set to V_reset
    """

    findings: tuple[Finding, ...] = ()
    errors: Mapping[str, float] = field(default_factory=dict)

    def of(self, fate: Fate) -> tuple[Finding, ...]:
        """The findings of one fate.

        Args:
            fate: `"kept"`, `"approximated"`, `"private"` or `"dropped"`.
        """
        return tuple(finding for finding in self.findings if finding.fate == fate)

    @property
    def kept(self) -> tuple[Finding, ...]:
        """What goes over unchanged."""
        return self.of("kept")

    @property
    def approximated(self) -> tuple[Finding, ...]:
        """What goes over, but not exactly."""
        return self.of("approximated")

    @property
    def private(self) -> tuple[Finding, ...]:
        """What other readers of the file will not see."""
        return self.of("private")

    @property
    def dropped(self) -> tuple[Finding, ...]:
        """What is lost."""
        return self.of("dropped")

    @property
    def max_error(self) -> float | None:
        """The largest difference that a round trip found, None where none was made."""
        return max(self.errors.values()) if self.errors else None

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("node", "what", "fate", "how")]
        rows += [(it.node, it.what, it.fate, it.text) for it in self.findings]
        lines = list(_aligned(rows))
        if self.errors:
            errors: list[tuple[str, ...]] = [("compared", "largest difference")]
            errors += [(name, f"{error:.3g}") for name, error in self.errors.items()]
            lines += ["", *_aligned(errors)]
        return "\n".join(lines)


def _aligned(rows: list[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
