"""Equations are read once, when a class is made, and what cannot be is refused there."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import (
    DeclarationError,
    Dynamics,
    Neuron,
    Synapse,
    initializer,
    param,
    state,
)
from brainloom_neurons import LIF, AdExIF


class Leaky(Neuron):
    tau = param(default=10.0 * u.ms)
    V_th = param(default=1.0 * u.mV)
    V_reset = param(default=0.0 * u.mV)
    V_initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer")
    linear = True

    def dV(self, V: Any, I: Any) -> Any:
        return (I * u.ohm - V) / self.tau


def named(base: type, **body: Any) -> type:
    return type("Wrong", (base,), body)


def test_what_equations_take_is_known_of_the_class() -> None:
    found = AdExIF.equations
    assert found.derivatives == {"V": ("V", "w", "I"), "w": ("w", "V")}
    assert found.coupled
    assert found.depends("w") == {"V", "w"}
    assert found.takes("on_spike") == ("w", "spk")
    assert found.takes("threshold") is None
    assert not Leaky.equations.coupled


@pytest.mark.parametrize(
    ("base", "body", "text"),
    [
        (Leaky, {"dV": lambda self, V, i: V}, r"Wrong\.dV: its argument 'i' .* did you mean I\?"),
        (Leaky, {"dW": lambda self, V, I: I, "linear": False}, r"Wrong\.dW: there is no state 'W'"),
        (AdExIF, {"dW": lambda self, w: w}, r"Wrong\.dW: .* did you mean dw\?"),
        (
            Leaky,
            {"threshold": lambda self, v: v},
            r"Wrong\.threshold: its argument 'v' .* mean V\?",
        ),
        (Leaky, {"on_spike": lambda self, spike_: 1}, r"Wrong\.on_spike: .* did you mean spike\?"),
        (Leaky, {"dV": lambda self, V, I: -V * V}, r"Wrong: it inherits linear = True from Leaky"),
        (
            Leaky,
            {"w": state(lambda model, shape: jnp.zeros(shape)), "dw": lambda self, w: -w},
            r"Wrong: it inherits linear = True from Leaky and has a dw of its own",
        ),
        (
            Synapse,
            {
                "g_initializer": initializer(default=0.0 * u.mS),
                "g": state("g_initializer"),
                "conductance": lambda self, h: h,
            },
            r"Wrong\.conductance: its argument 'h' is none of the values",
        ),
        (Leaky, {"V": state("V_init")}, r"Wrong\.V: .*'V_init'.* did you mean V_initializer\?"),
        (
            Leaky,
            {"V_th": param(default=1.0 * u.mV, above="V_rset")},
            r"Wrong\.V_th: above='V_rset' .* did you mean V_reset\?",
        ),
        (
            Dynamics,
            {"x": state(lambda model, shape: jnp.zeros(shape), when="whn")},
            r"Wrong\.x: when='whn' names nothing",
        ),
    ],
)
def test_what_names_nothing_is_an_error_of_the_class(
    base: type, body: dict[str, Any], text: str
) -> None:
    with pytest.raises(DeclarationError, match=text):
        named(base, **body)


def test_a_state_that_a_spike_cannot_change_is_an_error_of_the_class() -> None:
    with pytest.raises(DeclarationError, match=r"on_spike: it returns 'W', .* did you mean 'w'\?"):

        class Wrong(AdExIF):
            def on_spike(self, w: Any, spk: Any) -> Any:
                return {"W": w + self.b * spk}


def test_names_that_are_put_together_are_checked_in_the_first_step() -> None:
    class Wrong(AdExIF):
        def on_spike(self, w: Any, spk: Any) -> Any:
            return {"w".upper(): w}

    cell = Wrong(1)
    brainstate.nn.init_all_states(cell)
    with (
        brainstate.environ.context(dt=0.1 * u.ms),
        pytest.raises(DeclarationError, match=r"Wrong\.on_spike: it returns 'W'"),
    ):
        cell()


def test_a_neuron_without_a_threshold_says_what_is_missing() -> None:
    text = r"Wrong has no V_th and no V_reset\. Declare them .* write threshold\(\).*scale\(\)"
    with pytest.raises(DeclarationError, match=text):
        named(
            Neuron,
            V=state(lambda model, shape: jnp.zeros(shape) * u.mV),
            dV=lambda self, V: -V / u.ms,
            threshold=lambda self: 1.0 * u.mV,
        )


def test_methods_that_are_no_equations_may_begin_with_d() -> None:
    class Right(LIF):
        def describe(self, V: Any) -> Any:
            return V

        def decay(self, V: Any) -> Any:
            return V

    assert Right.linear
    assert Right.equations.derivatives.keys() == {"V"}


@pytest.mark.parametrize("options", [{}, {"spk_reset": "hard"}, {"detach_reset": True}])
@pytest.mark.parametrize("model", [LIF, AdExIF])
def test_without_a_spike_the_gradient_is_that_of_the_equations(
    model: Any, options: dict[str, Any], float64: None
) -> None:
    """Whatever the step; forward differences of a smooth function, right to their length."""
    scale = {LIF: 0.5, AdExIF: 4.0}[model]
    for dt in (1.0, 0.1):
        cell = model(1, **options)
        brainstate.nn.init_all_states(cell)

        def end(I: Any, cell: Any = cell, dt: float = dt) -> Any:
            with brainstate.environ.context(dt=dt * u.ms):
                cell.reset_state()
                drive = I * jnp.ones((round(20 / dt), 1)) * u.mA
                spikes = brainstate.transform.for_loop(cell, drive)
            return cell.V.value.mantissa.sum(), spikes.sum()

        got, spikes = brainstate.transform.grad(end, argnums=0, has_aux=True)(scale)
        assert spikes == 0
        slope = (end(scale + 1e-5)[0] - end(scale - 1e-5)[0]) / 2e-5
        np.testing.assert_allclose(got, slope, rtol=1e-7)
