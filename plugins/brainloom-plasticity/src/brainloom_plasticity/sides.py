"""The two sides of synapses: kinds of states, and the edges as each side sees them."""

from collections.abc import Callable
from typing import Any

import brainstate
import jax.numpy as jnp
import numpy as np
from brainloom_core import Declared, full, state
from brainloom_core.types import Arguments, Quantity, Shape
from brainloom_projections import Edges

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
        self.pre, self.post = jnp.asarray(edges.pre), jnp.asarray(edges.post)
        starts = np.concatenate([[0], np.cumsum(edges.in_degree)]).astype(np.int32)
        numbers = np.argsort(edges.post, kind="stable").astype(np.int32)
        self._seen_from = {
            "pre": {
                "rows": self.pre,
                "columns": self.post,
                "indptr": jnp.asarray(edges.indptr),
                "max_row": int(edges.out_degree.max(initial=0)),
            },
            "post": {
                "rows": self.post,
                "columns": self.pre,
                "indptr": jnp.asarray(starts),
                "numbers": jnp.asarray(numbers),
                "indices": jnp.asarray(edges.pre[numbers]),
                "max_row": int(edges.in_degree.max(initial=0)),
            },
        }

    def seen_from(self, side: str) -> Arguments:
        """The arguments of `edge_update` for events of one side."""
        return self._seen_from[side]
