"""What is kept of the members of a sweep, and all of it in one labelled data set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np

from ..errors import InputError
from ..types import PyTree, Quantity
from ..units import show
from .recording import Recording, SpikeEvents, TraceData

if TYPE_CHECKING:
    import xarray

    from .members import Settings
    from .sweep import Plan

__all__ = ["Result", "Variable", "dataset_of", "measured", "needs_xarray"]


@dataclass(frozen=True)
class Variable:
    """One array of a result.

    Attributes:
        values: The numbers.
        dims: A name for each axis.
        units: Unit of the numbers, empty for none.
        coords: Labels along an axis: numbers and their unit, by the name of the axis.
    """

    values: np.ndarray
    dims: tuple[str, ...]
    units: str = ""
    coords: dict[str, tuple[np.ndarray, str]] = field(default_factory=dict)


Result = dict[str, Variable]


def needs_xarray() -> Any:
    """The module xarray, or how to get it."""
    try:
        import xarray
    except ImportError:
        raise ImportError(
            "sweep: results come in an xarray.Dataset, and xarray is missing. Get it with: "
            'pip install "brainloom-core[xarray]"'
        ) from None
    return xarray


def measured(recording: Recording, measure: Callable[[Recording], object] | None) -> Result:
    """What is kept of a recording.

    Args:
        recording: What a member recorded.
        measure: What the user makes of it, None for rates, counts and traces.
    """
    if measure is None:
        return {
            name: variable
            for recorded, data in recording.items()
            for name, variable in _standard(recorded, data)
        }
    found = measure(recording)
    named = found if isinstance(found, Mapping) else {"result": found}
    return {str(name): _variable(str(name), value) for name, value in named.items()}


def _standard(name: str, data: SpikeEvents | TraceData) -> list[tuple[str, Variable]]:
    if isinstance(data, SpikeEvents):
        counts = data.counts()
        dims: tuple[str, ...] = ("trial", f"{name}.neuron")
        if data.trials == 1:
            counts, dims = counts[0], dims[1:]
        rate = np.asarray(float(data.rate().to_decimal(u.Hz)))
        return [
            (f"{name}.rate", Variable(rate, (), "Hz")),
            (f"{name}.cv", Variable(np.asarray(data.isi_cv()), ())),
            (f"{name}.counts", Variable(counts, dims)),
        ]
    if not hasattr(data, "values") or not hasattr(data, "t"):
        raise InputError(
            f"sweep: measure: what is recorded as {name!r} has no standard form; give a function "
            "of the recording that says what to keep"
        )
    values = data.values
    time = (np.asarray(data.t.to_decimal(u.ms)), "ms")
    axes = tuple(f"{name}.axis{k}" for k in range(1, np.ndim(values)))
    coords = {f"{name}.time": time}
    whole = Variable(_number(values), (f"{name}.time", *axes), _unit(values), coords)
    return [(name, whole)]


def _variable(name: str, value: Any) -> Variable:
    if hasattr(value, "dims") and hasattr(value, "coords"):  # an xarray.DataArray
        labels = {
            d: (np.asarray(value.coords[d].values), value.coords[d].attrs.get("units", ""))
            for d in value.dims
            if d in value.coords
        }
        return Variable(
            np.asarray(value.values),
            tuple(map(str, value.dims)),
            value.attrs.get("units", ""),
            labels,
        )
    number = _number(value)
    if number.dtype.kind not in "biufcU":
        raise InputError(
            f"sweep: measure: {name}: expected numbers, a text, a quantity or an xarray.DataArray, "
            f"got {show(value)}"
        )
    dims = tuple(f"{name}.axis{k}" for k in range(number.ndim))
    return Variable(number, dims, _unit(value))


def _number(value: Quantity) -> np.ndarray:
    return np.asarray(u.get_mantissa(value))


def _unit(value: Quantity) -> str:
    unit = u.get_unit(value)
    return "" if unit == u.UNITLESS else str(unit)


def dataset_of(plan: "Plan", settings: "Settings", results: Sequence[Result]) -> "xarray.Dataset":
    """All results under their labels.

    Args:
        plan: The members, in the order of the results.
        settings: What they have in common.
        results: What was kept of each.

    Raises:
        InputError: Members have results of other names, dimensions or units.
    """
    xarray = needs_xarray()
    outer, shape, coords = _labels(plan)
    found: dict[str, Any] = {}
    for name, first in results[0].items():
        each = [_matching(name, first, result, plan, k) for k, result in enumerate(results)]
        values = _stacked(each).reshape(*shape, *_largest(each))
        if plan.seeds is not None:  # members are listed seed by seed
            values = np.moveaxis(values, 0, len(outer) - 1)
        attributes = {"units": first.units} if first.units else {}
        found[name] = ((*outer, *first.dims), values, attributes)
        for dim, (labels, unit) in first.coords.items():
            if all(np.array_equal(v.coords.get(dim, ((), ""))[0], labels) for v in each):
                coords[dim] = ((dim,), labels, {"units": unit} if unit else {})
    attributes = {
        "duration": str(settings.duration),
        "dt": str(settings.dt),
        "brainloom_core": version("brainloom-core"),
    }
    return xarray.Dataset(found, coords, attributes)


def _labels(plan: "Plan") -> tuple[list[str], list[int], dict[str, object]]:
    """Dimensions of the result, the shape in which members are listed, and the labels."""
    coords: dict[str, Any] = {}
    if plan.lists is not None:
        dims, shape = list(plan.names), [len(values) for values in plan.lists]
        for name, values in zip(plan.names, plan.lists, strict=True):
            coords[name] = ((name,), *_label(values))
    else:
        dims, shape = ["sample"], [plan.n_points]
        coords["sample"] = (("sample",), np.arange(plan.n_points))
        for name in plan.names:
            coords[name] = (("sample",), *_label([point[name] for point in plan.samples or ()]))
    if plan.seeds is None:
        coords["seed"] = (tuple(dims), np.arange(len(plan.members)).reshape(shape))
        return dims, shape, coords
    coords["seed"] = (("seed",), np.asarray(plan.seeds))
    return [*dims, "seed"], [len(plan.seeds), *shape], coords


def _label(values: Sequence[Any]) -> tuple[np.ndarray, dict[str, str]]:
    """Values of a parameter as labels: numbers and their unit, or texts."""
    units = {str(u.get_unit(v)) if isinstance(v, u.Quantity) else "" for v in values}
    numbers = [u.get_mantissa(v) for v in values]
    are_numbers = all(np.ndim(x) == 0 and np.asarray(x).dtype.kind in "biuf" for x in numbers)
    if not are_numbers:
        return np.asarray([_text(v) for v in values]), {}
    unit = u.get_unit(values[0])
    if len(units) > 1:
        numbers = [v.to_decimal(unit) for v in values]
    shortest = [
        float(str(x)) if np.asarray(x).dtype.kind == "f" else x for x in map(_host, numbers)
    ]
    return np.asarray(shortest), {"units": str(unit)} if unit != u.UNITLESS else {}


def _host(x: PyTree) -> PyTree:
    return np.asarray(x)[()]


def _text(value: object) -> str:
    return value if isinstance(value, str) else getattr(value, "__name__", None) or str(value)


def _matching(name: str, first: Variable, result: Result, plan: "Plan", number: int) -> Variable:
    other = result.get(name)
    if other is None or (other.dims, other.units) != (first.dims, first.units):
        got = "nothing" if other is None else f"{other.dims} in {other.units or 'no unit'}"
        raise InputError(
            f"sweep: measure: {name}: expected {first.dims} in {first.units or 'no unit'}, as of "
            f"the first member, got {got} of the one with {plan.members[number]}"
        )
    return other


def _largest(each: Sequence[Variable]) -> tuple[int, ...]:
    return tuple(int(n) for n in np.max([v.values.shape for v in each], axis=0))


def _stacked(each: Sequence[Variable]) -> np.ndarray:
    """The values of all members; where shapes differ, the rest is NaN."""
    shape = _largest(each)
    if all(v.values.shape == shape for v in each):
        return np.stack([v.values for v in each])
    dtype = np.result_type(*(v.values.dtype for v in each), np.float32)
    stacked = np.full((len(each), *shape), np.nan, dtype)
    for number, variable in enumerate(each):
        part = tuple(slice(n) for n in variable.values.shape)
        stacked[number][part] = variable.values
    return stacked
