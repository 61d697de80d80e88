"""The models of this distribution are held to the conformance kit; most of them in `verify`."""

from collections.abc import Callable

import brainloom_nest
import pytest
from brainloom_core import Neuron
from brainloom_nest import plugin
from brainloom_nest.conformance import CONDUCTANCES, CURRENTS, LEVELS, SQUID, TRAUB
from brainloom_testing import Case, checks_for, default_case

# A parrot has no equation and takes no current.
NEURONS = [
    getattr(brainloom_nest, name)
    for name in brainloom_nest.__all__
    if issubclass(getattr(brainloom_nest, name), Neuron) and name != "parrot_neuron"
]
CASES = {case.cls: case for case in (CURRENTS, CONDUCTANCES, LEVELS, SQUID, TRAUB)}
QUICK = ("iaf_psc_exp", "izhikevich")


def checked(cls: type[Neuron]) -> list[object]:
    case = CASES.get(cls) or default_case(cls)
    slow = () if cls.__name__ in QUICK else (pytest.mark.slow,)
    tests = []
    for check in checks_for(case):
        reason = case.expected_failures.get(check.__name__.removeprefix("check_"))
        known = () if reason is None else (pytest.mark.xfail(reason=reason, strict=True),)
        name = f"{cls.__name__}-{check.__name__}"
        tests.append(pytest.param(case, check, marks=(*slow, *known), id=name))
    return tests


@pytest.mark.parametrize(("case", "check"), [x for cls in NEURONS for x in checked(cls)])
def test_conformance(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


def test_the_hook_names_all_there_is() -> None:
    assert {*plugin.brainloom_models()} == {*brainloom_nest.__all__}
