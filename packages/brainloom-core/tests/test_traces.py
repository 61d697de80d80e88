"""States made inside of transformations: none outlives its trace as something else."""

from collections.abc import Callable, Iterator
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Neuron, StateError, initializer, param, simulate, state
from brainstate.transform import for_loop, grad, jit, vmap, vmap_new_states

DRIVE = jnp.array([30.0, 300.0, 0.0])


class Leaky(Neuron):
    """A neuron."""

    tau = param(1.0 * u.ms)
    V_th = param(20.0 * u.mV)
    V_reset = param(0.0 * u.mV)
    V_initializer = initializer(1.0 * u.mV)
    V = state("V_initializer")

    def dV(self, V: Any, I: Any) -> Any:
        return (I * u.ohm - V) / self.tau


def run(cell: Any, drive: Any = DRIVE) -> Any:
    """The sum of the potentials after each step, of states that are made here."""

    def step(x: Any) -> Any:
        cell(x * u.mA)
        return cell.V.value.to_decimal(u.mV)

    brainstate.nn.init_all_states(cell)
    return jnp.sum(for_loop(step, drive))


def ways(cell: Any) -> dict[str, Callable[[], Any]]:
    """Ways to compute the same number."""

    def total(drive: Any) -> Any:
        return run(cell, drive)

    def init(_: Any) -> None:
        brainstate.nn.init_all_states(cell)

    def of_new_states() -> Any:
        vmap_new_states(init, in_axes=0, axis_size=2)(jnp.ones(2))
        assert cell.V.value.shape == (2, 2)
        return simulated(cell) / 2

    def simulated_anew() -> Any:
        init(None)
        return simulated(cell)

    slope, compiled = grad(total, return_value=True), jit(total)
    return {
        "eager": lambda: total(DRIVE),
        "jit": lambda: compiled(DRIVE),
        "grad": lambda: slope(DRIVE)[1],
        "vmap": lambda: vmap(total)(jnp.stack([DRIVE, DRIVE]))[1],
        "for_loop": lambda: for_loop(lambda factor: total(factor * DRIVE), jnp.ones(2))[1],
        "new states": of_new_states,
        "simulate": simulated_anew,
    }


def simulated(cell: Any) -> Any:
    recording = simulate(cell, 0.3 * u.ms, inputs=DRIVE * u.mA, record="V")
    return np.sum(recording["V"].values.to_decimal(u.mV))


def all_pairs(n: int) -> Iterator[int]:
    """A closed walk through `n` places that makes each step from one to another once."""
    left = {place: [other for other in range(n) if other != place] for place in range(n)}
    walk, stack = [], [0]
    while stack:
        if left[stack[-1]]:
            stack.append(left[stack[-1]].pop())
        else:
            walk.append(stack.pop())
    return iter(reversed(walk))


TRACES = ["eager", "jit", "grad", "vmap", "for_loop"]


def test_every_order_of_transformations_gives_the_same_numbers() -> None:
    expected, step = float(run(Leaky(2))), ways(Leaky(2))
    before = ""
    for place in all_pairs(len(TRACES)):
        name = TRACES[place]
        assert float(step[name]()) == pytest.approx(expected, rel=1e-5), (before, name)
        before = name


def test_a_simulation_runs_the_states_that_there_are_whatever_made_them() -> None:
    expected, step = float(run(Leaky(2))), ways(Leaky(2))
    for name in ("simulate", "new states", "simulate", "jit", "simulate", "eager", "simulate"):
        assert float(step[name]()) == pytest.approx(expected, rel=1e-5), name


def test_what_was_compiled_before_a_trace_made_states_still_advances_the_cell() -> None:
    cell = Leaky(2)
    brainstate.nn.init_all_states(cell)
    step = jit(cell.update)
    step(9.0 * u.mA)
    first = cell.V.value
    jit(lambda: run(cell))()
    brainstate.nn.init_all_states(cell)
    step(9.0 * u.mA)
    np.testing.assert_array_equal(cell.V.value.mantissa, first.mantissa)


def test_a_state_of_a_trace_that_has_ended_cannot_be_reset() -> None:
    cell = Leaky(1)

    def made() -> Any:
        cell.init_state()
        return cell.V.value

    jit(made)()
    with pytest.raises(StateError, match=r"Leaky\.\w+: the state does not exist yet"):
        cell.reset_state(batch_size=2)
    cell.init_state()
    cell.reset_state(batch_size=2)
    assert jit(cell)(1.0 * u.mA).shape == (2, 1)
