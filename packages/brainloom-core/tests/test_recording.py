"""What was recorded: measures against plain numpy, files, pictures."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brainunit as u
import numpy as np
import pytest
from brainloom_core import InputError, Recording, SpikeEvents
from brainloom_core.run import TraceData

DT = 0.1 * u.ms


def events(raster: np.ndarray, start: int = 0) -> SpikeEvents:
    """Spikes from an array of trials by steps by neurons."""
    trial, step, index = np.nonzero(raster)
    order = np.lexsort((index, trial, step))
    trials, steps, size = raster.shape
    return SpikeEvents(
        step[order] + 1 + start, index[order], trial[order], size, trials, DT, start, start + steps
    )


def random_raster(trials: int, steps: int, size: int, p: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((trials, steps, size)) < p


@pytest.fixture(params=[(1, 400, 7, 0.05, 0), (3, 250, 5, 0.2, 1), (2, 100, 1, 0.5, 2)])
def raster(request: pytest.FixtureRequest) -> np.ndarray:
    return random_raster(*request.param)


@pytest.fixture(params=[0, 130])
def start(request: pytest.FixtureRequest) -> int:
    return int(request.param)


# Measures on random spikes


def test_times_and_lengths(raster: np.ndarray, start: int) -> None:
    spikes = events(raster, start)
    assert len(spikes) == raster.sum()
    assert spikes.duration == raster.shape[1] * DT
    times = np.sort(np.nonzero(raster)[1]) + 1 + start
    np.testing.assert_allclose(spikes.t.to_decimal(u.ms), 0.1 * times)


def test_counts(raster: np.ndarray, start: int) -> None:
    np.testing.assert_array_equal(events(raster, start).counts(), raster.sum(axis=1))


def test_rate(raster: np.ndarray, start: int) -> None:
    rate = events(raster, start).rate()
    assert u.get_unit(rate) == u.Hz
    np.testing.assert_allclose(rate.to_decimal(u.Hz), raster.mean() / 1e-4)


@pytest.mark.parametrize("width", [1, 3, 10, 70])
def test_population_counts(raster: np.ndarray, start: int, width: int) -> None:
    trials, steps, _ = raster.shape
    whole = raster[:, : steps // width * width].sum(axis=2).reshape(trials, -1, width).sum(axis=2)
    counts = events(raster, start).population_counts(width * DT)
    np.testing.assert_array_equal(counts, whole)


def test_synchrony(raster: np.ndarray, start: int) -> None:
    counts = raster.sum(axis=2)
    expected = np.mean(counts.var(axis=1) / counts.mean(axis=1))
    np.testing.assert_allclose(events(raster, start).synchrony(DT), expected)


def test_irregularity(raster: np.ndarray, start: int) -> None:
    trains = raster.transpose(0, 2, 1).reshape(-1, raster.shape[1])
    intervals = [np.diff(np.flatnonzero(train)) for train in trains]
    expected = np.mean([i.std() / i.mean() for i in intervals if len(i) >= 5])
    np.testing.assert_allclose(events(raster, start).isi_cv(min_intervals=5), expected)


@pytest.mark.parametrize(("first", "last"), [(0, 90), (17, 60), (50, 50), (-5, 1000)])
def test_between(raster: np.ndarray, start: int, first: int, last: int) -> None:
    spikes = events(raster, start)
    part = spikes.between((start + first) * DT, (start + last) * DT)
    expected = events(raster[:, max(first, 0) : last], start + max(first, 0))
    for name in ("step", "index", "trial", "size", "trials", "start", "stop"):
        np.testing.assert_array_equal(getattr(part, name), getattr(expected, name))


def test_measures_of_a_window_are_those_of_its_spikes() -> None:
    raster = random_raster(2, 300, 4, 0.1)
    part = events(raster).between(100 * DT, 220 * DT)
    window = raster[:, 100:220]
    np.testing.assert_allclose(part.rate().to_decimal(u.Hz), window.mean() / 1e-4)
    np.testing.assert_array_equal(part.population_counts(DT), window.sum(axis=2))


def test_two_windows_hold_every_spike_once() -> None:
    spikes = events(random_raster(1, 300, 4, 0.3))
    halves = spikes.between(0 * u.ms, 15 * u.ms), spikes.between(15 * u.ms, 30 * u.ms)
    assert sum(map(len, halves)) == len(spikes)


def test_a_window_of_spikes_in_any_order() -> None:
    step, index = np.array([30, 10, 20]), np.array([0, 1, 2])
    part = SpikeEvents(step, index, 0 * index, 3, 1, DT, 0, 40).between(15 * DT, 40 * DT)
    np.testing.assert_array_equal(part.step, [30, 20])
    np.testing.assert_array_equal(part.index, [0, 2])


# Known cases


def test_a_clock_is_regular() -> None:
    raster = np.zeros((1, 1000, 3), bool)
    for neuron, period in enumerate((10, 25, 40)):
        raster[0, ::period, neuron] = True
    spikes = events(raster)
    assert spikes.isi_cv() == 0
    np.testing.assert_allclose(spikes.rate().to_decimal(u.Hz), (100 + 40 + 25) / 3 / 0.1)


def test_independent_random_spikes() -> None:
    """Of n intervals or bins, the relative error is about sqrt(1 / n): here 0.7 and 0.4 %.

    The probability of a spike per step makes both measures a little smaller than 1.
    """
    p, steps, size = 0.01, 100_000, 20
    spikes = events(random_raster(1, steps, size, p))
    np.testing.assert_allclose(spikes.isi_cv(), np.sqrt(1 - p), rtol=0.03)
    np.testing.assert_allclose(spikes.synchrony(DT), 1 - p, rtol=0.02)


def test_spikes_in_common_are_synchronous() -> None:
    raster = np.repeat(random_raster(1, 20_000, 1, 0.01), 8, axis=2)
    np.testing.assert_allclose(events(raster).synchrony(DT), 8 * (1 - 0.01), rtol=0.05)


def test_neurons_with_few_intervals_do_not_count() -> None:
    raster = np.zeros((1, 100, 2), bool)
    raster[0, ::10, 0] = True
    raster[0, [0, 5, 90], 1] = True
    assert events(raster).isi_cv(min_intervals=3) == 0
    assert events(raster).isi_cv(min_intervals=2) > 0.1


def test_silence() -> None:
    spikes = events(np.zeros((2, 100, 3), bool))
    assert len(spikes) == 0
    assert spikes.rate() == 0 * u.Hz
    assert np.isnan(spikes.isi_cv())
    np.testing.assert_array_equal(spikes.counts(), np.zeros((2, 3)))
    np.testing.assert_array_equal(spikes.population_counts(), np.zeros((2, 10)))


def test_the_synchrony_of_silence_is_not_a_number() -> None:
    assert np.isnan(events(np.zeros((1, 100, 3), bool)).synchrony())


def test_bins_longer_than_the_recording() -> None:
    assert events(np.ones((2, 30, 3), bool)).population_counts(5 * u.ms).shape == (2, 0)


# Files


def test_npz(tmp_path: Path) -> None:
    spikes = events(random_raster(2, 100, 4, 0.1))
    spikes.save(tmp_path / "spikes.npz")
    with np.load(tmp_path / "spikes.npz", allow_pickle=False) as file:
        np.testing.assert_allclose(file["time_ms"], spikes.t.to_decimal(u.ms))
        np.testing.assert_array_equal(file["neuron"], spikes.index)
        np.testing.assert_array_equal(file["trial"], spikes.trial)


def test_csv(tmp_path: Path) -> None:
    spikes = events(random_raster(2, 100, 4, 0.1))
    spikes.save(str(tmp_path / "spikes.csv"))
    with (tmp_path / "spikes.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["time_ms", "neuron", "trial"]
    times, neurons, trials = zip(*rows, strict=True)
    np.testing.assert_allclose(np.asarray(times, float), spikes.t.to_decimal(u.ms), atol=1e-9)
    np.testing.assert_array_equal(np.asarray(neurons, int), spikes.index)
    np.testing.assert_array_equal(np.asarray(trials, int), spikes.trial)
    assert max(map(len, times)) <= 5


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_files_without_spikes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"silence{suffix}"
    events(np.zeros((1, 10, 2), bool)).save(path)
    assert path.stat().st_size > 0


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a \.npz or \.csv file, got spikes\.txt"):
        events(random_raster(1, 10, 2, 0.5)).save(tmp_path / "spikes.txt")


# Pictures


@pytest.fixture
def pyplot(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("MPLBACKEND", "agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


def recording(steps: int = 500, trials: int = 1, size: int = 20, **data: Any) -> Recording:
    steps_seen = np.arange(10, steps + 1, 10)
    values = np.random.default_rng(0).normal(size=(len(steps_seen), size))
    data = data or {
        "E.spikes": events(random_raster(trials, steps, size, 0.05)),
        "E.V": TraceData(steps_seen, values * u.mV, DT),
        "E.a": TraceData(steps_seen, values, DT),
    }
    return Recording(data, 0.0 * u.ms, steps * DT, DT)


def test_a_picture_of_spikes_and_traces(pyplot: Any, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    figure = recording().plot(path, title="A network", max_traces=3)
    assert path.read_bytes().startswith(b"\x89PNG")
    raster, rate, potential, plain = figure.axes
    assert raster.get_title() == "A network"
    assert rate.get_ylabel() == "rate (Hz)"
    assert (potential.get_ylabel(), plain.get_ylabel()) == ("E.V (mV)", "E.a")
    assert len(potential.lines) == 3
    assert plain.get_xlabel() == "time (ms)"
    assert plain.get_xlim() == (0.0, 50.0)


def test_the_picture_shows_every_spike(pyplot: Any) -> None:
    spikes = events(random_raster(2, 500, 20, 0.05))
    raster, _ = recording(spikes=spikes).plot().axes
    np.testing.assert_allclose(raster.lines[0].get_xdata(), spikes.t.to_decimal(u.ms))
    np.testing.assert_array_equal(raster.lines[0].get_ydata(), spikes.index + 20 * spikes.trial)
    assert raster.get_ylim() == (-0.5, 39.5)


@pytest.mark.parametrize("width", [1.0, 5.0, 0.25])
def test_the_picture_shows_the_rate(pyplot: Any, width: float) -> None:
    """The mean over the bins is the rate, also where a bin is not a multiple of the step."""
    spikes = events(random_raster(3, 600, 20, 0.05))
    _, rate = recording(steps=600, spikes=spikes).plot(bin=width * u.ms).axes
    values, edges, _ = rate.patches[0].get_data()
    np.testing.assert_allclose(values.mean(), spikes.rate().to_decimal(u.Hz), rtol=0.01)
    np.testing.assert_allclose([edges[0], edges[-1]], [0.0, 60.0], atol=width)


def test_a_picture_of_a_window(pyplot: Any) -> None:
    spikes = events(random_raster(1, 500, 20, 0.05), start=1000)
    window = Recording({"spikes": spikes}, 100.0 * u.ms, 150.0 * u.ms, DT)
    _, rate = window.plot().axes
    assert rate.get_xlim() == (100.0, 150.0)
    assert rate.patches[0].get_data().edges[0] == 100.0


def test_a_picture_of_less_than_a_bin(pyplot: Any) -> None:
    assert len(recording(steps=20).plot().axes) == 4


def test_a_picture_of_silence(pyplot: Any) -> None:
    assert len(recording(spikes=events(np.zeros((1, 500, 3), bool))).plot().axes) == 2


def test_a_picture_of_too_many_spikes_says_how_many_are_drawn(
    pyplot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainloom_core.run.recording.plots.canvas.MAX_POINTS", 100)
    spikes = events(random_raster(1, 500, 20, 0.05))
    raster, _ = recording(E=spikes).plot().axes
    stride = -(-len(spikes) // 100)
    assert raster.get_title(loc="left") == f"E (every {stride}th spike drawn)"
    assert len(raster.lines[0].get_xdata()) <= 100


def test_a_picture_of_a_grid_of_neurons(pyplot: Any) -> None:
    values = np.zeros((5, 2, 3, 4)) * u.mV
    (axes,) = recording(V=TraceData(np.arange(1, 6), values, DT)).plot(max_traces=7).axes
    assert len(axes.lines) == 7


def two_populations(trials: int) -> Recording:
    """E drives I: a neuron of I spikes 2 ms after the one of E with its number."""
    E = random_raster(trials, 2000, 20, 0.01)
    I = np.roll(E, 20, axis=1)[..., :10]
    weights = np.cumsum(np.ones((30, 6)), axis=0) * u.nS
    values = np.zeros((200, trials, 20) if trials > 1 else (200, 20)) * u.mV
    data: Any = {
        "E.spikes": events(E),
        "I.spikes": events(I),
        "E.V": TraceData(np.arange(10, 2001, 10), values, DT),
        "EI.weights": TraceData(np.arange(50, 1501, 50), weights, DT, "weights"),
        "E.counts": TraceData([2000], E.sum(axis=1), DT, "counts"),
    }
    return Recording(data, 0.0 * u.ms, 2000 * DT, DT)


@pytest.mark.parametrize("trials", [1, 3])
def test_pictures_of_two_populations(pyplot: Any, trials: int, tmp_path: Path) -> None:
    made = two_populations(trials)
    spikes = made["E.spikes"]

    whole = made.plot()
    assert len(whole.axes) == 6  # E.counts has no place on the axis of time
    raster, rates, below = made.plot(tmp_path / "raster.png", kind="raster").axes
    assert (tmp_path / "raster.png").stat().st_size > 10_000
    assert [text.get_text() for text in raster.get_yticklabels()] == ["E", "I"]
    np.testing.assert_allclose(rates.lines[0].get_xdata(), spikes.counts().ravel() / 0.2)
    heights = below.patches[0].get_data().values
    np.testing.assert_allclose(heights.mean(), spikes.rate().to_decimal(u.Hz), rtol=1e-6)

    panels = made.plot(kind="traces", max_traces=2, trial=trials - 1).axes
    marks = [segment[0, 0] for segment in panels[1].collections[0].get_segments()]
    mine = (spikes.index == 1) & (spikes.trial == trials - 1)
    np.testing.assert_allclose(marks, spikes.t.to_decimal(u.ms)[mine])

    isi, cv = made.plot(kind="intervals").axes
    n = sum(
        max(len(t) - 1, 0)
        for t in (spikes.step[spikes.index + 20 * spikes.trial == k] for k in range(20 * trials))
    )
    assert isi.patches[0].get_data().values.sum() == n
    assert f"mean {spikes.isi_cv():.2f}" in cv.get_legend().get_texts()[0].get_text()

    (power,) = made.plot(kind="spectrum", resolution=20 * u.Hz).axes
    frequency, density = power.lines[0].get_data()
    flat = float(spikes.rate().to_decimal(u.Hz)) / 20  # of Poisson spikes: 2 rate / (2 N)
    np.testing.assert_allclose(density.mean(), 2 * flat, rtol=0.3)
    assert frequency[-1] == 500.0

    (lagged,) = made.plot(kind="correlation", longest=10 * u.ms).axes
    lag, value = lagged.lines[1].get_data()
    assert lag[np.argmax(value)] == 2.0

    over_time, _ = made.plot(kind="weights").axes
    np.testing.assert_array_equal(over_time.lines[0].get_ydata(), np.arange(1, 31))


def test_pictures_that_cannot_be_drawn_say_what_they_need(pyplot: Any) -> None:
    made = recording(E=TraceData(np.arange(1, 6), np.zeros((5, 2)), DT))
    for kind, text in {
        "raster": "a raster needs spikes: record 'E.spikes'",
        "weights": "weights need a record of them",
        "histogram": r"kind: expected one of \['overview', 'raster'",
    }.items():
        with pytest.raises(InputError, match=text):
            made.plot(kind=kind)


def test_there_is_no_picture_of_nothing(pyplot: Any) -> None:
    with pytest.raises(ValueError, match="nothing was recorded; pass record="):
        Recording({}, 0.0 * u.ms, 1.0 * u.ms, DT).plot()


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "brainloom-core\[plot\]"'):
        recording().plot()


# The mapping


def test_a_recording_is_a_mapping() -> None:
    made = recording()
    assert list(made) == ["E.spikes", "E.V", "E.a"]
    assert len(made) == 3
    assert "E.V" in made
    assert "E.U" not in made
    with pytest.raises(KeyError, match="'E.spike' was not recorded; there are .* is 'E.spikes'"):
        made["E.spike"]
    np.testing.assert_allclose(made["E.V"].t.to_decimal(u.ms)[:2], [1.0, 2.0])


def test_what_has_recorded_nothing_yet_can_be_shown() -> None:
    steps = np.zeros(0, np.int64)
    events = SpikeEvents(steps, steps, steps, 3, 1, DT, 0, 0)
    assert np.isnan(events.rate().to_decimal(u.Hz))
    assert "0 spikes of 3 neurons" in repr(events)
