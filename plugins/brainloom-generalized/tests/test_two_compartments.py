"""Pinsky and Rinzel: an accurate solution of the paper's equations, and its rates of bursting."""

from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Network, simulate
from brainloom_generalized import PinskyRinzel
from brainloom_projections import AlignPostProj, AllToAll, Connection
from brainloom_synapses import COBA, Expon
from scipy.integrate import solve_ivp

Run = Callable[..., tuple[np.ndarray, dict[str, np.ndarray]]]
START = [-4.6, -4.5, 0.2, 0.999, 0.001, 0.009, 0.007, 0.01]


def published(t: float, y: Any, I_s: float, I_d: float, g_c: float, p: float) -> list[float]:
    """The equations of the paper, potentials from rest, without the library."""
    V, W, Ca, h, n, s, c, q = y
    a_m = 0.32 * (13.1 - V) / (np.exp((13.1 - V) / 4) - 1)
    b_m = 0.28 * (V - 40.1) / (np.exp((V - 40.1) / 5) - 1)
    m = a_m / (a_m + b_m)
    a_n = 0.016 * (35.1 - V) / (np.exp((35.1 - V) / 5) - 1)
    b_n = 0.25 * np.exp(0.5 - 0.025 * V)
    a_h, b_h = 0.128 * np.exp((17 - V) / 18), 4 / (1 + np.exp((40 - V) / 5))
    a_s = 1.6 / (1 + np.exp(-0.072 * (W - 65)))
    b_s = 0.02 * (W - 51.1) / (np.exp((W - 51.1) / 5) - 1)
    a_c, b_c = 2 * np.exp((6.5 - W) / 27), 0.0
    if W <= 50:
        a_c = np.exp((W - 10) / 11 - (W - 6.5) / 27) / 18.975
        b_c = 2 * np.exp((6.5 - W) / 27) - a_c
    a_q, b_q = min(0.00002 * Ca, 0.01), 0.001
    I_Ca = 10 * s**2 * (W - 140)
    soma = -0.1 * V - 30 * m**2 * h * (V - 120) - 15 * n * (V + 15) + g_c / p * (W - V) + I_s / p
    dendrite = -0.1 * W - I_Ca - 0.8 * q * (W + 15) - 15 * c * min(Ca / 250, 1) * (W + 15)
    dendrite += g_c / (1 - p) * (V - W) + I_d / (1 - p)
    rates = ((a_h, b_h, h), (a_n, b_n, n), (a_s, b_s, s), (a_c, b_c, c), (a_q, b_q, q))
    gates = [a * (1 - x) - b * x for a, b, x in rates]
    return [soma / 3, dendrite / 3, -0.13 * I_Ca - 0.075 * Ca, *gates]


def solved(end: float, *given: float) -> Any:
    passage = lambda t, y, *rest: y[0] - 40.0  # noqa: E731
    passage.direction = 1.0  # type: ignore[attr-defined]
    return solve_ivp(
        *(published, (0, end), START, "DOP853", np.arange(0.5, end + 0.1, 0.5)),
        events=passage,
        args=given,
        rtol=1e-10,
        atol=1e-10,
    )


@pytest.mark.parametrize("given", [(0.75, 0.0, 2.1, 0.5), (0.0, 1.0, 10.5, 0.3)])
def test_all_eight_states_follow_the_accurate_solution(run: Run, given: Any) -> None:
    I_s, I_d, g_c, p = given
    neuron = PinskyRinzel(1, g_c=g_c * u.mS, p=p, I_d=I_d * u.uA)
    dt, end = 0.005, 30.0
    with brainstate.environ.context(dt=dt * u.ms):
        spikes, states = run(neuron, jnp.full(round(end / dt), I_s) * u.uA)
    exact = solved(end, *given)
    at = np.rint(exact.t / dt).astype(int) - 1
    names = ("V", "V_d", "Ca", "h", "n", "s", "c", "q")
    for name, values in zip(names, exact.y, strict=True):
        shift = 60.0 if name in ("V", "V_d") else 0.0
        error = np.abs(states[name][at, 0] + shift - values).max() / np.ptp(values)
        assert error < 1e-2, (name, error)
    times = dt * (np.flatnonzero(spikes[:, 0]) + 1)
    np.testing.assert_allclose(times, exact.t_events[0], atol=2 * dt)


@pytest.mark.slow
def test_bursts_come_as_often_as_in_the_paper(run: Run) -> None:
    """Below 8 Hz by current into the soma, 8 to 20 Hz by current into the dendrite.

    More current into the soma makes repetitive spikes.
    """
    neuron = PinskyRinzel(3, I_d=np.array([0.0, 0.0, 3.0]) * u.uA)
    with brainstate.environ.context(dt=0.02 * u.ms):
        given = jnp.broadcast_to(jnp.asarray([0.75, 2.5, -0.5]), (100_000, 3)) * u.uA
        spikes, _ = run(neuron, given)
    times = [0.02 * (np.flatnonzero(spikes[:, k]) + 1) for k in range(3)]
    starts = times[0][np.diff(times[0], prepend=-100.0) > 20.0]
    period = np.diff(starts[-3:])
    exact = solved(2000.0, 0.75, 0.0, 2.1, 0.5).t_events[0]
    exact_starts = exact[np.diff(exact, prepend=-100.0) > 20.0]
    np.testing.assert_allclose(period, np.diff(exact_starts[-3:]), rtol=2e-3)
    assert 1000.0 / period.mean() < 8.0
    assert len(times[0]) > len(starts)  # more than one spike in a burst
    assert len(times[1]) > 5 * len(times[0])
    late = times[2][times[2] > 1200.0]
    begins = late[np.diff(late, prepend=-100.0) > 20.0]
    assert len(late) > 2 * len(begins)
    assert np.ptp(np.diff(begins)) < 1.0  # periodic
    assert 8.0 < 1000.0 / np.diff(begins).mean() < 20.0


class Dendritic(Network):
    """A synapse on the soma or on the dendrite of one cell, each of which gets one spike."""

    def __init__(self, label: str | None) -> None:
        super().__init__()
        self.cell = PinskyRinzel(1, g_c=0.0 * u.mS)
        self.syn = AlignPostProj(
            comm=Connection(1, 1, AllToAll(), weight=0.05 * u.mS),
            syn=Expon.desc(tau=2.0 * u.ms),
            out=COBA.desc(E=0.0 * u.mV),
            post=self.cell,
            label=label,
        )

    def update(self, spike: Any) -> None:
        self.syn(spike)
        self.cell()


@pytest.mark.parametrize("label", ["dendrite", None])
def test_a_projection_reaches_the_compartment_of_its_label(label: str | None) -> None:
    """Without coupling the other compartment does not notice; the driving force is its own."""
    spike = jnp.zeros((20, 1)).at[2].set(1.0)
    recording, silent = (
        simulate(
            *(Dendritic(label), 2.0 * u.ms),
            dt=0.1 * u.ms,
            inputs=(given,),
            record=["cell.V", "cell.V_d"],
            progress=False,
        )
        for given in (spike, 0.0 * spike)
    )
    moved = {
        name: np.abs((recording[name].values - silent[name].values).to_decimal(u.mV)).max()
        for name in ("cell.V", "cell.V_d")
    }
    hit, spared = ("cell.V_d", "cell.V") if label else ("cell.V", "cell.V_d")
    assert moved[hit] > 0.5
    assert moved[spared] == 0.0
