"""Which alignment a projection has, and why, in words."""

from brainloom_core import AlignPost

from ..parts.arrivals import Arrivals
from .post import AlignPostProj
from .pre import AlignPreProj

__all__ = ["explained"]


def explained(projection: AlignPostProj | AlignPreProj) -> str:
    """The text of `Projection.explain`."""
    syn = type(projection.syn).__name__
    size = " x ".join(map(str, projection.syn.in_size))
    if isinstance(projection, AlignPostProj):
        lines = [
            f"AlignPost: one state of {syn} for each of the {size} postsynaptic neurons.",
            f"{syn} is linear in its input, so one state of the summed input is exact.",
            "Only spikes are delivered.",
        ]
    else:
        lines = [
            f"AlignPre: one state of {syn} for each of the {size} presynaptic neurons.",
            f"{syn} is linear in its input, so AlignPost would be exact and cheaper."
            if isinstance(projection.syn, AlignPost)
            else f"{syn} is not linear in its input, so a neuron's inputs cannot be summed.",
            "All synapses that a neuron makes see the same spikes, so that to share a state is "
            "exact.",
            "Conductances are delivered, in every step.",
        ]
    if projection.stp is not None:
        kind = type(projection.stp).__name__
        lines.append(f"{kind}: one state for each presynaptic neuron scales its spikes.")
    if projection.delay is not None:
        by_edge = isinstance(projection.delay, Arrivals)
        whose, where = ("edges", "postsynaptic") if by_edge else ("neurons", "presynaptic")
        lines.append(
            f"Delays of {whose}: what is under way is kept for each {where} neuron and step."
        )
    return "\n".join(lines)
