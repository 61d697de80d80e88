"""Checks of what makes a synapse: decay, and linearity where it is claimed."""

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import AlignPost, Declared, Dynamics
from brainloom_core.types import Quantity, Shape, Values

from ..case import Case
from ..require import require, require_same
from ..running import drive, environment, fresh, record, shaped, values
from .registry import applies_to

__all__ = ["check_decays_to_zero", "check_response_is_linear"]


@applies_to("synapse")
def check_decays_to_zero(case: Case) -> None:
    """Without input, conductance and jump states fall below a thousandth within 100 000 steps."""
    name, x = case.cls.__name__, drive(case)
    with environment(case):
        model = fresh(case)
        run = brainstate.transform.jit(lambda x: record(case, model, x, 1000))
        peak = _largest(case, run(x))
        for _ in range(100):
            left = _largest(case, run(0.0 * x), last=True)
            if left < 1e-3 * peak:
                return
    require(False, f"{name} does not decay: {left:g} is left of {peak:g} after 100 000 steps")


@applies_to("synapse", when=lambda case: issubclass(case.cls, AlignPost))
def check_response_is_linear(case: Case) -> None:
    """An AlignPost synapse responds to a sum of inputs with the sum of its responses."""
    name = case.cls.__name__
    with environment(case):
        model = fresh(case)
        shape = (20, *model.in_size)
        a, b = (_random_input(case, seed, shape) for seed in (1, 2))
        run = brainstate.transform.jit(lambda xs: _respond(model, xs))
        responses = []
        for xs in (a, b, a + b, 0.0 * a):
            brainstate.nn.init_all_states(model)
            responses.append(run(xs))
    one, other, both, none = responses
    summed = {key: one[key] + other[key] for key in one}
    expected = {key: both[key] + none[key] for key in one}
    require_same(summed, expected, f"{name}: two responses summed, beside that to the sum,")


def _respond(model: Dynamics, xs: Quantity) -> dict[str, Quantity]:
    """States and conductance at each step of a sequence of inputs."""

    def one(x: Quantity) -> dict[str, Quantity]:
        return {"conductance": model(x), **values(model)}

    return brainstate.transform.for_loop(one, xs)


def _random_input(case: Case, seed: int, shape: Shape) -> Quantity:
    numbers = jax.random.uniform(jax.random.key(seed), shape, minval=0.1)
    return shaped(drive(case), shape) * numbers


def _largest(case: Case, run: tuple[Quantity, Values], last: bool = False) -> float:
    """The largest number among conductance and jump states, over a run or at its end."""
    returned, recorded = run
    cls: type[Declared] = case.cls
    series = [returned, *(recorded[name] for name in cls.jump_states)]
    numbers = [np.abs(u.get_mantissa(s[-1] if last else s)) for s in series]
    return float(max(jnp.max(n) for n in numbers))
