"""The network of Brunel: what it is made of, and that its input does what is said."""

import brainstate
import brainunit as u
import numpy as np
import pytest
from brainloom.demos import BrunelNetwork
from brainloom_core import simulate


def test_degrees_and_weights() -> None:
    net = BrunelNetwork(5.0, 2.0, n=500)
    exc, inh = net.exc.comm, net.inh.comm
    assert set(exc.in_degree) == {40}
    assert set(inh.in_degree) == {10}
    assert float(exc.weight.to_decimal(u.mV)) == pytest.approx(0.1)
    assert float(inh.weight.to_decimal(u.mV)) == pytest.approx(-0.5)


def test_input_holds_the_potential_at_eta_times_the_threshold() -> None:
    """At half of it nobody spikes; shot noise has the variance J V / 2 (here 0.5 mV²)."""
    brainstate.random.seed(1)
    net = BrunelNetwork(5.0, 0.5, n=500)
    recorded = simulate(
        net, 200.0 * u.ms, dt=0.1 * u.ms, record=["neurons.V", "neurons.spikes"], progress=False
    )
    V = np.asarray(recorded["neurons.V"].values.to_decimal(u.mV))[-500:]
    assert len(recorded["neurons.spikes"]) == 0
    # 500 neurons with about three independent values each.
    assert V.mean() == pytest.approx(10.0, abs=5 * np.sqrt(0.5 / 1500))
    assert V.var() == pytest.approx(0.5, rel=0.2)
