"""Rate units and the two populations of Wilson and Cowan."""

from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, Network, simulate
from brainloom_generalized import LinearRate, SigmoidRate, WilsonCowan
from brainloom_neurons import LIF
from brainloom_projections import AllToAll, Connection, CurrentProj, DeltaProj, OneToOne
from brainloom_synapses import CUBA
from scipy.integrate import solve_ivp

Run = Callable[..., tuple[np.ndarray, dict[str, np.ndarray]]]


@pytest.mark.parametrize("dt", [0.1, 5.0])
def test_noise_has_the_variance_of_the_process_at_any_step(run: Run, dt: float) -> None:
    """The stationary variance is sigma^2 / 2 lambda, and the mean (mu + I) / lambda."""
    units = LinearRate(20_000, tau=10.0 * u.ms, lambda_=2.0, mu=1.0, sigma=0.6)
    with brainstate.environ.context(dt=dt * u.ms), brainstate.random.seed_context(0):
        rates, _ = run(units, jnp.full(round(60 / dt), 0.5))
    assert rates[-1].mean() == pytest.approx(0.75, abs=0.01)
    assert rates[-1].var() == pytest.approx(0.09, rel=0.05)
    near = np.corrcoef(rates[-1], rates[-2])[0, 1]
    assert near == pytest.approx(np.exp(-2.0 * dt / 10.0), abs=0.03)


def test_rates_stay_above_zero_where_they_shall(run: Run) -> None:
    rates, _ = run(LinearRate(2, rectify=True, r_initializer=1.0), jnp.full(500, -3.0))
    assert rates.min() == 0.0
    assert rates[0].min() > 0.0


class Mixed(Network):
    """Spikes raise rates, and rates drive neurons."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = LIF(4, V_th=5.0 * u.mV, spk_reset="hard")
        self.units = SigmoidRate(4, theta=0.5)
        self.up = DeltaProj(
            self.cells.get_spike,
            comm=Connection(4, 4, OneToOne(), weight=0.25),
            post=self.units,
        )
        self.down = CurrentProj(
            self.units.prefetch("r"),
            comm=Connection(4, 4, AllToAll(), weight=2.0 * u.mA),
            out=CUBA(scale=1.0),
            post=self.cells,
        )


def test_rate_units_and_spiking_neurons_are_one_network() -> None:
    net = Mixed()
    recording = simulate(
        net,
        50.0 * u.ms,
        dt=0.1 * u.ms,
        inputs={"cells": 3.0 * u.mA},
        record=["units.r", "cells.spikes"],
        progress=False,
    )
    rates = np.asarray(recording["units.r"].values)
    counts = np.zeros(rates.shape[:1])
    spikes = recording["cells.spikes"]
    np.add.at(counts, np.rint(spikes.t.to_decimal(u.ms) / 0.1).astype(int) - 1, 1)
    # A spike of all four at the end of step k raises all rates at the end of step k + 1.
    rises = np.diff(rates[:, 0]) > 0.2
    assert len(spikes) > 20
    np.testing.assert_array_equal(np.flatnonzero(rises) + 1, np.flatnonzero(counts[:-1] == 4) + 1)


def test_an_input_with_a_unit_is_refused() -> None:
    units = SigmoidRate(2)
    brainstate.nn.init_all_states(units)
    with pytest.raises(InputError, match=r"SigmoidRate.update\(x\): expected a number"):
        units(1.0 * u.mA)


def pair(t: float, y: Any, P: float, Q: float) -> list[float]:
    """Wilson and Cowan (1972), equations 11 and 12, without the library."""

    def S(x: float, a: float, theta: float) -> float:
        return 1.0 / (1.0 + np.exp(-a * (x - theta))) - 1.0 / (1.0 + np.exp(a * theta))

    E, J = y
    k_e, k_i = (1.0 - 1.0 / (1.0 + np.exp(a * th)) for a, th in ((1.3, 4.0), (2.0, 3.7)))
    return [
        (-E + (k_e - E) * S(16.0 * E - 12.0 * J + P, 1.3, 4.0)) / 8.0,
        (-J + (k_i - J) * S(15.0 * E - 3.0 * J + Q, 2.0, 3.7)) / 8.0,
    ]


@pytest.mark.parametrize("way", ["argument", "parameter"])
def test_wilson_and_cowan_oscillate(run: Run, way: str) -> None:
    """Against DOP853; the limit cycle is that of figure 11."""
    model = WilsonCowan(1, **({} if way == "parameter" else {"P": 0.0}))
    given = jnp.full(3000, 0.0 if way == "parameter" else 1.25)
    E, states = run(model, given)
    at = 0.1 * np.arange(1, 3001)
    exact = solve_ivp(pair, (0, 300), [0, 0], "DOP853", at, args=(1.25, 0), rtol=1e-10, atol=1e-12)
    assert np.abs(E[:, 0] - exact.y[0]).max() < 2e-4
    assert np.abs(states["J"][:, 0] - exact.y[1]).max() < 2e-4
    late = E[1500:, 0]
    assert np.ptp(late) > 0.15


def test_what_has_the_label_drives_the_inhibitory_population(run: Run) -> None:
    model = WilsonCowan(1)
    model.add_current_input("drive", lambda J: 0.4 + 0.0 * J, label="inhibitory")
    E, _ = run(model, jnp.zeros(1000))
    exact = solve_ivp(pair, (0, 100), [0, 0], "DOP853", args=(1.25, 0.4), rtol=1e-10, atol=1e-12)
    assert E[-1, 0] == pytest.approx(exact.y[0][-1], abs=1e-4)
    with pytest.raises(InputError, match=r"expected a label among \['inhibitory'\]"):
        model.add_current_input("other", lambda J: J, label="inhibitry")
