"""Every module of this distribution is held to the conformance kit."""

from collections.abc import Callable
from typing import Any

import brainloom_projections
import brainstate
import brainunit as u
import jax.numpy as jnp
import pytest
from brainloom_neurons import LIF
from brainloom_projections import (
    STD,
    STP,
    AlignPostProj,
    AlignPreProj,
    AsymmetryGapJunction,
    Connection,
    CurrentProj,
    DeltaProj,
    OneToOne,
    Projection,
    SymmetryGapJunction,
)
from brainloom_synapses import CUBA, Expon
from brainloom_testing import Case, parametrize_with_checks


def delta() -> dict[str, Any]:
    return {"comm": Connection(2, 2, OneToOne(), weight=1.0 * u.mV), "post": LIF(2)}


def align_post() -> dict[str, Any]:
    comm = Connection(2, 2, OneToOne(), weight=1.0 * u.mS)
    return {"comm": comm, "syn": Expon.desc(), "out": CUBA.desc(), "post": LIF(2)}


def current() -> dict[str, Any]:
    comm = Connection(2, 2, OneToOne(), weight=1.0 * u.mS)
    return {"comm": comm, "out": CUBA.desc(), "post": LIF(2)}


def junctions() -> dict[str, Any]:
    return {"conn": OneToOne(), "weight": 1.0 * u.mS}


SPIKE = {"kind": "readout", "input": jnp.ones(2)}
CASES = [
    Case(STD, {"in_size": 2}, **SPIKE),
    Case(STP, {"in_size": 2}, **SPIKE),
    Case(STP, {"in_size": 2, "towards": "U", "tau_f": 0 * u.ms}, **SPIKE),
    Case(AlignPostProj, align_post),
    Case(AlignPreProj, align_post),
    Case(
        AsymmetryGapJunction,
        lambda: {
            **junctions(),
            "pre": LIF(2),
            "pre_state": "V",
            "post": LIF(2),
            "post_state": "V",
            "weight": [1.0, 2.0] * u.mS,
        },
    ),
    Case(SymmetryGapJunction, lambda: {**junctions(), "couples": LIF(2), "states": "V"}),
    Case(CurrentProj, current),
    Case(Projection, {}, kind="other"),  # a container
    Case(Connection, {"pre": 2, "post": 2, "rule": OneToOne()}),
    Case(DeltaProj, delta),
]
MODULES = [
    name
    for name in brainloom_projections.__all__
    if isinstance(found := getattr(brainloom_projections, name), type)
    and issubclass(found, brainstate.nn.Module)
]


@parametrize_with_checks(CASES)
def test_conformance(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_a_case(name: str) -> None:
    assert getattr(brainloom_projections, name) in {case.cls for case in CASES}
