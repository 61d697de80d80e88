"""The checks of kinds that take part in training, change weights or write files find faults."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import (
    Recording,
    SpikeEvents,
    SynOut,
    TraceData,
    get_model,
    param,
)
from brainloom_core.plugins import get
from brainloom_testing import (
    Case,
    check_callback,
    check_encoder,
    check_format,
    check_learning_rule,
    check_model,
    check_plasticity_rule,
)
from brainloom_testing.checks.outputs import check_current_follows_conductance
from brainloom_testing.checks.projections import (
    check_projection_jit_equals_eager,
    check_projection_keeps_float64,
    check_projection_reset_restores,
    check_spikes_reach_the_target,
)

# Encoders

VALUES = np.array([[0.0, 0.3, 0.9], [1.0, 0.5, 0.1]], np.float32)


def repeated(x: Any) -> Any:
    return jnp.broadcast_to(jnp.asarray(x, jnp.float32), (5, *np.shape(x)))


WRONG_ENCODERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "time last": (lambda x: jnp.moveaxis(repeated(x), 0, -1)[0], "expected time as the first"),
    "as long as the values": (
        lambda x: jnp.ones((1 + int(np.sum(np.asarray(x))), *np.shape(x)), jnp.float32),
        "length must not depend",
    ),
    "constant": (lambda x: 0.0 * repeated(x), "nothing of them is encoded"),
    "not finite": (lambda x: repeated(x) / 0.0, "not finite"),
    "without a seed": (
        lambda x: jnp.asarray(np.random.default_rng().random((5, 2, 3)), jnp.float32),
        "made again with the same seed",
    ),
    "double": (lambda x: np.broadcast_to(np.asarray(x, np.float64), (5, 2, 3)), "float64"),
}


@pytest.mark.parametrize("fault", WRONG_ENCODERS)
def test_a_wrong_encoder_is_found(fault: str) -> None:
    encoder, message = WRONG_ENCODERS[fault]
    with pytest.raises(AssertionError, match=message):
        check_encoder(encoder)


def test_an_encoder_passes() -> None:
    check_encoder(repeated)


# Formats


class Kept:
    """Keeps what it is given, changed in some way."""

    def __init__(self, change: Callable[[Any], Any]) -> None:
        self.change = change

    def write(self, recording: Recording, path: Path) -> None:
        path.write_text("there")
        self.kept = recording

    def read(self, path: Path) -> Recording:
        items = {name: self.change(item) for name, item in self.kept.items()}
        return dataclasses.replace(
            self.kept, data={k: v for k, v in items.items() if v is not None}
        )


def of_spikes(**changes: Any) -> Callable[[Any], Any]:
    names = ("step", "index", "trial", "size", "trials", "dt", "start", "stop", "lag", "neurons")

    def change(item: Any) -> Any:
        if not isinstance(item, SpikeEvents):
            return item
        known = {name: getattr(item, name) for name in names}
        return SpikeEvents(**{**known, **{k: f(known[k]) for k, f in changes.items()}})

    return change


def of_traces(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def changed(item: Any) -> Any:
        if isinstance(item, SpikeEvents):
            return item
        return TraceData(item.step, change(item.values), item.dt, item.kind, item.neurons)

    return changed


WRONG_FORMATS = {
    "one off": (of_spikes(step=lambda x: x - 1), "step is"),
    "no lag": (of_spikes(lag=lambda x: None), "lag is lost"),
    "one trial": (of_spikes(trial=np.zeros_like), "trial is"),
    "all neurons": (of_spikes(neurons=lambda x: None), "neurons is lost"),
    "four digits": (
        of_traces(lambda x: u.math.round(x * 1e4) / 1e4 if not hasattr(x, "unit") else x),
        "values is",
    ),
    "without units": (of_traces(u.get_mantissa), "values is in"),
    "spikes alone": (lambda x: x if isinstance(x, SpikeEvents) else None, "written was"),
}


@pytest.mark.parametrize("fault", WRONG_FORMATS)
def test_a_wrong_format_is_found(fault: str) -> None:
    change, message = WRONG_FORMATS[fault]
    with pytest.raises(AssertionError, match=message):
        check_format(Kept(change))


def test_a_format_passes() -> None:
    check_format(Kept(lambda item: item))


# Plasticity rules


def slow(w: float, pre: Any, post: Any) -> float:
    """Pairs of spikes, by hand."""
    for t in range(121):
        if t in post:
            w = min(1.0, w + 0.01 * sum(np.exp(-(t - s) / 20) for s in pre if s < t))
        if t in pre:
            w = max(0.0, w - 0.0105 * sum(np.exp(-(t - s) / 20) for s in post if s < t))
    return w


def stdp(**options: Any) -> Callable[[], Any]:
    pytest.importorskip("brainloom_plasticity")
    return lambda: get("plasticity rule", "STDP")(w_max=1 * u.mS, **options)


def test_a_plasticity_rule_is_held_to_the_slow_reference() -> None:
    check_plasticity_rule(stdp(), slow)
    with pytest.raises(AssertionError, match="that of the slow reference is"):
        check_plasticity_rule(stdp(tau_plus=21 * u.ms), slow)
    with pytest.raises(AssertionError, match="no weight ever changes"):
        check_plasticity_rule(stdp(A_plus=0.0, A_minus=0.0))


# Learning rules and callbacks


def by(change: Callable[[Any], Any]) -> Any:
    """Backpropagation through time, whose gradients are changed."""
    exact = get("learning rule", "bptt")

    def gradients(*operands: Any) -> Any:
        found, values = exact.gradients(*operands)
        return jax.tree.map(change, found), values

    return SimpleNamespace(prepare=exact.prepare, gradients=gradients)


WRONG_RULES = {
    "upwards": (lambda g: -g, "the loss rises against its gradients"),
    "nothing": (lambda g: 0 * g, "there is no gradient by"),
    "drawn": (
        lambda g: g * (1 + np.random.default_rng().random()),
        "other gradients for the same model",
    ),
}


@pytest.mark.parametrize("fault", WRONG_RULES)
def test_a_wrong_learning_rule_is_found(fault: str) -> None:
    change, message = WRONG_RULES[fault]
    with pytest.raises(AssertionError, match=message):
        check_learning_rule(by(change))


def test_a_callback_that_acts_on_training_is_found() -> None:
    check_callback(lambda history: history["loss"])
    check_callback(pytest.importorskip("brainloom_training").Callback())
    with pytest.raises(AssertionError, match="other results with it"):
        check_callback(lambda history: history["loss"].append(0.0))
    with pytest.raises(AssertionError, match="raises KeyError"):
        check_callback(lambda history: history["accuracy"])


# Outputs, readouts and projections


class Leaky(SynOut):
    """An output that lets a current through without a conductance."""

    E = param(default=0.0 * u.mV)

    def update(self, g: Any, V: Any) -> Any:
        return g * (self.E - V) + 1.0 * u.nA


class Stubborn(SynOut):
    """One whose current is not a current."""

    E = param(default=0.0 * u.mV)

    def update(self, g: Any, V: Any) -> Any:
        return g * (self.E - V) * V


def test_a_wrong_output_is_found() -> None:
    with pytest.raises(AssertionError, match="lets a current through without a conductance"):
        check_current_follows_conductance(Case(Leaky))
    with pytest.raises(AssertionError, match="gives a current in"):
        check_current_follows_conductance(Case(Stubborn))


def projection(kind: type) -> Case:
    def parts() -> dict[str, Any]:
        return {
            "pre": 2,
            "post": get_model("LIF")(2),
            "connectivity": get("rule", "OneToOne")(),
            "synapse": get_model("Expon").desc(),
            "output": get("output", "CUBA").desc(),
            "weight": 0.5 * u.mS,
        }

    return Case(kind, parts)


def test_a_wrong_projection_is_found() -> None:
    base = get_model("Projection")

    class Idle(base):  # type: ignore[misc, valid-type]
        def update(self, spikes: Any) -> None:
            super().update(0.0 * spikes)

    class Restless(base):  # type: ignore[misc, valid-type]
        def update(self, spikes: Any) -> None:
            super().update(spikes + 1.0)

    check_spikes_reach_the_target(projection(base))
    with pytest.raises(AssertionError, match="do not change V of the target"):
        check_spikes_reach_the_target(projection(Idle))
    with pytest.raises(AssertionError, match="without a spike, V of the target"):
        check_spikes_reach_the_target(projection(Restless))


def test_a_projection_that_depends_on_how_it_is_run_is_found() -> None:
    base = get_model("Projection")

    class Counting(base):  # type: ignore[misc, valid-type]
        """Counts its calls, in Python and in a state that is not made anew."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.calls, self.count = 0, brainstate.ShortTermState(jnp.zeros(2, jnp.float32))

        def update(self, spikes: Any) -> None:
            self.calls += 1
            self.count.value = self.count.value + 1
            super().update(spikes * self.calls)

    case = projection(Counting)
    with pytest.raises(AssertionError, match="V of the target, compiled,"):
        check_projection_jit_equals_eager(case)
    with pytest.raises(AssertionError, match="after reset_state: count"):
        check_projection_reset_restores(case)
    with pytest.raises(AssertionError, match="count is float32 in double precision"):
        check_projection_keeps_float64(case)


def test_a_readout_is_held_to_the_kit() -> None:
    class Undocumented(get("readout", "LeakyRateReadout")):  # type: ignore[misc]
        __doc__ = None

    with pytest.raises(AssertionError, match="Undocumented has no docstring"):
        check_model(Case(Undocumented, {"in_size": 3, "out_size": 2}))


# Models that take no step


def test_of_a_model_that_takes_no_step_there_is_one_sentence() -> None:
    from brainloom_core import Neuron, initializer, state
    from brainloom_testing import run
    from brainloom_testing.verification import verify

    class Without(Neuron):
        """No threshold, and what stands for it is wrong."""

        V_reset = 0 * u.mV
        V_initializer = initializer(default=0 * u.mV)
        V = state("V_initializer")

        def dV(self, V: Any, I: Any) -> Any:
            return (I * u.ohm - V) / u.ms

        def threshold(self) -> Any:
            return self.no_such_thing

        def scale(self) -> Any:
            return 10 * u.mV

    (result,) = run(Case(Without, {"in_size": 1}))
    assert "Without cannot take one step, so that nothing else was checked" in str(result)
    (record,) = verify(Without)
    assert not record.passed
    assert "no_such_thing" in record.detail
