"""Texts of quantities, and the functions that steps are made of."""

import math
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core.units import (
    dimension_name,
    exprel,
    exprel2,
    same_dimension,
    show,
    step_count,
    to_number,
    with_unit,
)

# Texts


@pytest.mark.parametrize(
    ("quantity", "name"),
    [
        (5 * u.second, "a time"),
        (u.mV, "a voltage"),
        (3.0 * u.pA, "a current"),
        (u.Mohm, "a resistance"),
        (u.nS, "a conductance"),
        (u.pF, "a capacitance"),
        (u.kHz, "a frequency"),
        (7, "a number without unit"),
        (jnp.ones(3), "a number without unit"),
    ],
)
def test_dimension_in_words(quantity: Any, name: str) -> None:
    assert dimension_name(quantity) == name


def test_dimension_without_a_word() -> None:
    assert dimension_name(2.0 * u.mS / u.cm**2).startswith("a quantity in units of ")


def test_same_dimension() -> None:
    assert same_dimension(1 * u.ms, u.second)
    assert same_dimension(3, jnp.ones(2))
    assert not same_dimension(1 * u.ms, u.mV)
    assert not same_dimension(1 * u.ms, 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.0 * u.ms, "5 ms"),
        (-0.25 * u.mV, "-0.25 mV"),
        (3, "3"),
        (True, "True"),
        (None, "None"),
        ("soft", "'soft'"),
        (np.float32(0.5), "0.5"),
        (jnp.asarray(2.0) * u.nA, "2 nA"),
        (jnp.ones((2, 3)) * u.mV, "an array of shape (2, 3) mV"),
        (np.ones(1000), "an array of shape (1000,)"),
        (u.Quantity(4.0), "4"),
    ],
)
def test_short_texts(value: Any, text: str) -> None:
    assert show(value) == text


def test_long_texts_are_cut() -> None:
    assert len(show(list(range(1000)))) < 80


def test_traced_values_have_no_number() -> None:
    texts = []
    jax.jit(lambda x: texts.append(show(x * u.mV)))(jnp.ones(2))
    assert texts == ["a traced value of shape (2,) mV"]


def test_numbers_in_and_out_of_units() -> None:
    assert to_number(0.5 * u.second, u.ms) == 500
    assert to_number(3.0, u.ms) == 3.0
    assert with_unit(3.0, u.ms) == 3.0 * u.ms
    assert with_unit(3.0, u.UNITLESS) == 3.0
    assert not isinstance(with_unit(3.0, u.UNITLESS), u.Quantity)


# Steps


@pytest.mark.parametrize(
    ("duration", "dt", "steps"),
    [
        (5.0 * u.ms, 0.1 * u.ms, 50),
        (0.3 * u.ms, 0.1 * u.ms, 3),
        (0.7 * u.ms, 0.1 * u.ms, 7),
        (2.3 * u.ms, 0.1 * u.ms, 23),
        (0.0 * u.ms, 0.1 * u.ms, 0),
        (0.04 * u.ms, 0.1 * u.ms, 0),
        (0.06 * u.ms, 0.1 * u.ms, 1),
        (0.005 * u.second, 0.1 * u.ms, 50),
        (5.0 * u.ms, 100.0 * u.us, 50),
        (1000.0 * u.second, 0.1 * u.ms, 10_000_000),
    ],
)
def test_times_become_whole_steps(duration: Any, dt: Any, steps: int) -> None:
    count = step_count(duration, dt)
    assert count.dtype == jnp.int32
    assert count == steps


def test_step_counts_of_arrays_and_traced_times() -> None:
    times = jnp.asarray([0.1, 0.3, 0.5, 1.7]) * u.ms
    counts = jax.jit(lambda times: step_count(times, 0.1 * u.ms))(times)
    np.testing.assert_array_equal(counts, [1, 3, 5, 17])


# Relative exponentials


def phi(order: int, x: np.ndarray) -> np.ndarray:
    """The functions in long double: a series near 0, their definition elsewhere."""
    x = x.astype(np.longdouble)
    series = sum(x**k / np.longdouble(math.factorial(k + order)) for k in range(25))
    with np.errstate(divide="ignore", invalid="ignore"):
        closed = np.expm1(x) / x if order == 1 else (np.expm1(x) - x) / x**2
    return np.where(abs(x) < 0.5, series, closed)


def arguments(dtype: Any) -> np.ndarray:
    """Both signs, from tiny to large, and closely around the changes between formulas."""
    sizes = np.concatenate([[0.0], np.geomspace(1e-30, 80, 3000), np.linspace(0.05, 0.6, 3000)])
    return np.concatenate([sizes, -sizes]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("function", "order"), [(exprel, 1), (exprel2, 2)])
def test_relative_exponentials(function: Any, order: int, dtype: Any, float64: None) -> None:
    """`exp(x) - 1` loses up to a factor of 1/x in accuracy: ten at the change to the series.

    The second function loses it twice, at a change that lies further out, and its series ends
    at 6e-15 of the value.
    """
    x = arguments(dtype)
    result = function(jnp.asarray(x))
    assert result.dtype == dtype
    error = np.abs(np.asarray(result) / phi(order, x) - 1)
    assert error.max() < (10 if order == 1 else 40) * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("function", "order"), [(exprel, 1), (exprel2, 2)])
def test_slopes_of_relative_exponentials(
    function: Any, order: int, dtype: Any, float64: None
) -> None:
    """The slope of a series is less accurate than its value, as it ends one term earlier."""
    x = np.linspace(-0.6, 0.6, 201).astype(dtype)
    wide = x.astype(np.longdouble)
    expected = sum(k * wide ** (k - 1) / math.factorial(k + order) for k in range(1, 25))
    slope = jax.vmap(jax.grad(function))(jnp.asarray(x))
    bound = 5e-5 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(slope, expected.astype(float), rtol=bound)


@pytest.mark.parametrize(("function", "at_zero"), [(exprel, (1, 1 / 2)), (exprel2, (1 / 2, 1 / 6))])
def test_relative_exponentials_at_zero(function: Any, at_zero: tuple[float, float]) -> None:
    value, slope = jax.value_and_grad(function)(0.0)
    np.testing.assert_allclose((value, slope), at_zero, rtol=1e-6)


@pytest.mark.parametrize("x", [-10.0, -1e3, -1e5, -1e9])
@pytest.mark.parametrize("function", [exprel, exprel2])
def test_strong_decay(function: Any, x: float) -> None:
    r"""Far below 0, $\varphi_1 \to -1/x$ and $\varphi_2 \to -1/x - 1/x^2$."""
    value, slope = jax.value_and_grad(function)(x)
    expected = -1 / x if function is exprel else -1 / x - 1 / x**2
    np.testing.assert_allclose(value, expected, rtol=1e-4)
    assert np.isfinite(slope)
