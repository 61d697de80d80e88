"""Descriptors are equal when they mean the same model."""

import functools
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Declared, Descriptor, Neuron, ReluGrad, Sigmoid, initializer, param


def uniform(shape: Any) -> Any:
    return jnp.ones(shape) * u.mV


class Cell(Neuron):
    tau = param(5.0 * u.ms)
    V_th = param(1.0 * u.mV)
    V_reset = param(0.0 * u.mV)
    V_initializer = initializer(0.0 * u.mV)


class Other(Cell):
    pass


class Box(Declared):
    """Takes anything."""

    def __init__(self, value: Any = None, **others: Any) -> None:
        self.value, self.others = value, others


LONG = np.linspace(0.0, 1.0, 2000)


def changed(place: int) -> np.ndarray:
    copy = LONG.copy()
    copy[place] += 1e-3
    return copy


SAME = {
    "by position and by name": (Cell.desc(3, 5 * u.ms), Cell.desc(tau=5 * u.ms, in_size=3)),
    "order of names": (
        Cell.desc(3, V_th=1 * u.mV, name="a"),
        Cell.desc(3, name="a", V_th=1 * u.mV),
    ),
    "another unit": (Cell.desc(3, tau=20 * u.ms), Cell.desc(3, tau=0.02 * u.second)),
    "another unit of an array": (
        Cell.desc(2, tau=np.array([1.0, 3.0]) * u.ms),
        Cell.desc(2, tau=np.array([0.001, 0.003]) * u.second),
    ),
    "a default left out": (Cell.desc(3), Cell.desc(3, tau=5 * u.ms, spk_reset="soft")),
    "whole numbers": (Cell.desc(3, tau=20 * u.ms), Cell.desc(3, tau=20.0 * u.ms)),
    "a size as a tuple": (Cell.desc(3), Cell.desc((3,))),
    "a unit as a number": (Cell.desc(3, tau=u.ms), Cell.desc(3, tau=1.0 * u.ms)),
    "numpy or jax": (Box.desc(np.ones(3)), Box.desc(jnp.ones(3))),
    "width of the floats": (Box.desc(np.ones(3, "f4")), Box.desc(np.ones(3, "f8"))),
    "numpy scalars": (Box.desc(np.float64(2.0)), Box.desc(2)),
    "long arrays": (Box.desc(LONG), Box.desc(LONG.copy())),
    "list or tuple": (Box.desc([1 * u.ms, 2.0]), Box.desc((1 * u.ms, 2))),
    "a function": (Cell.desc(3, V_initializer=uniform), Cell.desc(3, V_initializer=uniform)),
    "equal spike functions": (Cell.desc(3, spk_fun=ReluGrad()), Cell.desc(3, spk_fun=ReluGrad())),
    "negative zero": (Cell.desc(3, V_reset=-0.0 * u.mV), Cell.desc(3, V_reset=0.0 * u.mV)),
}
DIFFERENT = {
    "class": (Cell.desc(3), Other.desc(3)),
    "size": (Cell.desc(3), Cell.desc(4)),
    "value": (Cell.desc(3, tau=5 * u.ms), Cell.desc(3, tau=5.000001 * u.ms)),
    "dimension": (Box.desc(5 * u.ms), Box.desc(5 * u.mV)),
    "unit or none": (Box.desc(1 * u.second), Box.desc(1)),
    "first element": (Box.desc(LONG), Box.desc(changed(0))),
    "one element of many": (Box.desc(LONG), Box.desc(changed(1000))),
    "last element": (Box.desc(LONG), Box.desc(changed(1999))),
    "one element with a unit": (Box.desc(LONG * u.mV), Box.desc(changed(1000) * u.mV)),
    "shape": (Box.desc(LONG), Box.desc(LONG.reshape(2, 1000))),
    "scalar or array": (Box.desc(1.0), Box.desc(np.ones(1))),
    "functions": (Box.desc(uniform), Box.desc(functools.partial(uniform))),
    "spike functions": (Box.desc(ReluGrad()), Box.desc(ReluGrad(alpha=0.5))),
    "kinds of spike function": (Box.desc(ReluGrad()), Box.desc(Sigmoid())),
    "text": (Cell.desc(3, spk_reset="soft"), Cell.desc(3, spk_reset="hard")),
    "large whole numbers": (Box.desc(2**53), Box.desc(2**53 + 1)),
    "infinities": (Box.desc(np.inf * u.mV), Box.desc(-np.inf * u.mV)),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same(case: str) -> None:
    first, second = SAME[case]
    assert first == second
    assert hash(first) == hash(second)


@pytest.mark.parametrize("case", DIFFERENT)
def test_different(case: str) -> None:
    first, second = DIFFERENT[case]
    assert first != second


def test_the_hash_finds_an_equal_one() -> None:
    assert {Cell.desc(3, tau=20 * u.ms): "found"}[Cell.desc(3, tau=0.02 * u.second)] == "found"


def test_not_equal_to_other_objects() -> None:
    assert Cell.desc(3) != "Cell.desc(3)"


def test_random_keys_are_compared() -> None:
    keys = [Box.desc(jax.random.key(seed)) for seed in (0, 0, 1)]
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]


def test_traced_values_are_compared_by_identity() -> None:
    found = []

    @jax.jit
    def trace(x: jax.Array, y: jax.Array) -> jax.Array:
        same, other = Cell.desc(3, tau=x * u.ms), Cell.desc(3, tau=y * u.ms)
        found.extend([Box.desc(x) == Box.desc(x), Box.desc(x) == Box.desc(y), same == other])
        return x + y

    trace(1.0, 1.0)
    assert found == [True, False, False]


def test_unhashable_values_are_compared_by_identity() -> None:
    table = {"a": 1}
    assert Box.desc(table) == Box.desc(table)
    assert Box.desc(table) != Box.desc({"a": 2})


def test_builds_the_model() -> None:
    cell = Cell.desc((2, 3), tau=7 * u.ms)()
    assert isinstance(cell, Cell)
    assert cell.in_size == (2, 3)
    assert cell.tau == 7 * u.ms


def test_overrides_take_precedence() -> None:
    description = Cell.desc(3, tau=7 * u.ms)
    assert description(tau=9 * u.ms).tau == 9 * u.ms
    assert description(in_size=5).in_size == (5,)
    assert description().tau == 7 * u.ms


def test_defaults_fill_what_is_missing() -> None:
    description = Cell.desc(tau=7 * u.ms).with_defaults(in_size=4, tau=9 * u.ms, unknown=1)
    assert description == Cell.desc(4, tau=7 * u.ms)


def test_a_constructor_that_takes_anything() -> None:
    description = Box.desc(1, colour="red")
    assert description().others == {"colour": "red"}
    assert description(colour="blue").others == {"colour": "blue"}
    assert description != Box.desc(1, colour="blue")


def test_text_for_people() -> None:
    assert repr(Cell.desc(3, spk_reset="hard")) == "Cell.desc(in_size=3, spk_reset='hard')"


def test_wrong_arguments_list_the_right_ones() -> None:
    text = r"Cell.desc: got an unexpected keyword argument 'taw'. Its parameters are: in_size, tau"
    with pytest.raises(TypeError, match=text):
        Cell.desc(3, taw=5 * u.ms)


def test_values_are_checked_when_the_model_is_built() -> None:
    description = Cell.desc(3, tau=5 * u.mV)
    with pytest.raises(TypeError, match="Cell.tau: expected a time"):
        description()


def test_desc_is_a_descriptor_of_the_class() -> None:
    assert Cell.desc(3) == Descriptor(Cell, 3)
