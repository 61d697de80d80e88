"""The two sides of synapses: kinds of states, and the edges as each side sees them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import brainstate
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import Declared, full, state
from brainloom_core.kernels import edge_update
from brainloom_core.partition import SplitState, on_all_devices
from brainloom_core.types import Quantity, Shape
from brainloom_projections import Edges

if TYPE_CHECKING:
    from brainloom_projections.connection.split import SplitEdges

__all__ = [
    "EdgeState",
    "Ends",
    "PostState",
    "PostTrace",
    "PreState",
    "PreTrace",
    "edge_state",
    "post_state",
    "post_trace",
    "pre_state",
    "pre_trace",
]


class PreState(brainstate.ShortTermState):
    """One value per presynaptic neuron."""


class PostState(brainstate.ShortTermState):
    """One value per postsynaptic neuron."""


class EdgeState(brainstate.ShortTermState):
    """One value per synapse."""


class PreTrace(PreState):
    """One value per presynaptic neuron, which its spikes raise."""


class PostTrace(PostState):
    """One value per postsynaptic neuron, which its spikes raise."""


def _declaring(kind: type[brainstate.State], what: str) -> Callable[..., Any]:
    def declare(
        doc: str = "",
        *,
        initial: Quantity | Callable[[Declared], Quantity] = 0.0,
        slow: bool = False,
    ) -> Any:
        def value(rule: Declared, shape: Shape) -> Quantity:
            return full(initial(rule) if callable(initial) else initial, rule.size_of(kind))

        return state(value, doc, kind, slow=slow)

    declare.__doc__ = f"""Declare {what}.

    Args:
        doc: One line on what it is.
        initial: Initial value, 0: a constant, or a function of the rule.
        slow: Whether it may change by less in a step than a float32 can tell, as with a time
            constant of seconds: see `brainloom_core.state`.
    """
    return declare


pre_trace = _declaring(PreTrace, "a value per presynaptic neuron to which its spikes add 1")
post_trace = _declaring(PostTrace, "a value per postsynaptic neuron to which its spikes add 1")
pre_state = _declaring(PreState, "a value per presynaptic neuron")
post_state = _declaring(PostState, "a value per postsynaptic neuron")
edge_state = _declaring(EdgeState, "a value per synapse")


class Ends:
    """Edges as each of their two sides sees them: by rows, and, by number, by columns."""

    def __init__(self, edges: Edges) -> None:
        self.n_pre, self.n_post, self.n_edges = edges.n_pre, edges.n_post, len(edges)
        self._here = _views(edges.indptr, edges.pre, edges.post, edges.n_post)
        self._split: SplitEnds | None = None
        self._known: SplitEnds | None = None

    @property
    def pre(self) -> Any:
        """Presynaptic neuron of each edge."""
        return self._here["pre"]["rows"] if self._split is None else self._split.pre.value

    @property
    def post(self) -> Any:
        """Postsynaptic neuron of each edge."""
        return self._here["post"]["rows"] if self._split is None else self._split.post.value

    def changed(
        self, side: str, function: Any, edges: Any, own: Any, other: Any, events: Any
    ) -> Any:
        """What the edges carry after the events of one side; see `edge_update`.

        Args:
            side: `"pre"` or `"post"`, whose events they are.
            function: Of what an edge carries, the values of that side and those of the other.
            edges: What edges carry.
            own: Values of that side.
            other: Values of the other.
            events: Which neurons of that side have an event.
        """
        if self._split is not None:
            return self._split.changed(side, function, edges, own, other, events)
        return edge_update(function, edges, own, other, events, **self._here[side])

    def spread(self, split: "SplitEdges | None") -> None:
        """See edges by the device of their targets from now on; None for all edges.

        Args:
            split: The edges by device.
        """
        if split is not None and (self._known is None or self._known.split is not split):
            self._known = SplitEnds(split)
        self._split = None if split is None else self._known


class SplitEnds:
    """The ends of edges by the device of their targets.

    Args:
        split: The edges by device.
    """

    def __init__(self, split: "SplitEdges") -> None:
        self.split = split
        n_post, width = split.length, split.width
        ends = {k: split.ends(k) for k in split.partition.mine}
        seen = {k: _views(*found, n_post, width) for k, found in ends.items()}
        most = [max(views[side]["max_row"] for views in seen.values()) for side in ("pre", "post")]
        self.max_row = dict(zip(("pre", "post"), split.partition.largest(most), strict=True))

        def spread(side: str, name: str, shift: int = 0) -> SplitState:
            parts = {
                k: np.asarray(views[side][name]) + np.int32(shift * k) for k, views in seen.items()
            }
            (shape,) = {part.shape for part in parts.values()}
            return split.partition.parts(parts.__getitem__, shape, np.int32)

        names = ("rows", "columns", "indptr"), ("rows", "columns", "indptr", "numbers", "indices")
        self.views = {
            side: {name: spread(side, name) for name in of}
            for side, of in zip(("pre", "post"), names, strict=True)
        }
        self.pre, self.post = self.views["pre"]["rows"], spread("post", "rows", n_post)

    def changed(
        self, side: str, function: Any, edges: Any, own: Any, other: Any, events: Any
    ) -> Any:
        """As `Ends.changed`, of edges by device."""
        views = self.views[side]
        names, arrays = tuple(views), [state.value for state in views.values()]
        whole, parts = (on_all_devices, self._by_device)
        mine, others = (whole, parts) if side == "pre" else (parts, whole)
        own, events, other = (
            jax.tree.map(mine, own),
            mine(events),
            jax.tree.map(others, other),
        )

        def local(edges: Any, own: Any, other: Any, events: Any, *arrays: Any) -> Any:
            where = dict(zip(names, arrays, strict=True))
            return edge_update(
                function, edges, own, other, events, **where, max_row=self.max_row[side]
            )

        axes = [0, None, 0, None] if side == "pre" else [0, 0, None, 0]
        mapped = self.split.partition.mapped(local, [*axes, *[0] * len(arrays)], 0)
        return mapped(edges, own, other, events, *arrays)

    def _by_device(self, values: Any) -> Any:
        """Values of the postsynaptic neurons, filled up to a multiple of the devices."""
        missing = self.split.partition.size * self.split.length - values.shape[0]
        return values if missing == 0 else jnp.pad(on_all_devices(values), (0, missing))


def _views(
    indptr: np.ndarray, pre: np.ndarray, post: np.ndarray, n_post: int, width: int | None = None
) -> dict[str, dict[str, Any]]:
    """What `edge_update` takes for events of each side; edges filled up to a width."""
    n = len(post)
    numbers = np.argsort(post, kind="stable").astype(np.int32)
    in_degree = np.bincount(post, minlength=n_post)
    starts = np.concatenate([[0], np.cumsum(in_degree)]).astype(np.int32)

    def filled(values: np.ndarray) -> Any:
        values = np.asarray(values, np.int32)
        return jnp.asarray(values) if width is None else np.pad(values, (0, width - n))

    rows, columns = filled(pre), filled(post)
    keep = jnp.asarray if width is None else np.asarray
    return {
        "pre": {
            "rows": rows,
            "columns": columns,
            "indptr": keep(indptr),
            "max_row": int(np.diff(indptr).max(initial=0)),
        },
        "post": {
            "rows": columns,
            "columns": rows,
            "indptr": keep(starts),
            "numbers": filled(numbers),
            "indices": filled(pre[numbers]),
            "max_row": int(in_degree.max(initial=0)),
        },
    }
