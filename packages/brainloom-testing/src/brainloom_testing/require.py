"""Assertions with texts of their own, so that the checks need no test runner."""

from collections.abc import Callable

import brainunit as u
import numpy as np
from brainloom_core.types import Quantity, Values
from brainloom_core.units import same_dimension, show, to_number

__all__ = ["require", "require_close", "require_error", "require_same"]


def require(condition: object, text: str) -> None:
    """Raise AssertionError with this text unless the condition holds."""
    if not condition:
        raise AssertionError(text)


def require_error(
    kind: type[Exception], words: str, what: str, action: Callable[[], object]
) -> None:
    """Require that the action raises an error of this kind whose text contains the words."""
    try:
        action()
    except kind as error:
        require(words in str(error), f"{what}: the error does not name {words}: {error}")
    except Exception as error:
        raise AssertionError(
            f"{what}: expected {kind.__name__} naming {words}, got {type(error).__name__}: {error}"
        ) from error
    else:
        raise AssertionError(f"{what} was accepted; expected {kind.__name__} naming {words}")


def require_close(got: Quantity, expected: Quantity, what: str, rtol: float = 1e-4) -> None:
    """Require two arrays of the same dimension to agree, relative to the largest element."""
    require(
        same_dimension(got, expected),
        f"{what}: unit {u.get_unit(got)} where {u.get_unit(expected)} was expected",
    )
    unit = u.get_unit(expected)
    a, b = np.asarray(to_number(got, unit)), np.asarray(to_number(expected, unit))
    require(a.shape == b.shape, f"{what}: shape {a.shape} where {b.shape} was expected")
    a, b = a.astype(np.float64), b.astype(np.float64)
    scale = float(np.max(np.abs(b), initial=0.0))
    off = float(np.max(np.abs(a - b), initial=0.0))
    require(
        off <= rtol * scale,
        f"{what} differs by up to {show(off * unit)}, values being up to {show(scale * unit)}",
    )


def require_same(got: Values, expected: Values, what: str, rtol: float = 1e-4) -> None:
    """Require two sets of named arrays to agree."""
    require(got.keys() == expected.keys(), f"{what}: {sorted(got)} instead of {sorted(expected)}")
    for name in expected:
        require_close(got[name], expected[name], f"{what}: {name}", rtol)
