"""`Edges`: who is connected to whom, as a value."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np
from brainloom_core import ParameterError
from brainloom_core.types import ArrayLike, Quantity
from brainloom_core.units import show, with_unit

from .plotting import plot_edges
from .storage import read, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Edges", "as_coo", "in_words", "real_numbers", "sorted_pairs", "whole"]


class Edges:
    """A directed graph from presynaptic to postsynaptic neurons, sorted by presynaptic neuron.

    Neuron i has the edges `indptr[i]` to `indptr[i + 1] - 1`. Two edges may join the same pair
    (a multapse), and a neuron may be joined to itself (an autapse). Rules make edges; two of
    them are equal if they join the same neurons in the same order.

    Args:
        n_pre: Number of presynaptic neurons.
        n_post: Number of postsynaptic neurons.
        indptr: Where the edges of each presynaptic neuron start, int32, shape `(n_pre + 1,)`.
        indices: Postsynaptic neuron of each edge, int32.
        distance: Length of each edge, with or without unit, or None, the default, where neurons
            have no positions.
        origin: What made them, for example `"Bernoulli(p=0.02)"`; empty by default.

    Attributes:
        n_pre: Number of presynaptic neurons.
        n_post: Number of postsynaptic neurons.
        indptr: Where the edges of each presynaptic neuron start.
        indices: Postsynaptic neuron of each edge.
        distance: Length of each edge, or None.
        origin: What made them.

    Raises:
        ParameterError: The arrays contradict the sizes or each other.

    References:
        Duff, Erisman & Reid (2017), Direct Methods for Sparse Matrices, chapter 2 (compressed
        rows), doi:10.1093/acprof:oso/9780198508380.001.0001.

    Examples:
        >>> from brainloom_projections import Edges
        >>> edges = Edges.from_pairs(pre=[2, 0, 2], post=[1, 3, 0], n_pre=3, n_post=4)
        >>> print(edges.pre, edges.post, edges.in_degree)
        [0 2 2] [3 0 1] [1 1 0 1]
    """

    def __init__(
        self,
        n_pre: int,
        n_post: int,
        indptr: ArrayLike,
        indices: ArrayLike,
        distance: Quantity | None = None,
        origin: str = "",
    ) -> None:
        self.n_pre, self.n_post = whole("Edges.n_pre", n_pre), whole("Edges.n_post", n_post)
        self.indptr = _whole_numbers("Edges.indptr", indptr)
        self.indices = _whole_numbers("Edges.indices", indices)
        if not isinstance(origin, str):
            raise ParameterError(f"Edges.origin: expected a text, got {show(origin)}")
        self.distance, self.origin = distance, origin
        right = self.indptr.shape == (self.n_pre + 1,) and self.indptr[0] == 0
        if not right or np.any(np.diff(self.indptr) < 0):
            raise ParameterError(f"Edges.indptr: expected {self.n_pre + 1} rising numbers from 0")
        within = self.indices.ndim == 1 and len(self.indices) == self.indptr[-1]
        if not within or not _all_within(self.indices, self.n_post):
            raise ParameterError(
                f"Edges.indices: expected {self.indptr[-1]} numbers from 0 to {self.n_post - 1}"
            )
        lengths = None if distance is None else real_numbers(distance)
        if distance is not None and (lengths is None or lengths.shape != self.indices.shape):
            raise ParameterError(
                f"Edges.distance: expected one for each of the {len(self)} edges, got "
                f"{show(distance)}"
            )
        self.indptr = _as_int32("indptr", self.indptr)
        self.indices = _as_int32("indices", self.indices)
        self._whole = True

    def __setattr__(self, name: str, value: Any) -> None:
        if "_whole" in vars(self):
            raise ParameterError(
                f"Edges.{name}: edges do not change, since connections have been made of them; "
                "make new ones"
            )
        super().__setattr__(name, value)

    @classmethod
    def from_pairs(
        cls, pre: ArrayLike, post: ArrayLike, n_pre: int, n_post: int, origin: str = ""
    ) -> "Edges":
        """Edges from two equally long lists of neuron indices, in any order.

        Weights that are listed in the same order go to `Connection.from_pairs`.

        Args:
            pre: Presynaptic neuron of each edge.
            post: Postsynaptic neuron of each edge.
            n_pre: Number of presynaptic neurons.
            n_post: Number of postsynaptic neurons.
            origin: Where they come from, in words.

        Examples:
            >>> from brainloom_projections import Edges
            >>> print(Edges.from_pairs([2, 0], [1, 0], 3, 2).to_dense())
            [[1 0]
             [0 0]
             [0 1]]
        """
        pre, post = _checked_pairs(pre, post, n_pre, n_post)
        place = np.sort(pre * n_post + post)
        pre, post = np.divmod(place, n_post) if n_post else (pre, post)
        return cls(n_pre, n_post, _starts(np.bincount(pre, minlength=n_pre)), post, origin=origin)

    @classmethod
    def from_scipy(cls, matrix: Any) -> "Edges":
        """Edges where a sparse matrix of scipy, of any format, has an entry.

        Rows are presynaptic neurons, columns postsynaptic ones; give the transpose of a matrix
        that has it the other way. `Connection.from_scipy` takes the entries as weights.

        Args:
            matrix: The matrix, anything that has a method `tocoo`.
        """
        coo = as_coo(matrix)
        n_pre, n_post = coo.shape
        return cls.from_pairs(coo.row, coo.col, n_pre, n_post, origin="from_scipy")

    @classmethod
    def load(cls, path: str | Path) -> "Edges":
        """Read what `Edges.save` or `Connection.save` wrote.

        Args:
            path: The file.

        Raises:
            ParameterError: The file is of another kind or a newer version.
        """
        arguments, _, _ = read(path)
        return cls(**arguments)

    def save(self, path: str | Path) -> None:
        """Write to a file of numpy's npz format, without pickle.

        Args:
            path: The file; `Edges.load` reads it.
        """
        write(path, self, {}, {})

    def __len__(self) -> int:
        return len(self.indices)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Edges):
            return NotImplemented
        return (
            (self.n_pre, self.n_post, len(self)) == (other.n_pre, other.n_post, len(other))
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.indices, other.indices)
        )

    def __hash__(self) -> int:
        return hash((self.n_pre, self.n_post, len(self)))

    def __repr__(self) -> str:
        origin = f", {self.origin}" if self.origin else ""
        return f"Edges({self.n_pre} -> {self.n_post}, {len(self)} edges{origin})"

    @property
    def pre(self) -> np.ndarray:
        """Presynaptic neuron of each edge."""
        return np.repeat(np.arange(self.n_pre, dtype=np.int32), np.diff(self.indptr))

    @property
    def post(self) -> np.ndarray:
        """Postsynaptic neuron of each edge."""
        return self.indices

    @property
    def out_degree(self) -> np.ndarray:
        """Number of edges that leave each presynaptic neuron."""
        return np.diff(self.indptr)

    @property
    def in_degree(self) -> np.ndarray:
        """Number of edges that reach each postsynaptic neuron."""
        return np.bincount(self.indices, minlength=self.n_post)

    @property
    def n_autapses(self) -> int:
        """Number of edges from neuron i to neuron i."""
        return int(np.count_nonzero(self.pre == self.post))

    @property
    def n_multapses(self) -> int:
        """Number of edges that join a pair which an edge before them joins already."""
        place = np.sort(self.pre.astype(np.int64) * self.n_post + self.post)
        return int(np.count_nonzero(place[1:] == place[:-1]))

    @functools.cached_property
    def is_one_to_one(self) -> bool:
        """Whether the edges are from neuron i to neuron i, each once."""
        n = self.n_pre
        if not n == self.n_post == len(self):
            return False
        return np.array_equal(self.indices, np.arange(n)) and bool(np.all(self.out_degree == 1))

    @functools.cached_property
    def is_all_to_all(self) -> bool:
        """Whether there is one edge from each neuron to each neuron."""
        if len(self) != self.n_pre * self.n_post or np.any(self.out_degree != self.n_post):
            return False
        return bool(np.all(self.indices.reshape(self.n_pre, -1) == np.arange(self.n_post)))

    def summary(self) -> str:
        """Sizes, degrees, autapses (between populations of one size) and multapses, in words.

        Examples:
            >>> from brainloom_projections import AllToAll
            >>> print(AllToAll().edges(2, 3).summary())
            2 -> 3 neurons, 6 edges, made by AllToAll(allow_autapses=True)
            out-degree: mean 3, s.d. 0, from 3 to 3
            in-degree: mean 2, s.d. 0, from 2 to 2
            autapses: -, multapses: 0
        """
        origin = f", made by {self.origin}" if self.origin else ""
        lines = [f"{self.n_pre} -> {self.n_post} neurons, {len(self)} edges{origin}"]
        for name, degree in (("out-degree", self.out_degree), ("in-degree", self.in_degree)):
            lines.append(f"{name}: {in_words(degree)}")
        if self.distance is not None:
            unit = u.get_unit(self.distance)
            text = in_words(np.asarray(u.get_mantissa(self.distance)))
            lines.append(f"distance: {text}" + ("" if unit == u.UNITLESS else f" {unit}"))
        same = self.n_autapses if self.n_pre == self.n_post else "-"
        return "\n".join([*lines, f"autapses: {same}, multapses: {self.n_multapses}"])

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Draw the matrix of connections and the histograms of degrees.

        Args:
            path: File to write, if any; its suffix chooses the format.

        Raises:
            ImportError: matplotlib is not installed.
        """
        return plot_edges(self, path)

    def to_scipy(self, data: ArrayLike | None = None) -> Any:
        """A `scipy.sparse.csr_array` of shape `(n_pre, n_post)`.

        Args:
            data: Entry of each edge; by default 1.

        Raises:
            ImportError: scipy is not installed.
        """
        try:
            from scipy import sparse
        except ImportError as error:
            raise ImportError(
                "to_scipy makes a matrix of scipy. Install it with: pip install scipy"
            ) from error
        data = np.ones(len(self), np.int32) if data is None else self._per_edge("to_scipy", data)
        return sparse.csr_array((data, self.indices, self.indptr), (self.n_pre, self.n_post))

    def to_dense(self, data: Quantity | None = None) -> Quantity:
        """An array of shape `(n_pre, n_post)`: the number of edges, or the sum of their data.

        Args:
            data: One value per edge, with or without a unit; None, the default, for 1 each.
        """
        number = np.ones(len(self), np.int32) if data is None else self._per_edge("to_dense", data)
        dense = np.zeros((self.n_pre, self.n_post), number.dtype)
        np.add.at(dense, (self.pre, self.post), number)
        return with_unit(dense, u.get_unit(data))

    def _per_edge(self, method: str, data: ArrayLike) -> np.ndarray:
        number = real_numbers(data)
        if number is None or number.shape not in ((), (len(self),)):
            raise ParameterError(
                f"Edges.{method}: data: expected one number for each of the {len(self)} edges, "
                f"got {show(data)}"
            )
        return np.broadcast_to(number, len(self))


def from_rows(
    n_pre: int, n_post: int, lengths: np.ndarray, indices: np.ndarray, **extra: Any
) -> Edges:
    """Edges from the number of edges of each presynaptic neuron."""
    return Edges(n_pre, n_post, _starts(lengths), indices, **extra)


def sorted_pairs(
    pre: ArrayLike, post: ArrayLike, n_pre: int, n_post: int
) -> tuple[Edges, np.ndarray]:
    """Edges from pairs, and where in the lists each one stood."""
    pre, post = _checked_pairs(pre, post, n_pre, n_post)
    order = np.argsort(pre * n_post + post, kind="stable")
    indptr = _starts(np.bincount(pre, minlength=n_pre))
    return Edges(n_pre, n_post, indptr, post[order], origin="from_pairs"), order


def as_coo(matrix: Any) -> Any:
    """A sparse matrix as coordinates."""
    if not callable(getattr(matrix, "tocoo", None)) or len(matrix.shape) != 2:
        raise ParameterError(
            f"from_scipy: expected a two-dimensional sparse matrix of scipy, got {show(matrix)}"
        )
    return matrix.tocoo()


def in_words(values: np.ndarray) -> str:
    """Mean, spread and range."""
    if values.size == 0:
        return "none"
    mean, spread = values.mean(), values.std()
    return f"mean {mean:.4g}, s.d. {spread:.3g}, from {values.min():.4g} to {values.max():.4g}"


def _checked_pairs(
    pre: ArrayLike, post: ArrayLike, n_pre: int, n_post: int
) -> tuple[np.ndarray, np.ndarray]:
    n_pre, n_post = whole("Edges.n_pre", n_pre), whole("Edges.n_post", n_post)
    pre, post = _whole_numbers("Edges.pre", pre), _whole_numbers("Edges.post", post)
    for name, indices, size in (("pre", pre, n_pre), ("post", post, n_post)):
        if indices.ndim != 1 or not _all_within(indices, size):
            raise ParameterError(
                f"Edges.{name}: expected a list of whole numbers from 0 to {size - 1}, got "
                f"{show(indices)}"
            )
    if pre.shape != post.shape:
        raise ParameterError(f"Edges: expected as many pre as post, got {len(pre)} and {len(post)}")
    return pre.astype(np.int64), post.astype(np.int64)


def _all_within(indices: np.ndarray, size: int) -> bool:
    return indices.size == 0 or bool(indices.min() >= 0 and indices.max() < size)


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _as_int32(name: str, numbers: np.ndarray) -> np.ndarray:
    if numbers.size and numbers.max() > np.iinfo(np.int32).max:
        raise ParameterError(
            f"Edges.{name}: expected at most {np.iinfo(np.int32).max} edges, got {numbers.max()}; "
            "give them to several connections"
        )
    numbers = numbers.astype(np.int32)
    numbers.flags.writeable = False
    return numbers


def whole(name: str, number: Any, most: int = 2**31 - 1) -> int:
    """A count; anything else is refused."""
    right = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
    if not right or number < 0:
        raise ParameterError(f"{name}: expected a whole number >= 0, got {show(number)}")
    if number > most:
        raise ParameterError(f"{name}: expected a whole number up to {most}, got {number}")
    return int(number)


def real_numbers(value: object) -> np.ndarray | None:
    """The numbers without their unit; None for what is none, such as text and truth values."""
    try:
        number = np.asarray(u.get_mantissa(value))
    except (TypeError, ValueError):
        return None
    return number if number.dtype.kind in "iuf" else None


def _whole_numbers(name: str, values: ArrayLike) -> np.ndarray:
    numbers = None if isinstance(values, u.Quantity) else real_numbers(values)
    if numbers is None or (numbers.size and numbers.dtype.kind == "f"):
        raise ParameterError(f"{name}: expected a list of whole numbers, got {show(values)}")
    return numbers if numbers.size else numbers.astype(np.int64)
