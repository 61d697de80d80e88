"""The two sides of synapses: kinds of states, and the edges as each side sees them."""

from typing import Any

import brainstate
import jax.numpy as jnp
import numpy as np
from brainloom_projections import Edges

__all__ = ["EdgeState", "Ends", "PostState", "PostTrace", "PreState", "PreTrace"]


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


class Ends:
    """Edges as each of their two sides sees them: by rows, and, by number, by columns."""

    def __init__(self, edges: Edges) -> None:
        self.n_pre, self.n_post, self.n_edges = edges.n_pre, edges.n_post, len(edges)
        self.pre, self.post = jnp.asarray(edges.pre), jnp.asarray(edges.post)
        self._rows = jnp.asarray(edges.indptr), None, int(edges.out_degree.max(initial=0))
        starts = np.concatenate([[0], np.cumsum(edges.in_degree)]).astype(np.int32)
        numbers = np.argsort(edges.post, kind="stable").astype(np.int32)
        longest = int(edges.in_degree.max(initial=0))
        self._columns = jnp.asarray(starts), jnp.asarray(numbers), longest

    def seen_from(self, side: str) -> dict[str, Any]:
        """The arguments of `edge_update` for events of one side."""
        from_pre = side == "pre"
        names = "indptr", "numbers", "max_row"
        seen = dict(zip(names, self._rows if from_pre else self._columns, strict=True))
        rows, columns = (self.pre, self.post) if from_pre else (self.post, self.pre)
        return {"rows": rows, "columns": columns, **seen}
