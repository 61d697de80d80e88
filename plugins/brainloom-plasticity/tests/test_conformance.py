"""Every class of this distribution is held to the conformance kit."""

from collections.abc import Callable
from typing import Any

import brainloom_plasticity
import brainstate
import brainunit as u
import pytest
from brainloom_neurons import LIF
from brainloom_plasticity import (
    STDP,
    DopamineSTDP,
    InhibitorySTDP,
    PlasticityRule,
    PlasticProj,
    SynapticScaling,
    ThreeFactorSTDP,
    TripletSTDP,
    VoltageSTDP,
    plugin,
)
from brainloom_projections import OneToOne
from brainloom_synapses import CUBA, Expon
from brainloom_testing import Case, parametrize_with_checks


def parts() -> dict[str, Any]:
    return {
        "pre": 2,
        "post": LIF(2),
        "connectivity": OneToOne(),
        "synapse": Expon.desc(),
        "output": CUBA.desc(),
        "weight": 0.5 * u.mS,
        "rule": STDP(w_max=1 * u.mS),
    }


RULES = [
    DopamineSTDP,
    InhibitorySTDP,
    PlasticityRule,
    STDP,
    SynapticScaling,
    ThreeFactorSTDP,
    TripletSTDP,
    VoltageSTDP,
]
CASES = [*(Case(rule) for rule in RULES), Case(PlasticProj, parts)]
CLASSES = [
    name
    for name in brainloom_plasticity.__all__
    if isinstance(getattr(brainloom_plasticity, name), type)
    and issubclass(getattr(brainloom_plasticity, name), brainstate.nn.Module)
]


@parametrize_with_checks(CASES)
def test_conformance(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_has_a_case(name: str) -> None:
    assert getattr(brainloom_plasticity, name) in {case.cls for case in CASES}


def test_the_hook_names_what_can_be_used() -> None:
    classes = {name for name in CLASSES if name != "PlasticityRule"}
    assert {*plugin.RULES, "PlasticProj"} == classes
    assert all(issubclass(getattr(brainloom_plasticity, n), brainstate.nn.Module) for n in classes)
