"""What is drawn while a network is built follows from a seed and from names."""

from collections.abc import Callable
from typing import Any

import brainloom as bl
import brainstate
import brainunit as u
import numpy as np
import pytest

CELL = {"R": 100 * u.Mohm, "V_th": -50 * u.mV, "V_rest": -60 * u.mV, "V_reset": -60 * u.mV}


def cells(n: int) -> Any:
    start = bl.Uniform(-60 * u.mV, -50 * u.mV)
    tau = bl.Normal(20 * u.ms, 1 * u.ms)
    return bl.LIFRef(n, tau=tau, tau_ref=2 * u.ms, V_initializer=start, **CELL)


def joined(pre: Any, post: Any, E: float) -> Any:
    return bl.Projection(
        *(pre, post, bl.Bernoulli(0.2)),
        bl.Expon.desc(tau=5 * u.ms),
        bl.COBA.desc(E=E * u.mV),
        weight=bl.Uniform(0.5 * u.nS, 2.0 * u.nS),
        delay=bl.Uniform(0.2 * u.ms, 2.0 * u.ms),
    )


def one_way(more: int = 0) -> Any:
    net = bl.Network()
    net.E, net.I = cells(30), cells(30)
    net.EE = joined(net.E, net.E, 0.0)
    net.EI = joined(net.E, net.I, 0.0)
    net.IE = joined(net.I, net.E, -80.0)
    net.gap = bl.SymmetryGapJunction((net.E, net.I), "V", bl.Bernoulli(0.1), 0.02 * u.nS)
    return net


def the_other_way(more: int = 0) -> Any:
    net = bl.Network()
    if more:
        net.another = cells(more)
    net.I = cells(30)
    brainstate.random.uniform(size=3)
    net.E = cells(30)
    net.gap = bl.SymmetryGapJunction((net.E, net.I), "V", bl.Bernoulli(0.1), 0.02 * u.nS)
    net.IE = joined(net.I, net.E, -80.0)
    net.EI = joined(net.E, net.I, 0.0)
    net.EE = joined(net.E, net.E, 0.0)
    return net


def spikes(net: Any) -> str:
    options = {"dt": 0.1 * u.ms, "inputs": {"E": 0.2 * u.nA, "I": 0.15 * u.nA}, "progress": False}
    found = bl.simulate(net, 50 * u.ms, record=["E.spikes", "I.spikes"], seed=7, **options)
    assert len(found["E.spikes"]) > 20
    return str(found.hash())


def test_spikes_do_not_depend_on_the_order_of_construction() -> None:
    before = brainstate.random.DEFAULT.value
    one, other = bl.build(one_way, seed=7), bl.build(the_other_way, more=10, seed=7)
    assert brainstate.random.DEFAULT.value is before
    for name in ("EE", "EI", "IE"):
        mine, others = getattr(one, name).comm, getattr(other, name).comm
        assert mine.seed == others.seed
        assert mine.edges == others.edges
    assert len({getattr(one, name).comm.seed for name in ("EE", "EI", "IE")}) == 3
    assert np.array_equal(one.gap.pre_ids, other.gap.pre_ids)
    assert np.array_equal(one.I.tau.mantissa, other.I.tau.mantissa)
    assert not np.array_equal(one.I.tau.mantissa, one.E.tau.mantissa)
    assert spikes(one) == spikes(other) != spikes(bl.build(one_way, seed=8))


def test_a_seed_of_a_connection_stays_and_inputs_come_along() -> None:
    def make() -> Any:
        net = bl.Network()
        net.E = cells(5)
        comm = bl.Connection(net.E, net.E, bl.Bernoulli(0.5), 0 * u.mV, seed=3)
        net.EE = bl.DeltaProj(net.E.get_spike, comm=comm, post=net.E)
        drive = bl.OUProcessInput(
            *(5,), mean=bl.Uniform(0.1 * u.nA, 0.2 * u.nA), sigma=0 * u.nA / u.ms**0.5, tau=5 * u.ms
        )
        return net, drive

    (net, drive), (_, again) = (bl.build(make, seed=7) for _ in range(2))
    assert net.EE.comm.seed == 3
    assert np.array_equal(drive.mean.mantissa, again.mean.mantissa)


@pytest.mark.parametrize(
    ("make", "seed", "words"),
    [
        (3, 7, "build: make: expected a function, got 3"),
        (lambda: 3, 7, "build: make: expected a function that returns a Network or another module"),
        (one_way, -1, "seed: expected a whole number from 0"),
        (one_way, None, "seed: expected a whole number from 0"),
    ],
)
def test_what_cannot_be_built_is_said(make: Any, seed: Any, words: str) -> None:
    with pytest.raises(bl.InputError, match=words):
        bl.build(make, seed=seed)


def test_a_function_that_makes_other_modules_each_time_is_refused() -> None:
    ways: list[Callable[..., Any]] = [one_way, the_other_way]
    with pytest.raises(bl.InputError, match="makes the same modules each time"):
        bl.build(lambda: ways.pop()(), seed=7)
