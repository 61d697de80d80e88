"""Readers of published recordings, on small files of the very same formats."""

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brainunit as u
import h5py
import numpy as np
import pytest
from brainloom_core import BrainloomError, InputError, ParameterError
from brainloom_training import data

Recordings = list[tuple[np.ndarray, np.ndarray]]


def toy(*recordings: tuple[list[float], list[int]], shape: tuple[int, ...] = (4,)) -> Any:
    """A set of recordings (times in ms, units) without files."""

    class Toy(data.EventSet):
        def _read(self, numbers: Any) -> Any:
            for i in numbers:
                times, units = recordings[i]
                yield data.Events(np.array(times, float) * u.ms, np.array(units, int), i, shape)

    return Toy(range(len(recordings)), shape)


# --- events on a grid


def test_spikes_and_counts_are_a_histogram_of_the_events() -> None:
    random = np.random.default_rng(0)
    recordings = [(random.uniform(0, 50, n), random.integers(0, 12, n)) for n in (300, 0, 40)]
    recorded = toy(*recordings, shape=(3, 4))
    counts = recorded.to_spikes(dt=2.0 * u.ms, duration=0.04 * u.second, count=True)
    assert counts.shape == (3, 20, 12)
    assert counts.dtype == np.uint8
    for found, (times, units) in zip(counts, recordings, strict=True):
        exact, _, _ = np.histogram2d(times, units, (np.arange(0, 41, 2), np.arange(13)))
        exact[-1] -= np.bincount(units[times == 40], minlength=12)  # its last edge is closed
        np.testing.assert_array_equal(found, exact)
    spikes = recorded.to_spikes(dt=2.0 * u.ms, duration=40.0 * u.ms)
    assert spikes.dtype == bool
    np.testing.assert_array_equal(spikes, counts > 0)


def test_neighbouring_units_share_a_channel() -> None:
    line = toy(([0.0] * 3, [0, 349, 699]), shape=(700,))
    spikes = line.to_spikes(1.0 * u.ms, 1.0 * u.ms, n_channels=140)
    np.testing.assert_array_equal(np.flatnonzero(spikes[0, 0]), [0, 349 // 5, 139])
    camera = toy(([0.0, 0.0], [0, 1 * 16 + 2 * 4 + 3]), shape=(2, 4, 4))
    spikes = camera.to_spikes(1.0 * u.ms, 1.0 * u.ms, n_channels=(2, 2, 2))
    np.testing.assert_array_equal(np.argwhere(spikes.reshape(2, 2, 2)), [[0, 0, 0], [1, 1, 1]])


def test_events_after_the_end_are_left_out_and_those_on_the_grid_begin_a_step() -> None:
    recorded = toy(([0.3, 0.7, 0.9], [0, 1, 2]))
    spikes = recorded.to_spikes(0.1 * u.ms, 0.9 * u.ms)
    np.testing.assert_array_equal(np.argwhere(spikes[0]), [[3, 0], [7, 1]])


def test_a_part_of_a_set_is_a_set() -> None:
    recorded = toy(([0.0], [0]), ([1.0], [1]), ([2.0], [2]), ([3.0], [3]))
    assert [events.label for events in recorded] == [0, 1, 2, 3]
    assert recorded[1:].labels.tolist() == [1, 2, 3]
    assert [events.label for events in recorded[1:][np.array([2, 0])]] == [3, 1]
    assert recorded[1:][-1].label == 3
    whole = recorded.to_spikes(1.0 * u.ms, 4.0 * u.ms)
    for x, y in data.batches(recorded, recorded.labels, 3, seed=0, epoch=0):
        np.testing.assert_array_equal(x.labels, y)
        np.testing.assert_array_equal(x.to_spikes(1.0 * u.ms, 4.0 * u.ms), whole[y])
    with pytest.raises(IndexError):
        recorded[4]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"n_channels": 5}, ParameterError, "to_spikes.n_channels: expected from 1 to (4,)"),
        ({"n_channels": 0}, ParameterError, "to_spikes.n_channels"),
        ({"n_channels": (2, 2)}, ParameterError, "to_spikes.n_channels"),
        ({"dt": 1.0}, ParameterError, "to_spikes.dt: expected a time"),
        ({"duration": 0.5 * u.ms}, ParameterError, "expected a whole number of steps of 1 ms"),
        (
            {"count": True},
            InputError,
            "expected at most 255 events of a channel in a step, got 256",
        ),
    ],
)
def test_a_grid_that_does_not_fit_is_refused(
    arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    recorded = toy(([0.0] * 256, [1] * 256))
    with pytest.raises(error) as caught:
        recorded.to_spikes(**{"dt": 1 * u.ms, "duration": 1 * u.ms, **arguments})
    assert text in str(caught.value)


def test_events_before_the_start_are_refused() -> None:
    with pytest.raises(InputError, match="expected times >= 0, got -1 ms"):
        toy(([-1.0], [0])).to_spikes(1.0 * u.ms, 1.0 * u.ms)


@pytest.mark.parametrize(
    ("times", "units", "text"),
    [
        (np.zeros(3) * u.ms, np.zeros(2, int), "one shape (n,), got (3,) and (2,)"),
        (np.zeros(1) * u.ms, np.array([4]), "expected units from 0 to 3, got 4 to 4"),
        (np.zeros(1) * u.ms, np.array([-1]), "expected units from 0 to 3"),
        (np.zeros(1), np.zeros(1, int), "Events.times: expected a time"),
    ],
)
def test_events_that_do_not_match_are_refused(times: Any, units: Any, text: str) -> None:
    with pytest.raises(InputError) as caught:
        data.Events(times, units, label=0, shape=(4,))
    assert text in str(caught.value)


# --- the Heidelberg sets


def write_heidelberg(path: Path, recordings: Recordings, labels: Any) -> None:
    """As published: lists of any length, times in s in half precision."""
    with h5py.File(path, "w") as file:
        lists = {"times": np.float16, "units": np.uint16}
        for place, (name, dtype) in enumerate(lists.items()):
            stored = file.create_dataset(
                f"spikes/{name}", (len(recordings),), h5py.vlen_dtype(np.dtype(dtype))
            )
            for i, recording in enumerate(recordings):
                stored[i] = recording[place].astype(dtype)
        file["labels"] = np.asarray(labels, np.uint16)
        file["extra/speaker"] = np.zeros(len(recordings), np.uint16)


def cochlea(n: int, seed: int = 0) -> Recordings:
    random = np.random.default_rng(seed)
    sizes = random.integers(0, 60, n)
    return [(np.sort(random.uniform(0, 1, k)), random.integers(0, 700, k)) for k in sizes]


def test_shd_gives_back_what_was_written(tmp_path: Path) -> None:
    recordings = cochlea(12)
    write_heidelberg(tmp_path / "shd_test.h5", recordings, np.arange(12) % 20)
    recorded = data.Shd(tmp_path, "test")
    assert len(recorded) == 12
    for i, (events, (times, units)) in enumerate(zip(recorded, recordings, strict=True)):
        assert events.label == i % 20
        np.testing.assert_array_equal(events.units, units)
        np.testing.assert_array_equal(events.times.to_decimal(u.second), times.astype(np.float16))
    np.testing.assert_array_equal(recorded[7].units, recordings[7][1])
    spikes = recorded[:5].to_spikes(10.0 * u.ms, 1.0 * u.second, n_channels=70)
    assert spikes.shape == (5, 100, 70)
    assert 0 < spikes.sum() <= sum(len(units) for _, units in recordings[:5])


def test_shd_holds_out_a_tenth_of_each_class_for_validation(tmp_path: Path) -> None:
    labels = np.repeat(np.arange(20), 20)
    write_heidelberg(tmp_path / "shd_train.h5", cochlea(400), labels)
    train, validation = (data.Shd(tmp_path, split) for split in ("train", "validation"))
    np.testing.assert_array_equal(np.bincount(train.labels), 18)
    np.testing.assert_array_equal(np.bincount(validation.labels), 2)
    together = [events.units for part in (train, validation) for events in part]
    everything = [units for _, units in cochlea(400)]
    key: Callable[[np.ndarray], bytes] = np.ndarray.tobytes
    assert sorted(map(key, together)) == sorted(units.astype(int).tobytes() for units in everything)


def test_ssc_has_a_file_for_each_split(tmp_path: Path) -> None:
    for n, name in enumerate(("train", "valid", "test"), start=3):
        write_heidelberg(tmp_path / f"ssc_{name}.h5", cochlea(n), [34] * n)
    sizes = [len(data.Ssc(tmp_path, split)) for split in ("train", "validation", "test")]
    assert sizes == [3, 4, 5]


@pytest.mark.parametrize(
    ("kind", "name", "page"),
    [
        (data.Shd, "shd_train.h5", "zenkelab.org"),
        (data.Ssc, "ssc_train.h5", "zenkelab.org"),
        (data.NMnist, "Train", "garrickorchard.com"),
        (data.DvsGesture, "trials_to_train.txt", "research.ibm.com"),
    ],
)
def test_a_missing_file_is_named_with_the_page_that_has_it(
    tmp_path: Path, kind: Any, name: str, page: str
) -> None:
    with pytest.raises(FileNotFoundError, match=f"{name}.* is missing. Download it from .*{page}"):
        kind(tmp_path)


def test_folders_without_recordings_are_refused(tmp_path: Path) -> None:
    for digit in range(10):
        (tmp_path / "Train" / str(digit)).mkdir(parents=True)
    with pytest.raises(InputError, match="NMnist: expected recordings, found none"):
        data.NMnist(tmp_path)


@pytest.mark.parametrize("kind", [data.Shd, data.Ssc, data.NMnist, data.DvsGesture])
def test_an_unknown_split_is_refused(tmp_path: Path, kind: Any) -> None:
    with pytest.raises(ParameterError, match="split: expected one of train, validation, test"):
        kind(tmp_path, "valid")


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shd_test.h5"
    write_heidelberg(path, cochlea(12), np.zeros(12))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="Shd: expected an HDF5 file .*, got shd_test.h5"):
        data.Shd(tmp_path, "test")


def test_a_file_without_spikes_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "shd_test.h5", "w") as file:
        file["labels"] = np.zeros(3, int)
    with pytest.raises(InputError, match="spikes/units, got shd_test.h5"):
        data.Shd(tmp_path, "test")


def test_a_recording_without_a_unit_for_each_time_is_refused(tmp_path: Path) -> None:
    write_heidelberg(tmp_path / "shd_test.h5", [(np.zeros(3), np.zeros(2))], [0])
    with pytest.raises(InputError, match="one shape"):
        data.Shd(tmp_path, "test")[0]


def test_a_missing_package_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_heidelberg(tmp_path / "shd_test.h5", cochlea(1), [0])
    for module, use in {
        "h5py": lambda: data.Shd(tmp_path, "test"),
        "sklearn.datasets": data.digits,
    }.items():
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError, match=r'pip install "brainloom-training\[data\]"'):
            use()


# --- N-MNIST


def nmnist_bytes(x: Any, y: Any, p: Any, t: Any) -> bytes:
    """Forty bits an event: x 8, y 8, polarity 1, time 23, the highest first."""
    events = zip(x, y, p, t, strict=True)
    return b"".join((a << 32 | b << 24 | c << 23 | d).to_bytes(5, "big") for a, b, c, d in events)


def write_nmnist(folder: Path, name: str, digit: int, raw: bytes) -> None:
    for other in range(10):
        (folder / name / str(other)).mkdir(parents=True, exist_ok=True)
    place = folder / name / str(digit)
    (place / f"{len(list(place.iterdir())) + 1:05}.bin").write_bytes(raw)


def random_events(n: int, size: int, seed: int) -> tuple[Any, ...]:
    random = np.random.default_rng(seed)
    x, y = random.integers(0, size, (2, n)).tolist()
    return x, y, random.integers(0, 2, n).tolist(), sorted(random.integers(0, 300_000, n).tolist())


def test_nmnist_gives_back_what_was_written(tmp_path: Path) -> None:
    written = {digit: random_events(50, 34, seed=digit) for digit in (7, 2)}
    for digit, columns in written.items():
        write_nmnist(tmp_path, "Test", digit, nmnist_bytes(*columns))
    recorded = data.NMnist(tmp_path, "test")
    assert recorded.labels.tolist() == [2, 7]
    for events in recorded:
        p, y, x = events.coordinates
        columns = (x, y, p, events.times.to_decimal(u.us))
        np.testing.assert_array_equal(columns, written[events.label])


def test_nmnist_knows_all_bits_of_a_time(tmp_path: Path) -> None:
    write_nmnist(tmp_path, "Test", 0, nmnist_bytes([33, 0], [0, 33], [1, 0], [0x7FFFFF, 0x412345]))
    events = data.NMnist(tmp_path, "test")[0]
    np.testing.assert_array_equal(events.times.to_decimal(u.us), [0x7FFFFF, 0x412345])
    np.testing.assert_array_equal(events.coordinates, [[1, 0], [0, 33], [33, 0]])


def test_an_event_of_the_clock_moves_those_after_it(tmp_path: Path) -> None:
    raw = nmnist_bytes([1, 0, 2, 0, 3], [1, 240, 1, 240, 1], [0] * 5, [5, 0, 6, 0, 7])
    write_nmnist(tmp_path, "Test", 0, raw)
    events = data.NMnist(tmp_path, "test")[0]
    np.testing.assert_array_equal(events.times.to_decimal(u.us), [5, 6 + 8192, 7 + 2 * 8192])
    np.testing.assert_array_equal(events.coordinates[2], [1, 2, 3])


def test_nmnist_reads_as_tonic_does(tmp_path: Path) -> None:
    tonic = pytest.importorskip("tonic.io")
    x, y, p, t = random_events(200, 34, seed=5)
    write_nmnist(tmp_path, "Test", 0, nmnist_bytes(x, [*y[:-50], 240, *y[-49:]], p, t))
    theirs = tonic.read_mnist_file(tmp_path / "Test/0/00001.bin", dtype=tonic.events_struct)
    ours = data.NMnist(tmp_path, "test")[0]
    places = dict(zip("pyx", ours.coordinates, strict=True), t=ours.times.to_decimal(u.us))
    for name, values in places.items():
        np.testing.assert_array_equal(values, theirs[name])


def test_nmnist_holds_out_the_same_files_for_validation(tmp_path: Path) -> None:
    for i in range(200):
        write_nmnist(tmp_path, "Train", i % 10, nmnist_bytes([i % 34], [i // 34], [0], [i]))
    train, validation = (data.NMnist(tmp_path, split) for split in ("train", "validation"))
    np.testing.assert_array_equal(np.bincount(train.labels), 18)
    np.testing.assert_array_equal(np.bincount(validation.labels), 2)
    times = [events.times[0].to_decimal(u.us) for part in (train, validation) for events in part]
    assert sorted(map(int, times)) == list(range(200))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (
            nmnist_bytes([1, 2], [1, 2], [0, 1], [1, 2])[:-2],
            "NMnist: 3/00001.bin: expected events of 5 bytes, got 8 bytes",
        ),
        (
            nmnist_bytes([34], [1], [0], [1]),
            "3/00001.bin: expected events at places within (2, 34, 34)",
        ),
    ],
)
def test_a_broken_file_of_nmnist_is_refused(tmp_path: Path, raw: bytes, text: str) -> None:
    write_nmnist(tmp_path, "Test", 3, raw)
    with pytest.raises(InputError) as caught:
        data.NMnist(tmp_path, "test")[0]
    assert text in str(caught.value)


# --- gestures


def packet(columns: Any, kind: int = 1, overflow: int = 0, valid: bool = True) -> bytes:
    """A packet of AEDAT 3.1: its header, then events of data and time."""
    events = list(zip(*columns, strict=True))
    header = struct.pack(
        "<hhiiiiii", kind, 0, 8, 4, overflow, len(events), len(events), len(events)
    )
    return header + b"".join(
        struct.pack("<II", x << 17 | y << 2 | p << 1 | valid, t) for x, y, p, t in events
    )


HEAD = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"


def write_gestures(
    folder: Path, trial: str, packets: bytes, spans: list[tuple[int, int, int]]
) -> None:
    (folder / f"{trial}.aedat").write_bytes(HEAD + packets)
    rows = ["class,startTime_usec,endTime_usec", *(",".join(map(str, span)) for span in spans)]
    (folder / f"{trial}_labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    name = "test" if int(trial[4:6]) >= 24 else "train"
    with (folder / f"trials_to_{name}.txt").open("a", encoding="utf-8") as file:
        file.write(f"{trial}.aedat\n")


def test_gestures_give_back_what_was_written(tmp_path: Path) -> None:
    x, y, p, t = random_events(100, 128, seed=1)
    first, second = zip(*((column[:50], column[50:]) for column in (x, y, p, t)), strict=True)
    noise = ([1], [1], [1], [5])
    packets = packet(first) + packet(noise, kind=0) + packet(noise, valid=False) + packet(second)
    middle = t[50]
    spans = [(11, t[10], middle), (1, middle, t[90])]
    write_gestures(tmp_path, "user24_led", packets, spans)
    recorded = data.DvsGesture(tmp_path, "test")
    assert recorded.labels.tolist() == [10, 0]
    for events, (_, start, end) in zip(recorded, spans, strict=True):
        during = [i for i, time in enumerate(t) if start <= time < end]
        polarity, row, column = events.coordinates
        found = (column, row, polarity, events.times.to_decimal(u.us) + start)
        np.testing.assert_array_equal(found, np.array([x, y, p, t])[:, during])
    assert recorded.to_spikes(10.0 * u.ms, 0.1 * u.second, (2, 32, 32)).shape == (2, 10, 2048)


def test_times_beyond_31_bits_go_on_in_the_header(tmp_path: Path) -> None:
    packets = packet(([3], [4], [1], [7]), overflow=1)
    write_gestures(tmp_path, "user25_led", packets, [(5, 2**31, 2**31 + 10)])
    events = data.DvsGesture(tmp_path, "test")[0]
    np.testing.assert_array_equal(events.times.to_decimal(u.us), [7])


def test_people_for_validation_are_not_in_training(tmp_path: Path) -> None:
    for user in (1, 20, 21, 22, 23, 24):
        packets = packet(([user], [0], [0], [1]))
        write_gestures(tmp_path, f"user{user:02}_lab", packets, [(1, 0, 2)])
    users = {
        split: [int(events.coordinates[2][0]) for events in data.DvsGesture(tmp_path, split)]
        for split in ("train", "validation", "test")
    }
    assert users == {"train": [1, 20], "validation": [21, 22, 23], "test": [24]}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda raw: raw[:-3], "user24_led.aedat: expected whole packets"),
        (lambda raw: raw + b"\x01\x00", "user24_led.aedat: expected whole packets"),
        (lambda raw: raw[1:], "user24_led.aedat: expected an AEDAT 3.1 file"),
        (
            lambda raw: HEAD + packet(([128], [0], [0], [1])),
            "expected events at places within (2, 128, 128)",
        ),
    ],
)
def test_a_broken_file_of_gestures_is_refused(
    tmp_path: Path, change: Callable[[bytes], bytes], text: str
) -> None:
    write_gestures(tmp_path, "user24_led", packet(([1], [2], [1], [3])), [(1, 0, 9)])
    path = tmp_path / "user24_led.aedat"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError) as caught:
        data.DvsGesture(tmp_path, "test")[0]
    assert text in str(caught.value)


def test_gestures_that_tonic_unpacked_are_read_too(tmp_path: Path) -> None:
    tables = {}
    for name, users in {"Train": (1, 22), "Test": (24,)}.items():
        for user in users:
            place = tmp_path / f"ibmGesture{name}" / f"user{user:02}_led"
            place.mkdir(parents=True)
            for label in (0, 10):
                x, y, p, t = random_events(20, 128, seed=100 * user + label)
                tables[user, label] = np.stack([x, y, p, np.array(t) / 1000 // 1], axis=1)
                np.save(place / f"{label}.npy", tables[user, label])
    for split, user in {"train": 1, "validation": 22, "test": 24}.items():
        recorded = data.DvsGesture(tmp_path, split)
        assert recorded.labels.tolist() == [0, 10]
        for events in recorded:
            p, y, x = events.coordinates
            found = (x, y, p, events.times.to_decimal(u.ms))
            np.testing.assert_allclose(found, tables[user, events.label].T)


# --- tonic


class Tonic(list[Any]):
    """What a set of tonic looks like from outside."""

    def __init__(self, size: tuple[int, int, int], items: list[Any], **more: Any) -> None:
        super().__init__(items)
        self.sensor_size = size
        vars(self).update(more)


def structured(**columns: Any) -> np.ndarray:
    dtype = [(name, bool if name == "p" else np.int32) for name in columns]
    return np.array(list(zip(*columns.values(), strict=True)), dtype=dtype)


def test_a_camera_of_tonic_has_polarity_rows_and_columns() -> None:
    events = structured(t=[5, 1000, 2000], x=[3, 0, 1], y=[0, 2, 1], p=[True, False, True])
    recorded = data.from_tonic(Tonic((4, 3, 2), [(events, 6)]))
    assert recorded.shape == (2, 3, 4)
    assert recorded.labels.tolist() == [6]
    found = recorded[0]
    np.testing.assert_array_equal(found.times.to_decimal(u.us), events["t"])
    for values, name in zip(found.coordinates, "pyx", strict=True):
        np.testing.assert_array_equal(values, events[name])
    spikes = recorded.to_spikes(1.0 * u.ms, 3.0 * u.ms).reshape(3, 2, 3, 4)
    np.testing.assert_array_equal(np.argwhere(spikes), [[0, 1, 0, 3], [1, 0, 2, 0], [2, 1, 1, 1]])


def test_a_cochlea_of_tonic_has_channels() -> None:
    events = structured(t=[0, 10], x=[699, 3], p=[True, True])
    recorded = data.from_tonic(Tonic((700, 1, 1), [(events, 0), (events, 1)]))
    assert recorded.shape == (700,)
    np.testing.assert_array_equal(recorded[1].units, [699, 3])


def test_labels_of_tonic_come_without_reading_where_they_can() -> None:
    unread = Tonic((4, 1, 1), [None, None], targets=[3, 1])
    assert data.from_tonic(unread).labels.tolist() == [3, 1]
    events = structured(t=[0], x=[0])
    items = [(events, 13), (events, 11)]
    changed = Tonic((4, 1, 1), items, targets=[3, 1], target_transform=lambda y: y + 10)
    assert data.from_tonic(changed).labels.tolist() == [13, 11]


@pytest.mark.parametrize(
    ("dataset", "text"),
    [
        ([], "expected a sensor_size (width, height, polarities), got None"),
        (Tonic((4, 1, 1), [(structured(t=[0], x=[0]), "yes")]), "labels that are whole numbers"),
        (
            Tonic((4, 1, 1), [(structured(t=[0], x=[4]), 0)]),
            "dataset[0]: expected events at places within (4,)",
        ),
    ],
)
def test_what_is_no_set_of_tonic_is_refused(dataset: Any, text: str) -> None:
    with pytest.raises(InputError) as caught:
        data.from_tonic(dataset)[0]
    assert text in str(caught.value)


def camera(random: np.random.RandomState, n: int = 500) -> data.Events:
    """Events all over a small camera."""
    times = np.sort(random.uniform(0, 100, n)) * u.ms
    return data.Events(times, random.randint(0, 2 * 6 * 8, n), 3, (2, 6, 8))


def test_a_shift_moves_all_events_alike() -> None:
    random = np.random.RandomState(0)
    events, seen = camera(random), set()
    for _ in range(20):
        moved = data.EventShift(place=2)(events, random)
        kept = np.isin(events.times.mantissa, moved.times.mantissa)
        by = [
            {*(new - old[kept]).tolist()}
            for new, old in zip(moved.coordinates, events.coordinates, strict=True)
        ]
        assert [len(shifts) for shifts in by] == [1, 1, 1] and by[0] == {0}
        dy, dx = (shifts.pop() for shifts in by[1:])
        _, y, x = events.coordinates
        inside = (y + dy >= 0) & (y + dy < 6) & (x + dx >= 0) & (x + dx < 8)
        np.testing.assert_array_equal(kept, inside)
        seen.add((dy, dx))
    assert len(seen) > 8
    later = data.EventShift(time=5 * u.ms)(events, random)
    change = later.times.mantissa - events.times.mantissa[-len(later) :]
    np.testing.assert_allclose(change, change[0], atol=1e-9)
    assert 0 < abs(change[0]) <= 5


def test_jitter_moves_each_event_and_keeps_the_order() -> None:
    random = np.random.RandomState(1)
    events = camera(random)
    moved = data.EventJitter(time=2 * u.ms)(events, random)
    assert (np.diff(moved.times.mantissa) >= 0).all()
    assert sorted(moved.units) != sorted(events.units) or len(moved) == len(events)
    assert 0 < abs(np.sort(events.times.mantissa[-50:]) - moved.times.mantissa[-50:]).max() < 15
    spread = data.EventJitter(place=0.5)(events, random)
    assert 0 < len(spread) < len(events)
    np.testing.assert_array_equal(np.unique(spread.coordinates[0]), [0, 1])


def test_what_is_drawn_belongs_to_the_epoch_and_the_recording() -> None:
    class Cameras(data.EventSet):
        def _read(self, numbers: Any) -> Any:
            for i in numbers:
                yield camera(np.random.RandomState(i))

    cameras = Cameras(labels=[3] * 4, shape=(2, 6, 8))
    first, again, other = (
        data.Augmented(cameras, data.EventDrop(0.3), seed=0, epoch=epoch) for epoch in (0, 0, 1)
    )
    assert [len(it) for it in first] == [len(again[k]) for k in range(4)]
    assert [len(it) for it in first] != [len(it) for it in other]
    np.testing.assert_array_equal(first[np.array([2, 1])][0].units, first[2].units)
    spikes = other.to_spikes(dt=10 * u.ms, duration=100 * u.ms)
    assert spikes.shape == (4, 10, 96)
    for wrong in ((3,), (cameras, data.EventDrop)):
        with pytest.raises(BrainloomError, match="Augmented"):
            data.Augmented(*wrong, seed=0, epoch=0)
