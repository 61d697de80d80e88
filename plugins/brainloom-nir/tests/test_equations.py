"""Imported nodes solve NIR's equations: against scipy, and against what simulators step."""

from typing import Any

import brainunit as u
import nir
import numpy as np
import pytest
from brainloom_core import ParameterError
from brainloom_nir import NIRError, current_first_euler, from_nir
from brainloom_nir.trial import run
from scipy.integrate import solve_ivp

N, T, DT = 3, 60, 1e-3
R = np.random.default_rng(3)
TAU, TAU_SYN = R.uniform(0.005, 0.02, N), R.uniform(0.002, 0.009, N)
GAIN, LEAK, W = R.uniform(0.5, 2.0, N), R.uniform(-0.2, 0.2, N), R.uniform(0.5, 2.0, N)
HIGH, RESET = R.uniform(0.4, 0.8, N), R.uniform(-0.3, 0.0, N)
# 60 steps in single precision of values near 1; scipy's own tolerance is 1e-10.
ROUNDING = 5e-6

NODES: dict[str, Any] = {
    "I": nir.I(100 * GAIN),
    "IF": nir.IF(100 * GAIN, HIGH, RESET),
    "LI": nir.LI(TAU, GAIN, LEAK),
    "LIF": nir.LIF(TAU, GAIN, LEAK, HIGH, RESET),
    "CubaLI": nir.CubaLI(TAU_SYN, TAU, GAIN, LEAK, W),
    "CubaLIF": nir.CubaLIF(TAU_SYN, TAU, GAIN, LEAK, HIGH, RESET, W),
}


def slope(kind: str, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """NIR's equations, rows (potential, current)."""
    v, i = y.reshape(2, N)
    if kind in ("I", "IF"):
        return np.concatenate([100 * GAIN * x, 0 * i])
    if kind in ("LI", "LIF"):
        return np.concatenate([(LEAK - v + GAIN * x) / TAU, 0 * i])
    return np.concatenate([(LEAK - v + GAIN * i) / TAU, (W * x - i) / TAU_SYN])


def solved(kind: str, xs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Potentials before resets, and spikes, of the equations under inputs held over each step."""
    rest = LEAK if "L" in kind else np.zeros(N)
    y, potentials, spikes = np.concatenate([rest, np.zeros(N)]), [], []
    for x in xs:
        y = solve_ivp(*(lambda t, y, x=x: slope(kind, y, x), (0, DT), y), rtol=1e-10, atol=1e-12).y[
            :, -1
        ]
        spike = y[:N] > HIGH if kind.endswith("F") else np.zeros(N, bool)
        potentials.append(y[:N].copy())
        spikes.append(spike)
        y[:N] = np.where(spike, RESET, y[:N])
    return np.array(potentials), np.array(spikes)


def drive() -> np.ndarray:
    return np.random.default_rng(4).uniform(0, 3, (T, N)).astype(np.float32)


def graph(node: Any) -> nir.NIRGraph:
    return nir.NIRGraph.from_list(node)


@pytest.mark.parametrize("kind", NODES)
def test_a_population_solves_the_equation_of_its_node(kind: str) -> None:
    net, _ = from_nir(graph(NODES[kind]))
    xs, name = drive(), kind.lower()
    ours, (potentials, spikes) = run(net, xs, DT * 1e3 * u.ms), solved(kind, xs)
    np.testing.assert_allclose(ours[f"{name}.V"], potentials, atol=ROUNDING)
    if kind.endswith("F"):
        assert spikes.sum() > 10
        np.testing.assert_array_equal(ours["output"], spikes)
    else:
        np.testing.assert_allclose(ours["output"], potentials, atol=ROUNDING)


@pytest.mark.parametrize("kind", NODES)
def test_forward_euler_is_what_was_asked_for(kind: str) -> None:
    net, _ = from_nir(graph(NODES[kind]), solver="euler", spk_reset="hard")
    xs, y = drive(), np.concatenate([LEAK if "L" in kind else np.zeros(N), np.zeros(N)])
    ours = run(net, xs, DT * 1e3 * u.ms)[f"{kind.lower()}.V"]
    for x, v in zip(xs, ours, strict=True):
        y = y + DT * slope(kind, y, x)
        np.testing.assert_allclose(v, y[:N], atol=ROUNDING)
        if kind.endswith("F"):
            y[:N] = np.where(y[:N] > HIGH, RESET, y[:N])


def test_the_scheme_of_the_simulators_takes_the_new_current() -> None:
    net, _ = from_nir(graph(NODES["CubaLIF"]), solver=current_first_euler)
    xs, v, i = drive(), LEAK.copy(), np.zeros(N)
    ours = run(net, xs, DT * 1e3 * u.ms)["cubalif.V"]
    for x, potential in zip(xs, ours, strict=True):
        i = i + DT / TAU_SYN * (W * x - i)
        v = v + DT / TAU * (LEAK - v + GAIN * i)
        np.testing.assert_allclose(potential, v, atol=ROUNDING)
        v = np.where(v > HIGH, RESET, v)


def test_a_soft_reset_keeps_what_is_above_threshold() -> None:
    net, report = from_nir(graph(NODES["LIF"]), solver="euler", spk_reset="soft")
    xs, v = drive(), LEAK.copy()
    ours = run(net, xs, DT * 1e3 * u.ms)["lif.V"]
    for x, potential in zip(xs, ours, strict=True):
        v = v + DT / TAU * (LEAK - v + GAIN * x)
        np.testing.assert_allclose(potential, v, atol=ROUNDING)
        v = v - (HIGH - RESET) * (v > HIGH)
    assert {it.what for it in report.approximated} >= {"reset"}


def test_an_integrator_integrates_and_spikes_above_threshold_only() -> None:
    """It does not decay (as it does where snnTorch reads it), and 4 × 0.25 is not above 1."""
    node = nir.IF(np.full(1, 250.0), np.ones(1))
    net, _ = from_nir(graph(node))
    ours = run(net, np.ones((10, 1)), 1.0 * u.ms)
    assert np.flatnonzero(ours["output"]).tolist() == [4, 9]
    np.testing.assert_array_equal(ours["if.V"][:5, 0], [0.25, 0.5, 0.75, 1.0, 1.25])


def test_a_delay_counts_in_seconds() -> None:
    net, report = from_nir(graph(nir.Delay(np.array([0.0, 2e-3, 5e-3]))), dt=1 * u.ms)
    xs = drive()
    ours = run(net, xs, 1.0 * u.ms)["output"]
    for k, lag in enumerate((0, 2, 5)):
        np.testing.assert_array_equal(ours[lag:, k], xs[: T - lag, k])
        assert not ours[:lag, k].any()
    assert [it.fate for it in report.findings if it.what == "delay"] == ["kept"]
    _, report = from_nir(graph(nir.Delay(np.array([2.4e-3]))), dt=1 * u.ms)
    assert [it.fate for it in report.findings if it.what == "delay"] == ["approximated"]


def test_maps_without_a_state_are_those_of_numpy() -> None:
    matrix, bias, scale = R.normal(size=(2, N)), R.normal(size=2), R.normal(size=2)
    chain = nir.NIRGraph.from_list(nir.Affine(matrix, bias), nir.Scale(scale), nir.Threshold(scale))
    xs = drive()
    ours = run(from_nir(chain)[0], xs, 1.0 * u.ms)["output"]
    np.testing.assert_array_equal(ours, (xs @ matrix.T + bias) * scale > scale)


def correlated(x: np.ndarray, w: np.ndarray, stride: Any, pad: Any, dilation: Any) -> np.ndarray:
    """Two-dimensional convolution of machine learning, by its sum."""
    x = np.pad(x, [(0, 0), *((p, p) for p in pad)])
    span = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True)]
    size = [(n - s) // t + 1 for n, s, t in zip(x.shape[1:], span, stride, strict=True)]
    y = np.zeros((len(w), *size))
    for out, row, column in np.ndindex(*y.shape):
        top, left = row * stride[0], column * stride[1]
        window = x[:, top : top + span[0] : dilation[0], left : left + span[1] : dilation[1]]
        y[out, row, column] = (window * w[out]).sum()
    return y


def test_a_convolution_is_its_sum() -> None:
    w, b = R.normal(size=(4, 2, 3, 2)), R.normal(size=4)
    options: dict[str, Any] = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
    node = nir.Conv2d((7, 6), w, groups=1, bias=b, **options)
    chain = nir.NIRGraph(
        {"input": nir.Input({"input": np.array([2, 7, 6])}), "conv": node},
        [("input", "conv")],
        type_check=False,  # which takes kernels for squares
    )
    xs = R.normal(size=(2, 2, 7, 6)).astype(np.float32)
    ours = run(from_nir(chain)[0], xs, 1.0 * u.ms)["output"]
    for x, y in zip(xs, ours, strict=True):
        expected = correlated(x, w, *options.values()) + b[:, None, None]
        np.testing.assert_allclose(y, expected, atol=1e-5)


@pytest.mark.parametrize("kind", [nir.SumPool2d, nir.AvgPool2d])
def test_pooling_adds_over_windows(kind: Any) -> None:
    node = kind(np.array([2, 3]), np.array([2, 1]), np.array([1, 0]))
    chain = nir.NIRGraph(
        {"input": nir.Input({"input": np.array([2, 5, 6])}), "pool": node}, [("input", "pool")]
    )
    xs = R.normal(size=(2, 2, 5, 6)).astype(np.float32)
    ours = run(from_nir(chain)[0], xs, 1.0 * u.ms)["output"]
    ones = np.ones((1, 1, 2, 3)) / (6 if kind is nir.AvgPool2d else 1)
    for x, y in zip(xs, ours, strict=True):
        for channel, pooled in zip(x, y, strict=True):
            expected = correlated(channel[None], ones, (2, 1), (1, 0), (1, 1))[0]
            np.testing.assert_allclose(pooled, expected, atol=1e-5)


def test_parameters_of_no_axis_stand_for_all_neurons() -> None:
    one = np.array(1.0)
    nodes = {
        "input": nir.Input({"input": np.array([2])}),
        "fc": nir.Linear(np.ones((N, 2))),
        "lif": nir.LIF(0.01 * one, one, 0 * one, one),
    }
    chain = nir.NIRGraph(nodes, [("input", "fc"), ("fc", "lif")], type_check=False)
    assert from_nir(chain)[0].out_size == (N,)


def test_what_cannot_be_read_is_refused_by_name() -> None:
    with pytest.raises(NIRError, match=r"if: expected r > 0 in IF, got -1"):
        from_nir(graph(nir.IF(np.array([1.0, -1.0]), np.ones(2))))
    with pytest.raises(NIRError, match=r"from_nir: lif \(LIF\): LIF.tau: expected a time > 0"):
        from_nir(graph(nir.LIF(np.zeros(1), np.ones(1), np.zeros(1), np.ones(1))))
    with pytest.raises(NIRError, match=r"lif: expected a membrane time constant > dt = 10 ms"):
        from_nir(graph(NODES["LIF"]), source="snntorch", dt=10 * u.ms)
    with pytest.raises(NIRError, match="expected one of snntorch, norse, spikingjelly, spyx"):
        from_nir(graph(NODES["LIF"]), source="lava")
    with pytest.raises(ParameterError, match="dt: expected a time, got a number without unit, 1"):
        from_nir(graph(NODES["LIF"]), dt=1.0)
