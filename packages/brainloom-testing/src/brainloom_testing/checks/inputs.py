"""Checks that an input which does not fit is refused at the first call."""

import brainunit as u
from brainloom_core import InputError
from brainloom_core.types import Quantity

from ..case import Case
from ..require import require_error
from ..running import drive, environment, fresh, plain_input, shaped
from .registry import applies_to
from .states import STATEFUL

__all__ = [
    "check_unbound_output_raises",
    "check_unexpected_batch_raises",
    "check_wrong_input_length_raises",
    "check_wrong_input_unit_raises",
]


@applies_to(*STATEFUL)
def check_wrong_input_unit_raises(case: Case) -> None:
    """An input in another dimension, or without its unit, is an InputError naming the model."""
    x = plain_input(case)
    foreign = u.mV if u.get_dim(x) == u.ms.dim else u.ms
    _require_refused(case, u.get_mantissa(x) * foreign, f"in {foreign}")
    if u.get_unit(x) != u.UNITLESS:
        _require_refused(case, u.get_mantissa(x), "without a unit")


@applies_to(*STATEFUL)
def check_wrong_input_length_raises(case: Case) -> None:
    """An input of another length than the population is an InputError naming the model."""
    *others, last = case.build().in_size
    _require_refused(case, shaped(plain_input(case), (*others, last + 5)), f"of length {last + 5}")


@applies_to(*STATEFUL)
def check_unexpected_batch_raises(case: Case) -> None:
    """A batch axis that the states do not have is an InputError naming the model."""
    x = shaped(plain_input(case), (3, *case.build().in_size))
    _require_refused(case, x, "with a batch axis that the states do not have")


@applies_to("output")
def check_unbound_output_raises(case: Case) -> None:
    """An output without a conductance for this step is an InputError naming the output."""
    name, output = case.cls.__name__, case.build()
    _, potential = drive(case)
    require_error(InputError, name, f"{name} without a conductance", lambda: output(potential))


def _require_refused(case: Case, x: Quantity, what: str) -> None:
    name = case.cls.__name__
    with environment(case):
        model = fresh(case)
        require_error(InputError, name, f"{name}: an input {what}", lambda: model(x))
