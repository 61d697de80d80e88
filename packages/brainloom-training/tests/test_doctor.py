"""Pathologies that are planted are named, with their place; healthy networks have none."""

import re
from collections.abc import Callable
from typing import Any

import brainloom_neurons as neurons
import brainloom_projections as projections
import brainloom_synapses as synapses
import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Arctan, InputError, InvSquareGrad, Network, ReluGrad, Sigmoid
from brainloom_training import Finding, LeakyRateReadout, Report, diagnose

T, BATCH, N_IN, N, N_OUT = 60, 8, 20, 30, 3


@pytest.fixture(autouse=True)
def _steps_of_a_millisecond() -> Any:
    with brainstate.environ.context(dt=1.0 * u.ms):
        yield


def inputs(rate: float = 0.2) -> Any:
    return (jax.random.uniform(jax.random.key(1), (T, BATCH, N_IN)) < rate).astype(jnp.float32)


LABELS = jnp.arange(BATCH) % N_OUT


def cross_entropy(outputs: Any, labels: Any) -> Any:
    logs = jax.nn.log_softmax(outputs.mean(0))
    return -jnp.take_along_axis(logs, labels[:, None], 1).mean()


class Layer(brainstate.nn.Module):
    """Weights, with those from the neurons to themselves, and neurons."""

    def __init__(
        self, n_in: int, gain: float, own: float = 0.0, cell: Any = neurons.LIF, **kwargs: Any
    ) -> None:
        super().__init__()
        keys = jax.random.split(jax.random.key(n_in), 2)
        self.w = brainstate.ParamState(gain * jax.random.normal(keys[0], (n_in, N)) / n_in**0.5)
        self.r = None
        if own:
            self.r = brainstate.ParamState(own * jax.random.normal(keys[1], (N, N)) / N**0.5)
        self.n = cell(N, **{"tau": 20 * u.ms, "spk_fun": Sigmoid(), **kwargs})

    def update(self, x: Any) -> Any:
        current = x @ self.w.value
        if self.r is not None:
            current = current + self.n.get_spike() @ self.r.value
        return self.n(current * u.mA)


def network(*layers: Any, readout: Any = None) -> Any:
    weights = jax.random.normal(jax.random.key(3), (N, N_OUT)) / N**0.5
    return brainstate.nn.Sequential(
        *(layers or (Layer(N_IN, 12.0),)),
        readout or LeakyRateReadout(N, N_OUT, tau=20 * u.ms, w_init=weights),
    )


def two(first: Any = None, second: Any = None) -> Any:
    """A network of two layers."""
    return network(first or Layer(N_IN, 12.0), second or Layer(N, 20.0))


def found(model: Any, kind: str, **kwargs: Any) -> Finding:
    """The one finding of a kind."""
    report = diagnose(model, **{"loss": cross_entropy, "xs": inputs(), "ys": LABELS, **kwargs})
    assert not report.healthy
    chosen = [finding for finding in report.findings if finding.kind == kind]
    assert len(chosen) == 1, str(report)
    assert str(chosen[0]) in str(report)
    return chosen[0]


def factor(finding: Finding) -> float:
    return float(re.search(r"by about ([\d.e+-]+)", finding.remedy)[1])  # type: ignore[index]


# Healthy networks


class EI(brainstate.nn.Module):
    """The network of Vogels & Abbott, small, in the range where it is active by itself."""

    def __init__(self) -> None:
        super().__init__()
        resting = -60 * u.mV
        initial = brainstate.nn.init.Normal(-55.0, 2.0, unit=u.mV)
        self.net = Network()
        self.net.E, self.net.I = (
            neurons.LIFRef(
                n,
                tau=20 * u.ms,
                tau_ref=5 * u.ms,
                V_th=-50 * u.mV,
                V_rest=resting,
                V_reset=resting,
                V_initializer=initial,
            )
            for n in (80, 20)
        )
        for pre, weight, E, tau in (("E", 0.06, 0.0, 5.0), ("I", 0.6, -80.0, 10.0)):
            for post in ("E", "I"):
                source, target = getattr(self.net, pre), getattr(self.net, post)
                proj = projections.Projection(
                    source,
                    target,
                    projections.Bernoulli(0.2),
                    synapses.Expon.desc(tau=tau * u.ms),
                    synapses.COBA.desc(E=E * u.mV),
                    weight=weight * u.mS,
                    seed=1,
                )
                setattr(self.net, f"{pre}{post}", proj)

    def update(self, x: Any) -> Any:
        self.net(x * u.mA)
        return self.net.E.get_spike()


HEALTHY: dict[str, Callable[[], Any]] = {
    "feed-forward": two,
    "recurrent": lambda: two(Layer(N_IN, 12.0, own=1.0)),
    "adaptive": lambda: two(Layer(N_IN, 12.0, cell=neurons.ALIF, tau_a=100 * u.ms)),
    "refractory": lambda: two(Layer(N_IN, 12.0, cell=neurons.LIFRef, tau_ref=2 * u.ms)),
    "narrow surrogates": lambda: two(Layer(N_IN, 12.0, spk_fun=InvSquareGrad(25.0))),
    "triangles": lambda: two(Layer(N_IN, 12.0, spk_fun=ReluGrad())),
}


MORE = {"refractory", "narrow surrogates", "triangles"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in MORE else []) for name in HEALTHY],
)
def test_a_healthy_network_has_no_findings(name: str) -> None:
    report = diagnose(HEALTHY[name](), cross_entropy, inputs(), LABELS)
    assert report, str(report)
    assert "nothing found" in str(report)


@pytest.mark.slow
def test_a_network_of_excitation_and_inhibition_has_no_findings() -> None:
    with brainstate.environ.context(dt=0.1 * u.ms):
        brainstate.random.seed(0)
        report = diagnose(EI(), lambda out, y: (out.mean() - y) ** 2, jnp.full(500, 12.0), 0.002)
    assert report, str(report)
    assert list(report.table) == ["net.E", "net.I"]


# Spikes


def test_weights_that_are_too_weak_are_named_with_the_factor_that_heals() -> None:
    weak = Layer(N, 0.3)
    finding = found(two(second=weak), "silent layer")
    assert finding.where == "layers.1.n"
    assert "layers.1.w" in finding.remedy
    assert "layers.0" not in finding.remedy
    weak.w.value = factor(finding) * weak.w.value
    assert diagnose(two(second=weak), cross_entropy, inputs(), LABELS)


def test_inputs_that_are_too_weak_are_named_where_no_parameter_feeds_the_layer() -> None:
    class Fixed(brainstate.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.n = neurons.LIF(N_IN, tau=20 * u.ms, spk_fun=Sigmoid())

        def update(self, x: Any) -> Any:
            return self.n(x * u.mA)

    model = brainstate.nn.Sequential(Fixed(), LeakyRateReadout(N_IN, N_OUT))
    finding = found(model, "silent layer")
    assert finding.where == "layers.0.n"
    assert "multiply the inputs by about" in finding.remedy
    report = diagnose(model, cross_entropy, factor(finding) * inputs(), LABELS)
    assert "silent layer" not in {it.kind for it in report.findings}


def test_a_layer_without_drive_is_told_from_one_with_too_little() -> None:
    finding = found(two(Layer(N_IN, 0.0)), "silent layer")
    assert finding.where == "layers.0.n"
    assert "zero or negative" in finding.detail


def test_dead_neurons_are_counted() -> None:
    layer = Layer(N_IN, 12.0)
    layer.w.value = layer.w.value.at[:, : int(0.8 * N)].multiply(0.01)
    finding = found(network(layer), "dead neurons")
    assert finding.where == "layers.0.n"
    assert 0.8 <= finding.numbers["share"] < 1.0


@pytest.mark.parametrize(
    "cell", [neurons.LIF, pytest.param(neurons.LIFRef, marks=pytest.mark.slow)]
)
def test_saturated_neurons_are_named_with_the_factor_that_heals(cell: Any) -> None:
    layer = Layer(N_IN, 12.0, cell=cell)
    layer.w.value = 100.0 * abs(layer.w.value)
    finding = found(network(layer), "saturated neurons")
    assert finding.where == "layers.0.n"
    layer.w.value = factor(finding) * layer.w.value
    report = diagnose(network(layer), cross_entropy, inputs(), LABELS)
    assert "saturated neurons" not in {it.kind for it in report.findings}


# Surrogates


def test_a_surrogate_that_is_too_narrow() -> None:
    finding = found(two(second=Layer(N, 20.0, spk_fun=ReluGrad(1e4, 1e-4))), "narrow surrogate")
    assert finding.where == "layers.1.n"
    assert finding.numbers["inside"] < 0.01
    assert finding.numbers["width"] == pytest.approx(1e-4, rel=0.1)


def test_a_surrogate_that_is_flat() -> None:
    finding = found(network(Layer(N_IN, 12.0, spk_fun=Sigmoid(0.01))), "flat surrogate")
    assert finding.where == "layers.0.n"


# Time


def test_recurrence_under_a_wide_surrogate_explodes() -> None:
    layer = Layer(N_IN, 12.0, own=200.0, spk_fun=Arctan(0.3))
    layer.r.value = layer.r.value - 200.0 / N**0.5  # most of it inhibits: spikes stay sparse
    model = network(layer)
    report = diagnose(model, cross_entropy, inputs(), LABELS)
    exploding, unstable = (
        next(it for it in report.findings if it.kind == kind and it.where == "layers.0.n")
        for kind in ("exploding gradient", "unstable recurrence")
    )
    assert exploding.numbers["first"] > 1e8 * exploding.numbers["last"]
    assert exploding.numbers["ratio"] == pytest.approx(unstable.numbers["radius"], rel=0.2)
    assert 0.0 < factor(unstable) < 1.0


def test_the_radius_of_a_linear_loop_is_that_of_its_matrix() -> None:
    """Where a step is the same linear map each time, growth is numpy's spectral radius."""
    layer = Layer(N_IN, 0.0, own=2.0, spk_fun=lambda z: 0.1 * z, spk_reset="hard")
    layer.n.V_th = 1e6 * u.mV  # far from the reset
    r = np.asarray(layer.r.value, float)
    decay = np.exp(-1.0 / 20.0)
    matrix = decay * np.eye(N) + (1.0 - decay) * 0.1 / 1e6 * r.T
    report = diagnose(network(layer), cross_entropy, inputs(), LABELS)
    radius = abs(np.linalg.eigvals(matrix)).max()
    assert report.table["layers.0.n"]["growth"] == pytest.approx(radius, rel=1e-3)


def test_a_gradient_that_vanishes_on_the_way_back() -> None:
    model = two(Layer(N_IN, 12.0, tau=2 * u.ms), Layer(N, 20.0, tau=2 * u.ms))
    readout = model.layers[2]
    readout.tau = 2.0 * u.ms

    def last(outputs: Any, labels: Any) -> Any:
        return cross_entropy(outputs[-1:], labels)

    report = diagnose(model, last, inputs(), LABELS)
    vanishing = [it for it in report.findings if it.kind == "vanishing gradient"]
    assert [it.where for it in vanishing] == ["layers.0.n", "layers.1.n"]
    assert all(it.numbers["ratio"] < 0.7 for it in vanishing)


def test_a_time_constant_below_the_step() -> None:
    finding = found(network(Layer(N_IN, 12.0, tau=0.2 * u.ms)), "short time constant")
    assert finding.where == "layers.0.n"
    assert "tau = 0.2 ms" in finding.detail


# States


class Forgetful(Layer):
    """With a trace that nothing resets."""

    def init_state(self, batch_size: Any = None) -> None:
        self.trace = brainstate.HiddenState(jnp.zeros((batch_size, N)))

    def update(self, x: Any) -> Any:
        self.trace.value = 0.9 * self.trace.value + super().update(x)
        return self.trace.value


def test_a_state_that_nothing_resets() -> None:
    finding = found(network(Forgetful(N_IN, 12.0)), "state not reset")
    assert finding.where == "layers.0.trace"
    assert "reset_state" in finding.remedy


@pytest.mark.parametrize("resets", [True, False])
def test_a_training_step_that_goes_on_from_the_last_batch(resets: bool) -> None:
    model = network()

    def train_step(xs: Any, ys: Any) -> None:
        if resets:
            brainstate.nn.reset_all_states(model)
        brainstate.transform.for_loop(model, xs)
        for parameter in model.states(brainstate.ParamState).values():
            parameter.value = 1.1 * parameter.value

    before = model.layers[0].w.value
    report = diagnose(model, cross_entropy, inputs(), LABELS, train_step=train_step)
    assert [it.kind for it in report.findings] == ([] if resets else ["batch not reset"])
    assert model.layers[0].w.value is before


# Parameters, loss and outputs


class Stopped(Layer):
    def update(self, x: Any) -> Any:
        return self.n(jnp.round(x @ self.w.value) * u.mA)


def test_a_parameter_on_which_the_loss_does_not_depend() -> None:
    finding = found(network(Stopped(N_IN, 12.0)), "no gradient")
    assert finding.where == "layers.0.w"


def test_a_parameter_whose_gradient_is_zero_on_the_batch() -> None:
    class Two(Layer):
        def __init__(self) -> None:
            super().__init__(N_IN, 12.0)
            self.other = brainstate.ParamState(jnp.ones((N_IN, N)))

        def update(self, x: Any) -> Any:
            absent = jnp.minimum(x, 0.0)
            return self.n((x @ self.w.value + absent @ self.other.value) * u.mA)

    finding = found(network(Two()), "zero gradient")
    assert finding.where == "layers.0.other"


def test_layers_whose_gradients_are_far_apart() -> None:
    finding = found(two(Layer(N_IN, 12.0, spk_fun=ReluGrad(1e-6))), "unequal gradients")
    assert finding.where == "layers.0.w"


@pytest.mark.parametrize(("scale", "kind"), [(1e8, "large loss"), (1e-10, "small loss")])
def test_a_loss_of_a_bad_scale(scale: float, kind: str) -> None:
    finding = found(network(), kind, loss=lambda out, y: scale * cross_entropy(out, y))
    assert finding.where == "loss"


def test_what_is_not_finite_is_named_where_it_arises_first() -> None:
    class Broken(Layer):
        def update(self, x: Any) -> Any:
            i = brainstate.environ.get("i")
            return super().update(jnp.where(i == 7, jnp.log(x - 1.0), x))

    finding = found(two(second=Broken(N, 20.0)), "not finite")
    assert finding.where == "layers.1.n"
    assert finding.numbers["step"] == 7


def test_a_gradient_that_is_not_finite() -> None:
    def distance(outputs: Any, labels: Any) -> Any:
        return jnp.sqrt(jnp.sum((outputs[0] - outputs[0]) ** 2))

    assert "the loss is finite" in found(network(), "not finite", loss=distance).detail


def test_labels_beyond_the_outputs() -> None:
    finding = found(network(), "labels", ys=LABELS + 1)
    assert finding.where == "outputs"
    assert "make 4 outputs" in finding.remedy


def test_outputs_that_say_nothing() -> None:
    readout = LeakyRateReadout(N, N_OUT, w_init=jnp.zeros)
    assert found(network(readout=readout), "constant output").where == "outputs"


def test_targets_that_spikes_cannot_reach() -> None:
    model = brainstate.nn.Sequential(Layer(N_IN, 12.0))
    targets = jnp.full((T, BATCH, N), 5.0)
    finding = found(
        model, "unreachable targets", ys=targets, loss=lambda out, y: ((out - y) ** 2).mean()
    )
    assert "LeakyRateReadout" in finding.remedy


def test_a_model_without_spikes_is_refused() -> None:
    with pytest.raises(InputError, match="has no spiking layer"):
        diagnose(LeakyRateReadout(N_IN, N_OUT), cross_entropy, inputs(), LABELS)


def test_a_report_is_a_table_and_a_truth_value() -> None:
    report = diagnose(two(), cross_entropy, inputs(), LABELS)
    assert isinstance(report, Report)
    assert report.healthy and bool(report)
    assert set(report.table) == {"layers.0.n", "layers.1.n"}
    assert "spikes/step" in str(report)
