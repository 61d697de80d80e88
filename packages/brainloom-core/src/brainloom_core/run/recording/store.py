"""A recording on disk: a Zarr group with one group for each record, whose columns grow."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from ...errors import InputError
from ...extras import needs
from ...types import Json, PyTree

if TYPE_CHECKING:
    import zarr

__all__ = ["RecordingStore"]

HEADER = "brainloom"
FORMAT = 1
OWN = ("name", "position", "rows")  # attributes of a record that the store keeps itself
CHUNK_BYTES = 2**20  # of a column; what fills less waits in memory


class RecordingStore:
    """A recording on disk, to which rows are added; nothing that was written is held in memory.

    It is a Zarr group (format 3), which other programs read: the header is its attribute
    `brainloom`, and each record is a group with its columns as arrays, of which all have the same
    number of rows. Rows wait in memory until they fill a chunk of the file, or until `flush`,
    `marks` or `close`. A chunk of a file is replaced as a whole, so that a process that is killed
    leaves what had been written; whatever is beyond the last `marks` is cut off by `truncate`.

    Make one by `create` or `open`.

    Examples:
        >>> import tempfile, numpy as np
        >>> from pathlib import Path
        >>> from brainloom_core.run import RecordingStore
        >>> path = Path(tempfile.mkdtemp()) / "run.zarr"
        >>> store = RecordingStore.create(path, {"seed": 7})
        >>> store.append({"E.spikes": {"step": np.array([3, 8]), "index": np.array([0, 4])}})
        >>> marks = store.marks()
        >>> store.append({"E.spikes": {"step": np.array([9]), "index": np.array([2])}})
        >>> store.truncate(marks)
        >>> store.close()
        >>> read = RecordingStore.open(path)
        >>> read.header["seed"], read.names(), read.column("E.spikes", "step")[:]
        (7, ['E.spikes'], array([3, 8]))
    """

    def __init__(self, path: Path, root: "zarr.Group", writable: bool) -> None:
        self.path, self.root, self.writable = path, root, writable
        self._columns: dict[tuple[str, str], _Column] = {}
        if writable:
            for name, group in self._groups().items():
                for column, array in group.arrays():
                    self._columns[name, column] = _Column(array, int(group.attrs["rows"]))

    @classmethod
    def create(cls, path: str | Path, header: Mapping[str, Json]) -> "RecordingStore":
        """Begin a recording.

        Args:
            path: The folder. There must be nothing of that name.
            header: What is to be known of all of it, as JSON has it.

        Raises:
            InputError: There is something of that name.
            ImportError: zarr is not installed.
            OSError: Nothing can be written there.
        """
        zarr = needs("zarr", "store")
        path = Path(path)
        if path.exists():
            raise InputError(
                f"store: {path} exists. Give another name, or remove it before (a recording is "
                "never written over)"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            root = zarr.create_group(store=str(path), zarr_format=3)
        except OSError as error:
            raise _failed(path, error) from error
        root.attrs[HEADER] = {"format": FORMAT, **header}
        return cls(path, root, writable=True)

    @classmethod
    def open(cls, path: str | Path, writable: bool = False) -> "RecordingStore":
        """Open a recording, in a time that does not depend on its length.

        Args:
            path: The folder or zip file.
            writable: Whether rows are to be added; not to a zip file.

        Raises:
            InputError: It does not exist, or is no recording.
            ImportError: zarr is not installed.
        """
        zarr = needs("zarr", "store")
        path = Path(path)
        if not path.exists():
            raise InputError(f"store: there is no {path}")
        if _is_zip(path) and writable:
            raise InputError(f"store: {path}: rows are added to a folder, not to a zip file")
        try:
            where = zarr.storage.ZipStore(path, mode="r") if _is_zip(path) else str(path)
            root = zarr.open_group(where, mode="r+" if writable else "r", use_consolidated=False)
            found = root.attrs[HEADER]["format"]
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise InputError(f"store: {path} is no recording of brainloom ({error})") from error
        if found != FORMAT:
            raise InputError(
                f"store: {path} has format {found} of recordings, and this version of brainloom "
                f"reads format {FORMAT}"
            )
        return cls(path, root, writable)

    # What stands in it

    @property
    def header(self) -> dict[str, Json]:
        """What is known of all of it."""
        return {k: v for k, v in dict(self.root.attrs[HEADER]).items() if k != "format"}

    def set_header(self, **entries: Json) -> None:
        """Add to the header, or change it.

        Args:
            entries: The entries, as JSON has them.
        """
        self.root.attrs[HEADER] = {**dict(self.root.attrs[HEADER]), **entries}

    def names(self) -> list[str]:
        """Names of the records, in the order in which they were added."""
        groups = self._groups()
        return sorted(groups, key=lambda name: groups[name].attrs["position"])

    def columns(self, name: str) -> list[str]:
        """Names of the columns of a record.

        Args:
            name: Name of the record.
        """
        return sorted(self._group(name).array_keys())

    def attributes(self, name: str) -> dict[str, Json]:
        """What is known of a record.

        Args:
            name: Name of the record.
        """
        known = dict(self._group(name).attrs)
        return {key: value for key, value in known.items() if key not in OWN}

    def column(self, name: str, column: str) -> "zarr.Array":
        """A column, of which Zarr reads what it is asked for.

        Args:
            name: Name of the record.
            column: Name of the column.
        """
        self.flush()
        found: zarr.Array = self._group(name)[column]
        return found

    def rows(self, name: str) -> int:
        """Number of rows of a record that are whole, and on disk.

        Args:
            name: Name of the record.
        """
        self.flush()
        return int(self._group(name).attrs["rows"])

    # Writing

    def describe(self, name: str, **attributes: Json) -> None:
        """Add a record without rows, or say more of one.

        Args:
            name: Name of the record.
            attributes: What is to be known of it, as JSON has it.
        """
        if _key(name) not in self.root:
            made = {"name": name, "position": len(list(self.root.group_keys())), "rows": 0}
            self.root.create_group(_key(name), attributes=made)
        if attributes:
            self._group(name).attrs.update(attributes)

    def append(self, chunk: Mapping[str, Mapping[str, PyTree]]) -> None:
        """Add rows to records; a record or column that is not there yet is made.

        Args:
            chunk: For each record its columns, arrays whose first axis is the rows.

        Raises:
            InputError: Columns of a record differ in length, or are others than before.
            OSError: The disk is full, or cannot be written; what was written before stays.
        """
        for name, columns in chunk.items():
            arrays = {column: np.asarray(values) for column, values in columns.items()}
            lengths = {column: len(values) for column, values in arrays.items()}
            if len(set(lengths.values())) > 1:
                raise InputError(f"store: {name}: columns differ in length: {lengths}")
            try:
                made = [self._column(name, column, values) for column, values in arrays.items()]
                for column, values in zip(made, arrays.values(), strict=True):
                    column.add(values)
                if sum(column.write_chunks() for column in made):
                    self._note(name)
            except OSError as error:
                raise _failed(self.path, error) from error

    def put(self, name: str, columns: Mapping[str, PyTree]) -> None:
        """Write columns of a record whole, in place of what they were.

        Args:
            name: Name of the record.
            columns: The arrays by name.
        """
        self.describe(name)
        for column, values in columns.items():
            self._columns.pop((name, column), None)
            try:
                made = self._group(name).create_array(
                    column, data=np.asarray(values), overwrite=True
                )
            except OSError as error:
                raise _failed(self.path, error) from error
            self._columns[name, column] = _Column(made, made.shape[0])
        self._note(name)

    def flush(self) -> None:
        """Write all rows that wait.

        Raises:
            OSError: The disk is full, or cannot be written; what was written before stays.
        """
        try:
            written = {name for (name, _), column in self._columns.items() if column.flush()}
            for name in written:
                self._note(name)
        except OSError as error:
            raise _failed(self.path, error) from error

    def marks(self) -> dict[str, int]:
        """Number of rows of each column, `"record/column"`, all of which are on disk by then."""
        self.flush()
        return {f"{_key(name)}/{col}": made.rows for (name, col), made in self._columns.items()}

    def truncate(self, marks: Mapping[str, int]) -> None:
        """Cut off what was added after `marks`; a column that they do not know becomes empty.

        Args:
            marks: What `marks` gave.

        Raises:
            InputError: There are fewer rows than that.
        """
        for (name, column), made in self._columns.items():
            wanted = int(marks.get(f"{_key(name)}/{column}", 0))
            if made.rows < wanted:
                raise InputError(
                    f"store: {self.path}: {name}/{column} has {made.rows} rows, and {wanted} are "
                    "expected: some of its files are missing"
                )
            made.cut(wanted)
        for name in {name for name, _ in self._columns}:
            self._note(name)
        known = {f"{_key(name)}/{column}" for name, column in self._columns}
        if missing := [mark for mark, rows in marks.items() if rows and mark not in known]:
            raise InputError(f"store: {self.path} lacks {', '.join(missing)}")

    def close(self) -> None:
        """Write what waits; a zip file is complete after that."""
        self.flush()
        self.root.store.close()

    def __enter__(self) -> "RecordingStore":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _note(self, name: str) -> None:
        """Write down how many rows are whole: an array is made longer before it is filled."""
        rows = min(made.written for (of, _), made in self._columns.items() if of == name)
        self._group(name).attrs["rows"] = rows

    def _groups(self) -> dict[str, Any]:
        return {str(group.attrs["name"]): group for _, group in self.root.groups()}

    def _group(self, name: str) -> Any:
        try:
            return self.root[_key(name)]
        except KeyError:
            known = sorted(self._groups())
            raise InputError(f"store: {self.path} has no {name!r}; it has {known}") from None

    def _column(self, name: str, column: str, values: np.ndarray) -> "_Column":
        found = self._columns.get((name, column))
        if found is None:
            self.describe(name)
            found = _Column(_made(self._group(name), column, values), 0)
            self._columns[name, column] = found
        if (values.dtype, values.shape[1:]) != (found.array.dtype, found.array.shape[1:]):
            raise InputError(
                f"store: {name}/{column}: expected rows of {found.array.dtype} and shape "
                f"{found.array.shape[1:]}, got {values.dtype} and {values.shape[1:]}"
            )
        return found


class _Column:
    """An array that grows: rows wait until they end a chunk."""

    def __init__(self, array: Any, rows: int) -> None:
        self.array, self.written, self.rows = array, rows, rows
        self.waiting: list[np.ndarray] = []

    def add(self, values: np.ndarray) -> None:
        if len(values):
            self.waiting.append(values)
            self.rows += len(values)

    def write_chunks(self) -> bool:
        """Write the chunks that are full, and say whether there were any."""
        chunk = self.array.chunks[0]
        whole = self.rows // chunk * chunk
        return whole > self.written and self._write(whole)

    def flush(self) -> bool:
        return self.rows > self.written and self._write(self.rows)

    def cut(self, rows: int) -> None:
        self.waiting.clear()
        self.array.resize((rows, *self.array.shape[1:]))
        self.rows = self.written = rows

    def _write(self, stop: int) -> bool:
        """Write rows until there are `stop` of them; they wait on if that fails."""
        values = self.waiting[0] if len(self.waiting) == 1 else np.concatenate(self.waiting)
        number = stop - self.written
        self.array.resize((stop, *self.array.shape[1:]))
        self.array[self.written : stop] = values[:number]
        self.written = stop
        self.waiting = [values[number:].copy()] if number < len(values) else []
        return True


def _made(group: Any, column: str, values: np.ndarray) -> Any:
    row = max(1, int(np.prod(values.shape[1:], dtype=np.int64)) * values.itemsize)
    return group.create_array(
        column,
        shape=(0, *values.shape[1:]),
        chunks=(max(1, CHUNK_BYTES // row), *(max(1, n) for n in values.shape[1:])),
        dtype=values.dtype,
    )


def _key(name: str) -> str:
    """The name of a record's group: no part of a path."""
    return quote(name, safe=" ()[],:+-=")


def _is_zip(path: Path) -> bool:
    return path.suffix == ".zip"


def _failed(path: Path, error: OSError) -> OSError:
    return OSError(
        error.errno,
        f"store: {path} could not be written ({error.strerror or error}): is the disk full, or "
        "may it not be written? What was written before is there, and can be opened",
    )
