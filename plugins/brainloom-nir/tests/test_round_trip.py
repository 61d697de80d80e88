"""What goes to NIR and comes back does the same: every primitive, in memory and through a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import nir
import numpy as np
import pytest
from brainloom_core import Arctan, Delay, ReluGrad
from brainloom_neurons import IF, LIF, LIFRef, PerfectIF
from brainloom_nir import (
    Conv,
    Counterpart,
    FilteredIntegrator,
    FilteredLIF,
    Flatten,
    Input,
    Integrator,
    LeakyIntegrator,
    Matrices,
    NIRNetwork,
    Pool,
    Scale,
    Strictly,
    Threshold,
    from_nir,
    round_trip,
    to_nir,
    write,
)
from brainloom_nir.known import OWN
from brainloom_nir.trial import run
from brainloom_nir.writing import as_network
from brainloom_training import LeakyRateReadout, Linear

T, B, N = 200, 3, 4
R = np.random.default_rng(1)
START = R.bit_generator.state
# Both run the same equations on the same numbers, of single precision, which XLA may fuse in
# another way: a few units in the last place of the largest value.
EXACT = 1e-6


def spread(low: float, high: float, unit: Any) -> Any:
    return R.uniform(low, high, N) * unit


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """Every test draws the same, whatever ran before it."""
    R.bit_generator.state = START


def linear(n: int = N, unit: Any = u.UNITLESS, n_in: int = N) -> brainstate.nn.Linear:
    w = R.normal(0.6, 1.0, (n_in, n)).astype(np.float32)
    b = R.normal(0.0, 0.1, n).astype(np.float32)
    if unit == u.UNITLESS:
        return brainstate.nn.Linear(n_in, n, w_init=w, b_init=b)
    return brainstate.nn.Linear(n_in, n, w_init=w * unit, b_init=b * unit)


def recurrent() -> NIRNetwork:
    nodes = {"fc": linear(), "lif": LIF(N, tau=20 * u.ms), "w": linear(), "out": linear(2)}
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "out")]
    return NIRNetwork(nodes, edges)


def two_loops() -> NIRNetwork:
    nodes = {
        "a": LIF(N, tau=20 * u.ms, V_th=0.4 * u.mV),
        "ab": linear(),
        "b": FilteredLIF(N, V_th=0.3 * u.mV),
        "ba": linear(),
    }
    edges = [("a", "ab"), ("ab", "b"), ("b", "ba"), ("ba", "a"), ("b", "b"), ("b", "output")]
    return NIRNetwork(nodes, [("input", "a"), *edges])


MODELS: dict[str, Callable[[], Any]] = {
    "LIF, soft": lambda: LIF(N, tau=spread(5, 20, u.ms), V_th=spread(0.5, 1, u.mV)),
    "LIF, hard": lambda: LIF(N, R=spread(1, 2, u.ohm), tau=20 * u.ms, spk_reset="hard"),
    "LIF, biological": lambda: LIF(
        N,
        R=5.0 * u.ohm,
        tau=20 * u.ms,
        V_th=-59 * u.mV,
        V_reset=-65 * u.mV,
        V_rest=-60 * u.mV,
        V_initializer=-62 * u.mV,
    ),
    "LIF, euler": lambda: LIF(N, tau=20 * u.ms, solver="euler"),
    "LIF, strict": lambda: LIF(N, spk_fun=Strictly(Arctan(2.0))),
    "LIF, interpolated": lambda: LIF(N, interpolate=True),
    "LIFRef": lambda: LIFRef(N, tau=20 * u.ms, tau_ref=spread(1, 5, u.ms), V_th=0.3 * u.mV),
    "IF": lambda: IF(N, tau=20 * u.ms, V_th=0.3 * u.mV),
    "PerfectIF": lambda: PerfectIF(N, C=spread(5, 20, u.mfarad)),
    "FilteredLIF": lambda: FilteredLIF(
        N, tau=spread(5, 20, u.ms), tau_syn=spread(2, 9, u.ms), w=spread(1, 3, u.UNITLESS)
    ),
    "FilteredLIF, equal times": lambda: FilteredLIF(N, tau=5 * u.ms, tau_syn=5 * u.ms),
    "Integrator": lambda: Integrator(N, R=spread(-5, 5, u.ohm / u.second)),
    "LeakyIntegrator": lambda: LeakyIntegrator(N, tau=20 * u.ms, V_rest=spread(-1, 1, u.mV)),
    "FilteredIntegrator": lambda: FilteredIntegrator(
        N, tau=20 * u.ms, w=2.0, g_initializer=1 * u.mA, V_initializer=0.5 * u.mV
    ),
    "LeakyRateReadout": lambda: LeakyRateReadout(N, 2, tau=10 * u.ms),
    "Affine": linear,
    "Linear": lambda: brainstate.nn.Linear(N, 2, b_init=None),
    "Linear, in mA": lambda: brainstate.nn.Sequential(linear(N, u.uA), LIF(N, V_th=1e-6 * u.volt)),
    "Linear of ours": lambda: Linear(N, 2, R.normal(0.6, 1.0, (N, 2)), None),
    "Linear of ours, in mA": lambda: brainstate.nn.Sequential(
        Linear(N, N, R.normal(0.6, 1.0, (N, N)) * u.uA, spread(-0.1, 0.1, u.nA)),
        LIF(N, V_th=1e-6 * u.volt, spk_reset="hard"),
    ),
    "Scale": lambda: Scale(R.normal(size=N)),
    "Threshold": lambda: Threshold(R.normal(0.5, 0.1, N)),
    "Delay": lambda: Delay(N, [0.0, 1.0, 3.0, 7.0] * u.ms),
    "Delay, interpolated": lambda: Delay(N, 2.5 * u.ms, interpolate=True),
    "chain": lambda: brainstate.nn.Sequential(
        linear(6), LIF(6), linear(2, n_in=6), FilteredLIF(2, V_th=0.2 * u.mV)
    ),
    "recurrent": recurrent,
    "two loops": two_loops,
    "nested chain": lambda: brainstate.nn.Sequential(linear(), recurrent(), Scale([1.0, 2.0])),
    "nested": lambda: NIRNetwork({"fc": linear(), "core": recurrent(), "gain": Scale([1.0, 2.0])}),
}
IMAGES: dict[str, Callable[[], Any]] = {
    "Conv2d": lambda: Conv(R.normal(size=(4, 2, 3, 2)), R.normal(size=4), (2, 1), (1, 2), (1, 2)),
    "Conv2d, groups": lambda: Conv(R.normal(size=(4, 1, 3, 3)), None, 1, 1, 1, groups=2),
    "Conv2d, same": lambda: Conv(R.normal(size=(4, 2, 4, 3)), None, 1, "same", (1, 2)),
    "Conv2d, valid": lambda: Conv(R.normal(size=(4, 2, 3, 3)), None, 1, "valid"),
    "SumPool2d": lambda: Pool((2, 3), (2, 1), (0, 1)),
    "AvgPool2d": lambda: Pool(2, 2, 1, mean=True),
    "Flatten": lambda: Flatten((2, 6, 5), 1, 2),
    "spiking convolution": lambda: brainstate.nn.Sequential(
        *(Input((2, 6, 5)), Conv(R.normal(0.3, 1.0, (3, 2, 3, 3)), np.zeros(3), 1, 1)),
        *(LIF((3, 6, 5)), Pool(2, 2), Flatten((3, 3, 2)), brainstate.nn.Linear(18, 4), LIF(4)),
    ),
}
LINES = {
    "Conv1d": lambda: Conv(R.normal(size=(4, 2, 3)), R.normal(size=4), 2, 1, 2),
    "Conv1d, same": lambda: Conv(R.normal(size=(4, 2, 4)), None, 1, "same"),
    "Matrices": lambda: Matrices(R.normal(size=(2, 3, 6)), R.normal(size=(2, 3))),
}
CASES = [
    *((name, make, (N,)) for name, make in MODELS.items()),
    *((name, make, (2, 6, 5)) for name, make in IMAGES.items()),
    *((name, make, (2, 6)) for name, make in LINES.items()),
]


def inputs(shape: tuple[int, ...], steps: int = T) -> np.ndarray:
    return np.random.default_rng(2).uniform(0, 3, (steps, B, *shape)).astype(np.float32)


@pytest.mark.parametrize(("name", "make", "shape"), CASES, ids=[case[0] for case in CASES])
def test_a_model_comes_back_the_same_through_a_file(
    name: str, make: Callable[[], Any], shape: tuple[int, ...], tmp_path: Path
) -> None:
    model, xs = make(), inputs(shape, T if shape == (N,) else 20)
    graph, _ = to_nir(model, input_shape=shape)
    nir.write(tmp_path / "net.nir", graph)
    stored, _ = from_nir(tmp_path / "net.nir")
    first, second = (run(it, xs, 1.0 * u.ms) for it in (as_network(model, shape, OWN), stored))
    assert first.keys() <= second.keys()  # a readout becomes a population with a potential
    for key, values in first.items():
        largest = max(1.0, float(np.abs(values).max()))
        np.testing.assert_allclose(second[key], values, rtol=0, atol=EXACT * largest)
    if name.startswith(("LIF", "IF", "Perf", "Filt", "rec", "two", "ch")):
        assert first["output"].mean() > 0  # something happens


@pytest.mark.parametrize("name", ["LIF, soft", "recurrent", "LeakyRateReadout"])
def test_the_report_measures_a_round_trip(name: str) -> None:
    model, xs = MODELS[name](), inputs((N,), 50)
    report = round_trip(model, xs)
    assert "output" in report.errors
    assert report.max_error == max(report.errors.values())
    assert report.max_error <= 100 * EXACT
    assert "largest difference" in str(report)


def test_a_round_trip_shows_what_a_careless_counterpart_loses() -> None:
    def halved(module: Any, context: Any) -> Any:
        return nir.Scale(np.asarray(module.weight.value) / 2)

    careless = [Counterpart(Scale, nir.Scale, halved)]
    report = round_trip(Scale([1.0, 4.0]), np.ones((3, 2)), counterparts=careless)
    assert report.errors == {"output": 2.0}


def test_a_linear_layer_comes_back_as_the_one_it_was() -> None:
    for layer in (Linear(N, 2, lambda shape: np.ones(shape) * u.mA), linear(2)):
        nodes = from_nir(to_nir(layer).graph)[0].nodes().values()
        assert [type(node) for node in nodes if hasattr(node, "weight")] == [type(layer)]


@pytest.mark.parametrize("name", ["LIF, hard", "FilteredLIF", "chain"])
def test_a_file_is_sound_to_the_reader_of_nir(name: str, tmp_path: Path) -> None:
    write(tmp_path / "net.nir", MODELS[name]())
    graph = nir.read(tmp_path / "net.nir")  # checks the types of all nodes
    assert graph.check_types()


def test_every_primitive_is_written_and_read() -> None:
    written = {
        type(node).__name__
        for _, make, shape in CASES
        for node in to_nir(make(), input_shape=shape).graph.nodes.values()
    }
    assert written == {*nir.ir.__all__} - {"NIRNode", "dict2NIRNode", "str2NIRNode"}


def test_units_are_millivolts_milliamperes_ohms_and_seconds() -> None:
    lif = LIF(1, R=2 * u.kohm, tau=20 * u.ms, V_th=0.015 * u.volt, V_rest=-1e-6 * u.volt)
    node = to_nir(lif).graph.nodes["lif"]
    np.testing.assert_allclose(node.r, [2000.0])
    np.testing.assert_allclose(node.tau, [0.02])
    np.testing.assert_allclose(node.v_threshold, [15.0])
    np.testing.assert_allclose(node.v_leak, [-1e-3])
    perfect = to_nir(PerfectIF(1, C=5 * u.mfarad)).graph.nodes["perfectif"]
    np.testing.assert_allclose(perfect.r, [200.0])  # 1 mA through 5 mF: 200 mV/s


def test_weights_are_trainable_and_batches_are_independent() -> None:
    net, _ = from_nir(to_nir(MODELS["chain"]()).graph)
    assert len(net.states(brainstate.ParamState)) == 2
    xs = inputs((N,), 50)
    together = run(net, xs, 1.0 * u.ms)["output"]
    alone = run(net, xs[:, 1], 1.0 * u.ms)["output"]
    np.testing.assert_array_equal(together[:, 1], alone)


def test_gradients_pass_a_loop() -> None:
    net, _ = from_nir(to_nir(recurrent()).graph)
    brainstate.nn.init_all_states(net, batch_size=B)
    weights = net.states(brainstate.ParamState)
    xs = inputs((N,), 20)

    def loss() -> Any:
        return brainstate.transform.for_loop(net, xs).sum()

    found = brainstate.transform.grad(loss, weights)()
    loop = next(value for key, value in found.items() if "w" in key)
    assert float(np.abs(loop["weight"]).max()) > 0


def test_initial_values_of_a_late_edge_are_reset() -> None:
    net, xs = recurrent(), inputs((N,), 30)
    first = run(net, xs, 1.0 * u.ms)["output"]
    with brainstate.environ.context(dt=1.0 * u.ms):
        brainstate.nn.init_all_states(net, batch_size=B)
        for x in xs[:5]:
            net(x)
        for module in net.nodes().values():
            module.reset_state() if module is not net else None
        again = np.stack([net(x) for x in xs])
    np.testing.assert_allclose(again, first, atol=EXACT)


def test_the_surrogate_comes_back() -> None:
    for spk_fun in (ReluGrad(0.5, 2.0), Strictly(Arctan(2.0))):
        net, _ = from_nir(to_nir(LIF(1, spk_fun=spk_fun)).graph)
        assert net["lif"].spk_fun == spk_fun
