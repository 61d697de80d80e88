"""Recordings as objects of other libraries, and back: with these libraries installed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import numpy as np
import pytest
from brainloom_core import (
    Network,
    Neuron,
    Rate,
    Recording,
    Spikes,
    Trace,
    initializer,
    param,
    simulate,
    state,
)

pytestmark = pytest.mark.filterwarnings("default")  # those of the libraries are theirs

DT = 0.1 * u.ms
TRIALS, N = 2, 5


class Leaky(Neuron):
    """A neuron whose membranes differ."""

    tau = param(10.0 * u.ms)
    V_th = param(20.0 * u.mV)
    V_reset = param(0.0 * u.mV)
    V_initializer = initializer(0.0 * u.mV)
    g = param(np.linspace(1.0, 1.5, N))
    V = state("V_initializer")

    def dV(self, V: Any, I: Any) -> Any:
        return (self.g * I * u.ohm - V) / self.tau


def made(trials: int, **options: Any) -> Recording:
    net: Any = Network()
    net.E = Leaky(N)
    if trials > 1:
        brainstate.nn.init_all_states(net, batch_size=trials)
        net.E.V.value = net.E.V.value + np.array([[0.0], [3.0]]) * u.mV
    record = {
        "E.spikes": "E.spikes",
        "E.V": "E.V",
        "E.rate": Rate(net.E, every=5 * u.ms),
        "some": Spikes(net.E, index=[4, 2], start=20 * u.ms),
        "slow": Trace(net.E, "V", every=10 * u.ms, index=[1, 3]),
        "counts": "E.counts",
    }
    return simulate(net, 100 * u.ms, dt=DT, inputs={"E": 30 * u.mA}, record=record, **options)


@pytest.fixture(scope="module", params=[1, TRIALS], ids=["one trial", "two trials"])
def recording(request: pytest.FixtureRequest) -> Recording:
    found = made(request.param)
    assert len(found["E.spikes"]) > 20
    return found


def train(recording: Recording, name: str, neuron: int, trial: int) -> np.ndarray:
    spikes = recording[name]
    index = neuron if spikes.neurons is None else int(np.flatnonzero(spikes.neurons == neuron)[0])
    kept = (spikes.index == index) & (spikes.trial == trial)
    return np.asarray(spikes.t.to_decimal(u.ms))[kept]


def trials_of(recording: Recording) -> int:
    return int(recording["E.spikes"].trials)


def in_trials(recording: Recording, name: str) -> np.ndarray:
    """Numbers of the shape (samples, trials, neurons)."""
    values = np.asarray(u.get_mantissa(recording[name].values))
    return values if trials_of(recording) > 1 else values[:, None]


def test_neo(recording: Recording) -> None:
    pytest.importorskip("neo")
    block = recording.to_neo()
    assert len(block.segments) == trials_of(recording)
    for k, segment in enumerate(block.segments):
        assert len(segment.spiketrains) == N + 2
        for found in segment.spiketrains:
            about = found.annotations
            expected = train(recording, about["record"], about["neuron"], k)
            np.testing.assert_allclose(found.rescale("ms").magnitude, expected)
        signals = {s.name: s for s in (*segment.analogsignals, *segment.irregularlysampledsignals)}
        assert set(signals) == {"E.V", "E.rate", "slow", "counts"}
        V = signals["E.V"]
        np.testing.assert_allclose(V.rescale("mV").magnitude, in_trials(recording, "E.V")[:, k])
        np.testing.assert_allclose(V.times.rescale("ms").magnitude, 0.1 * np.arange(1, 1001))
        assert str(signals["E.rate"].units.dimensionality) == "Hz"
        assert float(signals["slow"].sampling_period.rescale("ms")) == pytest.approx(10.0)


def test_units_keep_their_value_in_neo() -> None:
    pytest.importorskip("neo")
    import quantities as pq
    from brainloom_core.run.recording.formats.neo import _unit

    cases = [
        (u.mV, pq.mV),
        (u.nS, pq.nS),
        (u.Hz, pq.Hz),
        (u.UNITLESS, pq.dimensionless),
        (u.nS / u.ms, pq.nS / pq.ms),
        (u.uA / u.cm**2, pq.uA / pq.cm**2),
        (u.mM, 1e-3 * pq.mol / pq.L),
        (u.Mohm, 1e6 * pq.ohm),
    ]
    for ours, theirs in cases:
        ratio = (1.0 * _unit(pq, ours) / theirs).simplified
        assert str(ratio.dimensionality) == "dimensionless", ours
        assert float(ratio) == pytest.approx(1.0), ours


def test_statistics_of_elephant_are_ours(recording: Recording) -> None:
    statistics = pytest.importorskip("elephant.statistics")
    block = recording.to_neo()
    trains = [
        t for s in block.segments for t in s.spiketrains if t.annotations["record"] == "E.spikes"
    ]
    spikes = recording["E.spikes"]
    rate = np.mean([float(statistics.mean_firing_rate(t).rescale("Hz")) for t in trains])
    assert rate == pytest.approx(float(spikes.rate().to_decimal(u.Hz)))
    cvs = [statistics.cv(statistics.isi(t)) for t in trains if len(t) > 2]
    assert np.mean(cvs) == pytest.approx(spikes.isi_cv(), abs=1e-6)


def test_pandas(recording: Recording) -> None:
    pytest.importorskip("pandas")
    tables = recording.to_pandas()
    spikes = tables["some"]
    for neuron in (2, 4):
        for trial in range(trials_of(recording)):
            rows = spikes[(spikes.neuron == neuron) & (spikes.trial == trial)]
            np.testing.assert_allclose(rows.time_ms, train(recording, "some", neuron, trial))
    values = in_trials(recording, "slow")
    np.testing.assert_array_equal(tables["slow"].to_numpy(), values.reshape(len(values), -1))
    assert tables["slow"].attrs["unit"] == "mV"
    np.testing.assert_allclose(tables["slow"].index, 10.0 * np.arange(1, 11))
    if trials_of(recording) == 1:
        assert list(tables["slow"].columns) == [1, 3]


def test_xarray(recording: Recording) -> None:
    pytest.importorskip("xarray")
    found = recording.to_xarray()
    V = found["E.V"]
    assert V.dims[0] == "time"
    np.testing.assert_array_equal(V.to_numpy(), np.asarray(recording["E.V"].values.mantissa))
    assert V.attrs["units"] == "mV"
    np.testing.assert_allclose(V["time"], 0.1 * np.arange(1, 1001))
    assert list(found["slow"][found["slow"].dims[-1]].to_numpy()) == [1, 3]
    times = found["some"]
    kept = (times["some_neuron"] == 2) & (times["some_trial"] == 0)
    np.testing.assert_allclose(times[kept.to_numpy()], train(recording, "some", 2, 0))
    versions = recording.header["versions"]
    assert found.attrs["versions.brainloom-core"] == versions["brainloom-core"]
    assert all(isinstance(value, (int, float, str)) for value in found.attrs.values())
    assert not any(" " in str(name) for name in (*found.dims, *found.coords))
    assert found["E.rate"].dims[0] == "time_5ms" and found["slow"].dims[0] == "time_10ms"
    part = recording.between(20 * u.ms, 60 * u.ms).to_xarray()
    assert part["slow"].dims[0] == "time_10ms"


def test_xarray_reads_a_file_only_where_it_is_asked(tmp_path: Path) -> None:
    pytest.importorskip("xarray")
    dask = pytest.importorskip("dask.array")
    recording = made(1, store=tmp_path / "run.zarr")
    V = recording.to_xarray()["E.V"]
    assert isinstance(V.data, dask.Array)
    np.testing.assert_array_equal(V[100:105].to_numpy(), recording["E.V"].values[100:105].mantissa)


def test_pynapple(recording: Recording) -> None:
    pytest.importorskip("pynapple")
    found = recording.to_pynapple()
    group = found["some"]
    assert len(group) == 2 * trials_of(recording)
    for key in group.index:
        about = group.metadata.loc[key]
        expected = train(recording, "some", int(about["neuron"]), int(about["trial"]))
        np.testing.assert_allclose(group[key].times(units="ms"), expected)
    assert float(group.time_support.start[0]) == pytest.approx(0.02)
    values = np.asarray(recording["slow"].values.mantissa)
    np.testing.assert_allclose(np.asarray(found["slow"].values), values)
    np.testing.assert_allclose(found["slow"].times(), 0.01 * np.arange(1, 11))


def test_nwb(recording: Recording, tmp_path: Path) -> None:
    pynwb = pytest.importorskip("pynwb")
    path = tmp_path / "run.nwb"
    start = datetime(2026, 1, 2, tzinfo=UTC)
    recording.to_nwb(path, "two populations", session_start_time=start, identifier="run 3")
    faults = pynwb.validate(path=str(path))
    assert not (faults[0] if isinstance(faults, tuple) else faults)
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        file = io.read()
        assert (file.identifier, file.session_description) == ("run 3", "two populations")
        assert json.loads(file.notes)["versions"] == recording.header["versions"]
        units = file.units.to_dataframe()
        assert len(units) == (N + 2) * trials_of(recording)
        for row in units.itertuples():
            expected = train(recording, row.record, row.neuron, row.trial)
            np.testing.assert_allclose(np.asarray(row.spike_times) * 1e3, expected)
        np.testing.assert_allclose(units.obs_intervals.iloc[-1], [[0.02, 0.1]])
        V = file.acquisition["E.V"]
        np.testing.assert_array_equal(V.data[:], np.asarray(recording["E.V"].values.mantissa))
        assert (V.unit, V.rate) == ("mV", pytest.approx(1e4))
        assert V.starting_time == pytest.approx(1e-4)


@pytest.mark.parametrize("how", ["neo", "pandas", "xarray", "pynapple", "nwb"])
def test_what_is_missing_is_named(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, {"nwb": "pynwb"}.get(how, how), None)
    with pytest.raises(ImportError, match=rf'pip install "brainloom-core\[{how}\]"'):
        getattr(made(1), f"to_{how}")()
