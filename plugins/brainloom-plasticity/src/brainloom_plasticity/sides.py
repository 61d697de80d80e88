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

    def seen_from(self, side: str) -> dict[str, Any]:
        """The arguments of `edge_update` for events of one side."""
        return self._seen_from[side]
