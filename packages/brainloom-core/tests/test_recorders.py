"""Recorders: each against what follows from all spikes and all values of a run."""

import gc
import weakref
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import (
    Counts,
    Custom,
    InputError,
    Network,
    Neuron,
    NonFiniteError,
    Output,
    ParameterError,
    Rate,
    Recording,
    SpikeEvents,
    Spikes,
    Trace,
    Weights,
    initializer,
    param,
    simulate,
    state,
)
from brainloom_core.run.recording import Tape

DT = 0.5 * u.ms
STEPS = 230
N = 7


class Leaky(Neuron):
    """A neuron whose membranes differ."""

    tau = param(10.0 * u.ms)
    V_th = param(20.0 * u.mV)
    V_reset = param(0.0 * u.mV)
    V_initializer = initializer(np.linspace(0.0, 15.0, N) * u.mV)
    V = state("V_initializer")

    def dV(self, V: Any, I: Any) -> Any:
        return (I * u.ohm - V) / self.tau


class Learning(brainstate.nn.Module):
    """Weights that grow in each step, and an output that is no state."""

    role = "projection"

    def __init__(self) -> None:
        super().__init__()
        self.weight = brainstate.LongTermState(jnp.arange(4.0) * u.nS)

    def update(self) -> Any:
        self.weight.value = self.weight.value + 1 * u.nS
        return self.weight.value.to_decimal(u.nS) ** 2


def network() -> Any:
    net = Network()
    net.E = Leaky(N)
    net.P = Learning()
    return net


def run(record: Any, net: Any = None, steps: int = STEPS, **options: Any) -> Recording:
    made = network() if net is None else net
    return simulate(made, steps * DT, dt=DT, inputs={"E": 40 * u.mA}, record=record, **options)


def everything(net: Any) -> dict[str, Any]:
    """Recorders of all kinds, with windows and intervals of all kinds."""
    window = {"start": 13 * DT, "stop": 190 * DT}
    return {
        "E.spikes": "E.spikes",
        "E.V": "E.V",
        "some": Spikes(net.E, index=[5, 1], **window),
        "view": Spikes(net.E[2:5]),
        "rate": "E.rate",
        "binned": Rate(net.E, every=10 * DT, index=slice(0, 3), **window),
        "counts": "E.counts",
        "late": Counts(net.E, start=77 * DT),
        "each": Counts(net.E, every=50 * DT, start=3 * DT),
        "strided": Trace(net.E, "V", every=12 * DT, index=[0, -1], **window),
        "weights": "P.weights",
        "learnt": Weights(net.P, every=60 * DT, index=[1, 3]),
        "output": "P.output",
        "seldom": Output(net.P, every=7 * DT, index=2),
        "mean": Custom(lambda net: net.E.V.value.mean(), reduce="mean", every=20 * DT),
        "most": Custom(lambda net: net.E.V.value, reduce=jnp.maximum, **window),
        "now": Custom(lambda: net.E.V.value[0], every=9 * DT),
    }


def check(recording: Recording, spikes: np.ndarray, V: np.ndarray) -> None:
    """Compare with all spikes and potentials, arrays of steps by neurons."""
    found: dict[str, Any] = dict(recording)
    for name, first, last, columns in (
        ("E.spikes", 0, STEPS, range(N)),
        ("some", 13, 190, [5, 1]),
        ("view", 0, STEPS, [2, 3, 4]),
    ):
        step, index = np.nonzero(spikes[:, columns])
        kept = (step + 1 > first) & (step + 1 <= last)
        events = found[name]
        order = np.lexsort((events.index, events.step))
        np.testing.assert_array_equal(events.step[order], step[kept] + 1)
        np.testing.assert_array_equal(events.index[order], index[kept])
        assert (events.start, events.stop, events.size) == (first, last, len(columns))
    np.testing.assert_array_equal(found["some"].neurons, [5, 1])
    np.testing.assert_array_equal(found["view"].neurons, [2, 3, 4])

    def same(name: str, step: Any, values: Any, unit: Any = u.UNITLESS) -> None:
        np.testing.assert_array_equal(found[name].step, step, err_msg=name)
        assert found[name].unit == unit, name
        got = u.get_mantissa(found[name].values)
        assert np.shape(got) == np.shape(values), name
        np.testing.assert_allclose(got, values, rtol=1e-5, err_msg=name)

    every = np.arange(1, STEPS + 1)
    hertz = 1 / 0.5e-3
    same("E.V", every, V, u.mV)
    same("rate", every, spikes.mean(axis=1) * hertz, u.Hz)
    bins = spikes[13:183, :3].reshape(17, 30).mean(axis=1) * hertz
    same("binned", 13 + 10 * np.arange(1, 18), bins, u.Hz)
    same("counts", [STEPS], [spikes.sum(axis=0)])
    same("late", [STEPS], [spikes[77:].sum(axis=0)])
    same("each", [53, 103, 153, 203], spikes[3:203].reshape(4, 50, N).sum(axis=1))
    at = np.arange(25, 191, 12)
    same("strided", at, V[at - 1][:, [0, -1]], u.mV)
    weights = np.arange(4.0) + every[:, None]
    same("weights", [STEPS], weights[-1:], u.nS)
    same("learnt", [60, 120, 180], weights[[59, 119, 179]][:, [1, 3]], u.nS)
    same("output", every, weights**2)
    same("seldom", every[6::7], weights[6::7, 2] ** 2)
    same("mean", every[19:220:20], V[:220].reshape(11, 20 * N).mean(axis=1), u.mV)
    same("most", [190], [V[13:190].max(axis=0)], u.mV)
    same("now", every[8::9], V[8::9, 0], u.mV)


@pytest.fixture(scope="module")
def known() -> tuple[np.ndarray, np.ndarray]:
    """All spikes and potentials, of a loop of its own."""
    net = network()
    brainstate.nn.init_all_states(net)

    def step(_: Any) -> Any:
        net.E(40 * u.mA)
        return net.E.get_spike() != 0, net.E.V.value.to_decimal(u.mV)

    with brainstate.environ.context(dt=DT):
        spikes, V = brainstate.transform.for_loop(step, jnp.arange(STEPS))
    assert np.asarray(spikes).sum() > 50
    return np.asarray(spikes), np.asarray(V)


@pytest.mark.parametrize(
    ("longest", "stored"), [(1, False), (20, True), (1000, False)], ids=["1", "20, on disk", "all"]
)
def test_every_recorder_gives_what_follows_from_all_steps(
    longest: int, stored: bool, known: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainloom_core.run.loop.CHUNK_STEPS", longest)
    monkeypatch.setattr("brainloom_core.run.recording.store.CHUNK_BYTES", 1000)
    net = network()
    store = tmp_path / "run.zarr" if stored else None
    recording = run(everything(net), net, store=store)
    check(recording, *known)
    recording.save(tmp_path / "copy.zarr.zip")
    copy = Recording.load(tmp_path / "copy.zarr.zip")
    check(copy, *known)
    assert recording.hash() == copy.hash() == copy.header["hash"]
    assert recording.hash("E.spikes") == run("E.spikes").hash("E.spikes")


def test_a_few_recorders_alone_and_a_run_that_goes_on(known: Any) -> None:
    """Windows are of the time of the network, not of the piece that runs."""
    net = network()
    first = run({"late": Counts(net.E, start=20 * DT), "V": "E.V"}, net, steps=100)
    np.testing.assert_array_equal(first["late"].values, [known[0][20:100].sum(axis=0)])
    second = run({"late": Counts(net.E, start=20 * DT, stop=140 * DT)}, net, steps=130)
    np.testing.assert_array_equal(second["late"].values, [known[0][100:140].sum(axis=0)])
    with pytest.raises(InputError, match=r"Spikes: nothing is recorded from .* to 10.* ms: "):
        run(Spikes(net.E, stop=10 * u.ms), net, steps=10)


def test_recorders_are_read_in_batches() -> None:
    net = network()
    brainstate.nn.init_all_states(net, batch_size=3)
    recording = run(["E.spikes", "E.rate", "E.counts"], net, steps=60)
    spikes = recording["E.spikes"]
    assert recording["E.rate"].values.shape == (60, 3)
    np.testing.assert_array_equal(recording["E.counts"].values, [spikes.counts()])
    alone = run("E.spikes", steps=60)["E.spikes"]
    assert spikes.select(trial=1).hash() == alone.hash()
    rate = recording["E.rate"].values.to_decimal(u.Hz).mean(axis=0)
    np.testing.assert_allclose(rate, alone.rate().to_decimal(u.Hz))


def test_until_a_state_is_wrong_all_recorders_are_right(known: Any) -> None:
    net = network()
    inputs = {"E": np.where(np.arange(STEPS) < 131, 40.0, np.nan) * u.mA}
    record = {"late": "E.counts", "rate": Rate(net.E, every=5 * DT), "V": "E.V"}
    with pytest.raises(NonFiniteError) as caught:
        simulate(net, STEPS * DT, dt=DT, inputs=inputs, record=record)
    recording: Any = caught.value.recording
    spikes = known[0][:131]
    np.testing.assert_array_equal(recording["late"].step, [131])
    np.testing.assert_array_equal(recording["late"].values, [spikes.sum(axis=0)])
    assert recording["rate"].step[-1] == 130
    assert recording["V"].step[-1] == 131


def test_the_header_says_what_ran(tmp_path: Path) -> None:
    made = run("E.spikes", store=tmp_path / "run.zarr", steps=20)
    header = Recording.load(tmp_path / "run.zarr").header
    assert header == made.header
    assert {"brainloom-core", "jax", "brainstate", "brainunit"} <= set(header["versions"])
    assert header["dt"] == {"value": 0.5, "unit": "ms"}
    assert (header["first"], header["stop"]) == (0, 20)
    assert header["device"]["platform"] == "cpu"
    assert header["hash"] == made.hash()


def test_a_run_that_was_killed_in_its_first_chunk_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: Any) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr("brainloom_core.run.recording.tape.Tape.take", killed)
        with pytest.raises(OSError):
            run(["E.spikes", "E.V"], store=tmp_path / "run.zarr", steps=10)
    found = Recording.load(tmp_path / "run.zarr")
    assert sorted(found) == ["E.V", "E.spikes"] and len(found["E.spikes"]) == 0
    assert found.header["is_whole"] is False


def test_a_store_is_never_written_over(tmp_path: Path) -> None:
    run("E.V", store=tmp_path / "run.zarr", steps=10)
    with pytest.raises(InputError, match=r"run\.zarr exists"):
        run("E.V", store=tmp_path / "run.zarr", steps=10)


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (lambda net: Custom(3), "Custom: expected a function, got 3"),
        (lambda net: Custom(abs, reduce="median"), "Custom.reduce: expected one of last, sum"),
        (lambda net: Rate(net.P), "Rate: expected a spiking population"),
        (lambda net: Weights(net.E), "Weights: expected a projection or a connection with weights"),
        (lambda net: Counts(net.E, index=[7]), "Counts.index: Leaky: expected neurons from 0 to 6"),
        (lambda net: Spikes(net.E, start=0.2 * u.ms), "Spikes.start: expected a multiple of dt"),
        (lambda net: Rate(net.E, every=0.2 * u.ms), "Rate.every: expected a multiple of dt"),
        (lambda net: Spikes(net.E, start=3 * DT, stop=3 * DT), "Spikes: nothing is recorded from"),
    ],
)
def test_what_cannot_be_recorded(record: Any, text: str) -> None:
    net = network()
    with pytest.raises(InputError, match=text):
        run([record(net)], net, steps=10)


def test_an_output_is_of_a_module() -> None:
    with pytest.raises(ParameterError, match=r"Output.module: expected a module .*, got 3"):
        Output(3)


def test_what_another_network_holds_is_not_recorded() -> None:
    net, old = network(), network()
    kinds = [Spikes, Rate, Counts, lambda p: Trace(p, "V"), Output, lambda p: Spikes(p[:2])]
    for record in [*(kind(old.E) for kind in kinds), Weights(old.P)]:
        with pytest.raises(InputError, match="record: 's' is of a .* does not hold"):
            simulate(net, DT, dt=DT, record={"s": record})
    with pytest.raises(InputError, match=r"an earlier network. Write .* such as 'E.V'"):
        simulate(net, DT, dt=DT, record=Trace(old.E, "V"))


def test_a_function_that_has_changed_is_compiled_anew() -> None:
    net, factor = network(), np.ones(1)
    record = {"scaled": Custom(lambda net: net.P.weight.value[0] * factor[0])}
    before = run(record, net, steps=5)["scaled"].values
    factor[0] = 10.0
    after = run(record, net, steps=5)["scaled"].values
    np.testing.assert_allclose(before.to_decimal(u.nS), np.arange(1, 6))
    np.testing.assert_allclose(after.to_decimal(u.nS), 10 * np.arange(6, 11))


def test_recording_does_not_keep_a_network_alive() -> None:
    net: Any = network()
    record = [
        Rate(net.E),
        Weights(net.P),
        Output(net.P),
        Custom(lambda net: net.E.V.value.mean(), every=DT),
    ]
    run(record, net, steps=10)
    gone = weakref.ref(net)
    del net, record
    gc.collect()
    assert gone() is None


def test_a_window_of_a_file_is_read_alone(tmp_path: Path) -> None:
    spikes = run("E.spikes", store=tmp_path / "run.zarr")["E.spikes"]
    part = spikes.between(50 * DT, 90 * DT)
    whole = run("E.spikes")["E.spikes"].between(50 * DT, 90 * DT)
    assert isinstance(spikes, SpikeEvents)
    assert 0 < len(part) < len(spikes)
    assert part.hash() == whole.hash()
    assert spikes.columns["step"]._read is None  # nothing of it was kept


def test_what_a_killed_run_has_written_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainloom_core.run.loop.CHUNK_STEPS", 10)
    monkeypatch.setattr("brainloom_core.run.recording.store.CHUNK_BYTES", 200)
    tapes: list[Any] = []
    mark = Tape.mark

    def killed(tape: Any) -> Any:
        tapes.append(tape)
        if tape.stop == 130:
            mark(tape)
        if tape.stop == 170:  # where some records have been written further than others
            raise KeyboardInterrupt

    monkeypatch.setattr("brainloom_core.run.recording.tape.MARK_SECONDS", -1)
    monkeypatch.setattr(Tape, "mark", killed)
    with pytest.raises(KeyboardInterrupt):
        run(["E.spikes", "E.V", "E.counts"], store=tmp_path / "run.zarr")
    found = Recording.load(tmp_path / "run.zarr")
    whole = run(["E.spikes", "E.V"], steps=130)
    assert found.header["is_whole"] is False
    assert found.hash("E.spikes") == whole.hash("E.spikes")
    assert found["E.spikes"].stop == 130
    assert found["E.spikes"].rate() == whole["E.spikes"].rate()
    np.testing.assert_array_equal(found["E.V"].step, whole["E.V"].step)
    np.testing.assert_array_equal(found["E.counts"].values, whole["E.spikes"].counts())
    store: Any = tapes[0].store
    assert store.rows("E.V") > 130


@pytest.mark.slow
def test_ten_million_steps_take_no_more_memory_than_one(tmp_path: Path) -> None:
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("this machine does not tell the memory of a process")

    def megabytes() -> float:
        gc.collect()
        return int(statm.read_text().split()[1]) * 4096 / 2**20

    net = network()

    def go(steps: int, **options: Any) -> Recording:
        brainstate.nn.init_all_states(net)
        record = {"E.spikes": "E.spikes", "rate": Rate(net.E, every=100 * DT), "V": "E.V"}
        return run(record, net, steps, start=0 * u.ms, **options)

    go(10**6, store=tmp_path / "short.zarr")
    before = megabytes()
    streamed = go(10**7, store=tmp_path / "long.zarr")
    assert megabytes() - before < 40
    assert streamed["V"].shape == (10**7, N)
    kept = go(10**7)
    assert streamed.hash() == kept.hash()
    for name in ("rate", "V"):
        for start in (0, 10**7 - 5000):
            window = start * DT, (start + 5000) * DT
            ours, theirs = streamed[name].between(*window), kept[name].between(*window)
            np.testing.assert_array_equal(ours.values.mantissa, theirs.values.mantissa)
