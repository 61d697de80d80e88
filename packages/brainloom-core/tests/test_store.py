"""Recordings on disk: columns that grow, and what a killed process leaves of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brainloom_core import InputError
from brainloom_core.run import RecordingStore

pytest.importorskip("zarr")


def rows(first: int, number: int) -> dict[str, dict[str, np.ndarray]]:
    step = np.arange(first, first + number)
    return {
        "E.spikes": {"step": step, "index": (step * 7 % 5).astype(np.int32)},
        "a/b.V": {"step": step, "values": np.outer(step, [1.0, 2.0]).astype(np.float32)},
    }


@pytest.fixture(params=[16, 10_000], ids=["full chunks", "part of a chunk"])
def small_chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    where = "brainloom_core.run.recording.store.CHUNK_BYTES"
    monkeypatch.setattr(where, request.param)


def check(store: RecordingStore, number: int) -> None:
    for name, columns in rows(0, number).items():
        assert store.rows(name) == number
        assert store.columns(name) == sorted(columns)
        for column, values in columns.items():
            found: Any = store.column(name, column)[:number]
            np.testing.assert_array_equal(found, values)
            assert found.dtype == values.dtype


def test_rows_are_read_as_they_were_added(tmp_path: Path, small_chunks: None) -> None:
    path = tmp_path / "deep" / "run.zarr"
    with RecordingStore.create(path, {"seed": 3, "dt": [0.1, "ms"]}) as store:
        store.describe("E.spikes", kind="spikes")
        for first, number in ((0, 3), (3, 0), (3, 1), (4, 20), (24, 2)):
            store.append(rows(first, number))
        check(store, 26)
    read = RecordingStore.open(path)
    assert read.names() == ["E.spikes", "a/b.V"]
    assert read.header == {"seed": 3, "dt": [0.1, "ms"]}
    assert read.attributes("E.spikes") == {"kind": "spikes"}
    check(read, 26)


def test_what_follows_marks_is_cut_off(tmp_path: Path, small_chunks: None) -> None:
    path = tmp_path / "run.zarr"
    store = RecordingStore.create(path, {})
    store.append(rows(0, 11))
    marks = store.marks()
    store.append(rows(11, 30))
    store.flush()  # and the process is killed

    again = RecordingStore.open(path, writable=True)
    again.truncate(marks)
    check(again, 11)
    again.append(rows(11, 6))
    again.close()
    check(RecordingStore.open(path), 17)


def test_an_array_that_was_made_longer_and_not_filled_has_the_rows_of_before(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.zarr"
    store = RecordingStore.create(path, {})
    store.append(rows(0, 5))
    store.flush()
    store.root["E.spikes"]["step"].resize((9,))  # where a process may be killed
    assert RecordingStore.open(path).rows("E.spikes") == 5
    again = RecordingStore.open(path, writable=True)
    again.append(rows(5, 2))
    again.close()
    check(RecordingStore.open(path), 7)


def test_missing_rows_are_an_error(tmp_path: Path) -> None:
    store = RecordingStore.create(tmp_path / "run.zarr", {})
    store.append(rows(0, 5))
    with pytest.raises(InputError, match="has 5 rows, and 6 are expected"):
        store.truncate({**store.marks(), "E.spikes/step": 6})
    with pytest.raises(InputError, match="lacks I.spikes/step"):
        store.truncate({**store.marks(), "I.spikes/step": 6})


def test_what_cannot_be_a_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.zarr").mkdir()
    with pytest.raises(InputError, match=r"folder\.zarr exists"):
        RecordingStore.create(tmp_path / "folder.zarr", {})
    with pytest.raises(InputError, match=r"folder\.zarr is no recording"):
        RecordingStore.open(tmp_path / "folder.zarr")
    with pytest.raises(InputError, match=r"there is no .*nothing\.zarr"):
        RecordingStore.open(tmp_path / "nothing.zarr")
    store = RecordingStore.create(tmp_path / "run.zarr", {})
    with pytest.raises(InputError, match="columns differ in length"):
        store.append({"V": {"step": np.zeros(2), "values": np.zeros(3)}})
    store.append({"V": {"values": np.zeros((2, 3))}})
    with pytest.raises(InputError, match=r"V/values: expected rows of float64 and shape \(3,\)"):
        store.append({"V": {"values": np.zeros((2, 4))}})
    with pytest.raises(InputError, match=r"has no 'W'; it has \['V'\]"):
        store.column("W", "values")


def test_a_disk_that_cannot_be_written_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zarr = pytest.importorskip("zarr")
    store = RecordingStore.create(tmp_path / "run.zarr", {})
    store.append(rows(0, 5))
    store.flush()
    store.append(rows(5, 4))

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(zarr.Array, "__setitem__", full)
        with pytest.raises(OSError, match=r"run\.zarr could not be written \(No space left"):
            store.flush()
    check(RecordingStore.open(tmp_path / "run.zarr"), 5)
    store.flush()  # there is room again
    check(RecordingStore.open(tmp_path / "run.zarr"), 9)
