"""Sweeps of whole networks: what a member gives is what its run alone gives."""

import subprocess
import sys
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool

import brainloom as bl
import brainstate
import brainunit as u
import numpy as np
import pytest

xarray = pytest.importorskip("xarray")
DT = 0.1 * u.ms


def network(weight=0.6 * u.nS, tau=20.0 * u.ms, n=40, drive=0.2):
    """All that a member may differ in: a parameter, weights, edges, initial values, noise."""
    net = bl.Network()
    net.E = bl.LIFRef(
        n,
        R=0.1 * u.Gohm,
        tau=tau,
        tau_ref=2 * u.ms,
        V_th=-50 * u.mV,
        V_reset=-60 * u.mV,
        V_rest=-60 * u.mV,
        V_initializer=bl.Uniform(-60 * u.mV, -50 * u.mV),
    )
    net.noise = bl.PoissonInput(net.E.prefetch("V"), None, 10, 200 * u.Hz, 0.3 * u.mV)
    net.EE = bl.Projection(
        net.E,
        net.E,
        bl.FixedInDegree(5),
        bl.Expon.desc(tau=5 * u.ms),
        bl.COBA.desc(E=0 * u.mV),
        weight=weight,
        delay=1.5 * u.ms,
    )
    return net, {net.E: lambda t: (drive + 0.01 * u.math.sin(t / u.ms)) * u.nA}


def spikes(recording):
    events = recording["E.spikes"]
    return {"step": events.step.sum(), "index": (events.step * events.index).sum()}


def alone(seed=0, **parameters):
    brainstate.random.seed(seed)
    net, inputs = network(**parameters)
    return bl.simulate(net, 50 * u.ms, dt=DT, inputs=inputs, record="E.spikes", seed=seed)


RUN = {"duration": 50 * u.ms, "dt": DT}
WHAT = {**RUN, "record": ["E.spikes"]}


def test_a_member_gives_what_its_run_alone_gives_in_a_batch_or_not():
    over = {"weight": [0.2, 0.6] * u.nS, "drive": [0.15, 0.25]}
    options = {"seeds": [3, 5], "measure": spikes, **WHAT}
    found = bl.sweep(network, over, batch=1, **options)
    assert dict(found.sizes) == {"weight": 2, "drive": 2, "seed": 2}
    assert found.weight.attrs["units"] == "nS" and list(found.weight.values) == [0.2, 0.6]
    for weight, seed in ((0.2, 3), (0.6, 5)):
        expected = spikes(alone(seed, weight=weight * u.nS, drive=0.25))
        got = found.sel(weight=weight, drive=0.25, seed=seed)
        assert {k: int(v) for k, v in got.data_vars.items()} == expected
    assert len(np.unique(found["step"])) == 8
    assert found.identical(bl.sweep(network, over, batch=3, **options))


def test_members_that_differ_in_a_compiled_parameter_or_in_shape():
    over = [{"tau": tau * u.ms, "n": n} for n in (20, 30) for tau in (15.0, 20.0)]
    found = bl.sweep(network, over, seeds="each", record=["E.V", "E.spikes"], **RUN)
    assert found["E.spikes.counts"].shape == (4, 30)
    for number, point in enumerate(over):
        expected = alone(number, **point)["E.spikes"].counts()[0]
        got = found["E.spikes.counts"].isel(sample=number).values
        assert np.array_equal(got[: point["n"]], expected), point
        assert np.isnan(got[point["n"] :]).all()
    assert found["E.V"].attrs["units"] == "mV"
    assert list(found["seed"].values) == [0, 1, 2, 3]


def test_exact_members_differ_in_no_digit():
    over = {"tau": [15.0, 19.7] * u.ms}
    found = bl.sweep(network, over, record="E.V", exact=True, measure=last, **RUN)
    for tau in (15.0, 19.7):
        brainstate.random.seed(0)
        net, inputs = network(tau=tau * u.ms)
        expected = bl.simulate(net, 50 * u.ms, dt=DT, inputs=inputs, record="E.V", seed=0)
        assert np.array_equal(found["result"].sel(tau=tau, seed=0), last(expected).mantissa)


def test_a_rate_that_decides_how_spikes_are_drawn_draws_as_alone():
    def build(rate):
        net, inputs = network()
        net.noise.freq = rate
        return net, inputs

    found = bl.sweep(build, {"rate": [150.0, 250.0] * u.Hz}, measure=spikes, **WHAT)
    for rate in (150.0, 250.0):
        brainstate.random.seed(0)
        net, inputs = build(rate * u.Hz)
        expected = bl.simulate(net, inputs=inputs, seed=0, **WHAT)
        assert int(found["step"].sel(rate=rate, seed=0)) == spikes(expected)["step"]


def last(recording):
    return recording["E.V"].values[-1]


GAIN = {}


class Hidden(bl.LIF):
    """A neuron whose step depends on what nobody can find in it."""

    def update(self, x=None):
        super().update(GAIN[id(self)] * u.mA)


def hidden(gain):
    neuron = Hidden(3, R=1 * u.ohm, tau=10 * u.ms, V_th=1 * u.mV, V_rest=0 * u.mV)
    GAIN[id(neuron)] = gain
    HELD.append(neuron)
    return neuron


HELD = []


def test_what_a_step_depends_on_and_cannot_be_found_is_noticed():
    found = bl.sweep(hidden, {"gain": [0.0, 2.0]}, duration=30 * u.ms, dt=DT, record="spikes")
    assert list(found["spikes.rate"].isel(seed=0) > 0) == [False, True]


class Lossy(Executor):
    """Loses every second task with its worker."""

    def __init__(self):
        self.count = 0

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        self.count += 1
        if self.count % 2:
            future.set_exception(BrokenProcessPool("the worker was killed"))
        else:
            future.set_result(function(*args, **kwargs))
        return future


def cell(tau):
    neuron = {"R": 1 * u.ohm, "V_th": 10 * u.mV, "V_rest": 0 * u.mV, "V_reset": 0 * u.mV}
    cells = bl.LIF(3, tau=tau, V_initializer=bl.Uniform(0 * u.mV, 10 * u.mV), **neuron)
    return cells, lambda t: (tau / u.ms) * u.mA


CELL = {"duration": 60 * u.ms, "dt": DT, "record": "spikes"}


def test_tasks_of_lost_workers_are_run_again():
    over = {"tau": np.linspace(15.0, 25.0, 9) * u.ms}
    pool = Lossy()
    found = bl.sweep(cell, over, seeds=3, executor=pool, **CELL)
    assert pool.count > 3
    assert found.identical(bl.sweep(cell, over, seeds=3, **CELL))
    assert len(np.unique(found["spikes.rate"])) > 3


class Broken(Lossy):
    def submit(self, function, /, *args, **kwargs):
        future = Future()
        future.set_exception(BrokenProcessPool("the worker was killed"))
        return future


def test_an_executor_that_loses_every_worker_is_an_error():
    with pytest.raises(bl.InputError, match="were lost with their workers 4 times"):
        bl.sweep(cell, {"tau": [10.0, 20.0] * u.ms}, executor=Broken(), **CELL)


CALLS = []


def counting(tau):
    CALLS.append(tau)
    return cell(tau)


def failing_once(recording):
    if FAILS and FAILS.pop() == "raise":
        raise RuntimeError("no more disk")
    return {"rate": recording["spikes"].rate()}


FAILS = []


def test_a_sweep_goes_on_from_its_store(tmp_path):
    over, store = {"tau": [15.0, 20.0, 25.0] * u.ms}, tmp_path / "runs"
    FAILS[:] = ["", "raise", "", ""]
    arguments = {"measure": failing_once, "batch": 1, **CELL}
    with pytest.raises(RuntimeError, match="no more disk") as raised:
        bl.sweep(counting, over, seeds=2, store=store, **arguments)
    assert "in the member of the sweep with tau=" in raised.value.__notes__[0]
    there = sorted(store.glob("member-*.npz"))
    assert 0 < len(there) < 6
    FAILS.clear()
    there[0].write_bytes(there[0].read_bytes()[:-40])
    with pytest.warns(RuntimeWarning, match="is damaged .* is run again"):
        found = bl.sweep(counting, over, seeds=2, store=store, **arguments)
    assert found.identical(bl.sweep(counting, over, seeds=2, **arguments))
    CALLS.clear()
    assert found.identical(bl.sweep(counting, over, seeds=2, store=store, **arguments))
    assert not CALLS
    with pytest.raises(bl.InputError, match="number of members was 6 and is now 9"):
        bl.sweep(counting, over, seeds=3, store=store, **arguments)
    with pytest.raises(bl.InputError, match="the function measure has changed"):
        bl.sweep(counting, over, seeds=2, store=store, **(arguments | {"measure": spikes}))


def test_a_member_that_is_not_finite_says_which_state_and_which_member():
    def build(gain):
        return cell(20 * u.ms)[0], lambda t: gain * u.mA

    with pytest.raises(bl.NonFiniteError, match="V.* became nan") as raised:
        bl.sweep(build, {"gain": [1.0, np.nan]}, batch=2, **CELL)
    assert raised.value.__notes__ == ["in the member of the sweep with gain=nan, seed=0"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"over": {"weight": 3.0}}, "over: weight: expected a list of values, got 3"),
        ({"over": {"w": [1 * u.nS, 2]}}, "over: w: expected .* such as .1, 2. . u.nS, got 1"),
        ({"over": "weight"}, "over: expected a mapping .* got 'weight'"),
        ({"over": [{"n": 1}, {"tau": 2}]}, "sample 0 has the parameters .'n'. and sample 1"),
        ({"over": {"seed": [1]}}, "other than 'seed' and 'sample', got 'seed'"),
        ({"seeds": 0}, "seeds: expected a number of seeds > 0"),
        ({"seeds": [1, 1]}, "seeds: expected .* different whole numbers"),
        ({"batch": 0}, "batch: expected a number of members > 0, got 0"),
        ({"executor": "dask"}, "executor: expected a number of processes"),
        ({"inputs": bl.PoissonSpike(1, freqs=1 * u.Hz)}, "return it from build"),
    ],
)
def test_what_is_no_sweep_is_said_at_once(arguments, words):
    with pytest.raises(bl.InputError, match=words):
        bl.sweep(network, **(WHAT | arguments))


PROGRAM = """
import os, pathlib, signal, sys
import brainloom as bl
import brainunit as u

def build(tau):
    neuron = {"R": 1 * u.ohm, "V_th": 10 * u.mV, "V_rest": 0 * u.mV, "V_reset": 0 * u.mV}
    cells = bl.LIF(3, tau=tau, V_initializer=bl.Uniform(0 * u.mV, 10 * u.mV), **neuron)
    return cells, 20 * u.mA

def once_deadly(recording):
    killed = pathlib.Path("killed")
    if not killed.exists() and os.getpid() != int(os.environ["PARENT"]):
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return recording["spikes"].rate()

def main():
    os.environ["PARENT"] = str(os.getpid())
    given = {"over": {"tau": [10.0, 15.0, 20.0] * u.ms}, "seeds": 12, "measure": once_deadly}
    given |= {"duration": 50 * u.ms, "dt": 0.1 * u.ms, "record": "spikes"}
    if sys.argv[1] == "processes":
        found = bl.sweep(build, executor=2, **given)
    else:
        from dask.distributed import Client, LocalCluster
        with LocalCluster(n_workers=2, dashboard_address=None) as cluster:
            with Client(cluster) as client:
                found = bl.sweep(build, executor=client.get_executor(), **given)
    assert pathlib.Path("killed").exists()
    assert found.identical(bl.sweep(build, **given))

if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["processes", "dask"])
def test_a_worker_that_is_killed_changes_nothing(where, tmp_path):
    if where == "dask":
        pytest.importorskip("distributed")
    (tmp_path / "program.py").write_text(PROGRAM)
    ran = subprocess.run(
        [sys.executable, "program.py", where],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stderr
