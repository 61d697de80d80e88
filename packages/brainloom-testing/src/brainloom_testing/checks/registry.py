"""The list of all checks, and the kinds of model that each is for."""

from collections.abc import Callable
from dataclasses import dataclass

from ..case import KINDS, Case
from ..declarations import is_declared, states

__all__ = ["CHECKS", "Check", "Entry", "applies_to", "declares", "has_states"]

Check = Callable[[Case], None]
Condition = Callable[[Case], bool]


@dataclass(frozen=True)
class Entry:
    """A check, and when it applies."""

    check: Check
    kinds: tuple[str, ...]
    when: Condition | None

    @property
    def name(self) -> str:
        """The name of the check, without `check_`."""
        return self.check.__name__.removeprefix("check_")

    def applies(self, case: Case) -> bool:
        """Whether the check makes sense for this case."""
        return case.kind in self.kinds and (self.when is None or self.when(case))


CHECKS: list[Entry] = []


def applies_to(*kinds: str, when: Condition | None = None) -> Callable[[Check], Check]:
    """Put a check on the list, for these kinds (all if none is named) and where `when` holds."""

    def register(check: Check) -> Check:
        CHECKS.append(Entry(check, kinds or KINDS, when))
        return check

    return register


def declares(case: Case) -> bool:
    """Whether the constructor follows from declarations."""
    return is_declared(case.cls)


def has_states(case: Case) -> bool:
    """Whether the class declares states."""
    return bool(states(case.cls))
