"""Choosing and running the checks, with pytest or without."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from .case import Case
from .checks import CHECKS, Check
from .running import first_step_error, no_first_step

__all__ = ["Result", "checks_for", "parametrize_with_checks", "run"]


Test = TypeVar("Test", bound=Callable[..., object])


@dataclass(frozen=True)
class Result:
    """What one check found.

    Attributes:
        case: The case.
        check: Name of the check.
        error: What it raised, None if it passed.
        expected: The reason for which it was expected to fail, None if it was not.
    """

    case: Case
    check: str
    error: Exception | None
    expected: str | None

    @property
    def good(self) -> bool:
        """Whether it passed, or failed as expected; passing against expectation is not good."""
        return (self.error is None) == (self.expected is None)

    def __str__(self) -> str:
        outcome = "passed" if self.error is None else f"failed: {self.error}"
        expectation = "" if self.expected is None else f" (expected to fail: {self.expected})"
        return f"{self.case.cls.__name__}-{self.check} {outcome}{expectation}"


def checks_for(case: Case) -> list[Check]:
    """The checks that apply to a case.

    Args:
        case: The case.

    Returns:
        The checks, each a function of a case that raises `AssertionError`.

    Raises:
        ValueError: `expected_failures` has a name that is not among them.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import SynOut, param
        >>> from brainloom_testing import checks_for, default_case
        >>> class Fixed(SynOut):
        ...     E = param(default=0.0 * u.mV)
        ...     def update(self, g, V):
        ...         return g * (self.E - V)
        >>> len(checks_for(default_case(Fixed))) > 5
        True
    """
    found = {entry.name: entry.check for entry in CHECKS if entry.applies(case)}
    unknown = sorted(case.expected_failures.keys() - found.keys())
    if unknown:
        raise ValueError(
            f"{case}.expected_failures: no check of this case is called {', '.join(unknown)}. "
            f"There are: {', '.join(found)}"
        )
    return list(found.values())


def run(case: Case) -> list[Result]:
    """Run all checks of a case, and return what each found.

    Of a model that cannot take one step there is one result, which says why.

    Args:
        case: The case.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import SynOut, param
        >>> from brainloom_testing import default_case, run
        >>> class Fixed(SynOut):
        ...     E = param(default=0.0 * u.mV)
        ...     def update(self, g, V):
        ...         return g * (self.E - V)
        >>> for result in run(default_case(Fixed)):
        ...     if not result.good:
        ...         print(result)
        Fixed-docstring_has_equation failed: Fixed has no docstring
        Fixed-docstring_has_sections failed: Fixed has no docstring
        Fixed-docstring_lists_arguments failed: Fixed has no docstring
        Fixed-examples_run failed: Fixed has no docstring
        Fixed-declarations_are_documented failed: Fixed: declared without a doc: E
    """
    results = []
    for check in checks_for(case):
        result = _result(case, check)
        if not result.good and first_step_error(case) is not None:
            return [Result(case, "takes_a_step", AssertionError(no_first_step(case)), None)]
        results.append(result)
    return results


def parametrize_with_checks(cases: Iterable[Case]) -> Callable[[Test], Test]:
    """Make a test of two arguments, `case` and `check`, one for each check of each case.

    An expected failure is a strict xfail. Of a model that cannot take one step, one test fails and
    says why, and those that would fail for the same reason are skipped. One such test is the whole
    test of a plugin.

    Args:
        cases: The cases, such as `default_case(MyNeuron)`.

    Returns:
        A decorator of the test.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Neuron, initializer, param, state
        >>> from brainloom_testing import default_case, parametrize_with_checks
        >>> class MyNeuron(Neuron):
        ...     tau = param(default=10 * u.ms)
        ...     V_th = param(default=20 * u.mV)
        ...     V_reset = param(default=0 * u.mV)
        ...     V_initializer = initializer(default=0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, V, I):
        ...         return (I * u.ohm - V) / self.tau
        >>> @parametrize_with_checks([default_case(MyNeuron)])
        ... def test_conformance(case, check):
        ...     check(case)
    """
    import pytest

    parameters = [
        pytest.param(
            case,
            check if _name(check) in case.expected_failures else _once(check),
            id=f"{case.cls.__name__}-{_name(check)}",
            marks=[
                pytest.mark.xfail(reason=reason, strict=True)
                for name, reason in case.expected_failures.items()
                if name == _name(check)
            ],
        )
        for case in cases
        for check in checks_for(case)
    ]
    return pytest.mark.parametrize(("case", "check"), parameters)


def _once(check: Check) -> Check:
    """The check; of a model that cannot take one step, the first says so, and the others skip."""

    @functools.wraps(check)
    def checked(case: Case) -> None:
        try:
            check(case)
        except Exception:
            if first_step_error(case) is None:
                raise
            if case in _SAID:
                import pytest

                pytest.skip(f"{case.cls.__name__} cannot take one step")
            _SAID.add(case)
            raise AssertionError(no_first_step(case)) from first_step_error(case)

    return checked


_SAID: set[Case] = set()


def _result(case: Case, check: Check) -> Result:
    error = None
    try:
        check(case)
    except Exception as caught:
        error = caught
    return Result(case, _name(check), error, case.expected_failures.get(_name(check)))


def _name(check: Check) -> str:
    return check.__name__.removeprefix("check_")
