"""From two populations and a few parts to the projection with the right alignment."""

from collections.abc import Callable
from typing import Any

from brainloom_core import AlignPost, Descriptor, Dynamics, Synapse, SynOut, View
from brainloom_core.types import Population, Quantity
from brainloom_core.units import show

from .align.post import AlignPostProj
from .align.pre import AlignPreProj
from .connection.connection import Connection, is_function
from .connection.edges import Edges
from .parts.parts import Timing, check_autapses, check_post
from .rules.basic import Rule, rule_of
from .types import Described, EdgeValue, Side

__all__ = ["connected"]

_EXAMPLES = {
    "synapse": "Expon.desc(tau=5 * u.ms)",
    "output": "COBA.desc(E=0 * u.mV)",
    "stp": "STP.desc(U=0.2)",
}


def connected(
    pre: Side,
    post: Dynamics | View,
    connectivity: str | Rule | Edges | Connection | Callable[..., Quantity],
    synapse: Described,
    output: Described,
    *,
    weight: EdgeValue | None,
    stp: Described | None,
    timing: Timing,
    label: str | None,
    seed: int | None,
    align: str | None,
) -> AlignPostProj | AlignPreProj:
    """The projection that joins two populations; the arguments are those of `Projection`."""
    check_post("Projection", post)
    if align not in (None, "pre", "post"):
        raise ValueError(f"Projection.align: expected 'pre', 'post' or None, got {align!r}")
    if is_function(timing.delay):  # it draws a delay for each edge, which is for the connection
        drawn, timing = timing.delay, Timing(None, timing.max_delay, timing.interpolate)
    else:
        drawn = None
    comm = _comm(pre, post, connectivity, weight, drawn, seed)
    synapse = _described("synapse", synapse, Dynamics)
    output = _described("output", output, SynOut)
    stp = None if stp is None else _described("stp", stp, Dynamics)
    rest: dict[str, Any] = {
        "comm": comm,
        "post": post,
        "label": label,
        "stp": stp,
        "delay": timing,
    }
    if (_alignment(synapse, post) if align is None else align) == "pre":
        return AlignPreProj(syn=synapse, out=output, **rest)
    _check_exact(synapse)
    if isinstance(synapse, Descriptor) != isinstance(output, Descriptor):
        synapse, output = _instance(synapse, in_size=post.in_size), _instance(output)
    return AlignPostProj(syn=synapse, out=output, **rest)


def _comm(
    pre: Side,
    post: Population,
    connectivity: str | Rule | Edges | Connection | Callable[..., Quantity],
    weight: EdgeValue | None,
    delay: EdgeValue | None,
    seed: int | None,
) -> Callable[..., Quantity]:
    connectivity = rule_of("Projection.connectivity", connectivity)
    if isinstance(connectivity, (Rule, Edges)):
        if weight is None:
            raise TypeError(
                "Projection.weight: missing. A rule says who is connected to whom; give the "
                "weight of the connections, for example weight=0.6 * u.nS"
            )
        check_autapses("Projection.connectivity", pre, post, connectivity)
        return Connection(pre, post, connectivity, weight, delay=delay, seed=seed)
    if not callable(connectivity):
        raise TypeError(
            "Projection.connectivity: expected a rule such as Bernoulli(0.1), Edges, a "
            f"Connection or another module, got {show(connectivity)}"
        )
    rest = {"weight": weight, "seed": seed, "delay": delay}
    if given := [name for name, value in rest.items() if value is not None]:
        raise TypeError(
            f"Projection.{given[0]}: it belongs to a rule; this connectivity has its own"
        )
    size = getattr(connectivity, "in_size", None)
    pre_size = getattr(pre, "out_size", pre)
    pre_size = tuple(pre_size) if isinstance(pre_size, (tuple, list)) else (pre_size,)
    if size is not None and tuple(size) != pre_size:
        raise ValueError(
            f"Projection.connectivity: its size {tuple(size)} is not that of the presynaptic "
            f"population, {pre_size}"
        )
    return connectivity


def _described(part: str, given: Any, kind: type) -> Any:
    """A class stands for its description; anything else must be one, or an instance."""
    described = given.desc() if isinstance(given, type) and hasattr(given, "desc") else given
    found = described.cls if isinstance(described, Descriptor) else type(described)
    if not issubclass(found, kind):
        raise TypeError(
            f"Projection.{part}: expected a description such as {_EXAMPLES[part]}, got "
            f"{show(given)}"
        )
    return described


def _instance(part: Described, **defaults: Any) -> Described:
    return part.with_defaults(**defaults)() if isinstance(part, Descriptor) else part


def _alignment(synapse: Described, post: Population) -> str:
    """The cheapest exact one; an instance must also have the size that it needs."""
    described = isinstance(synapse, Descriptor)
    linear = issubclass(synapse.cls if described else type(synapse), AlignPost)
    fits = isinstance(synapse, Descriptor) or tuple(synapse.in_size) == tuple(post.in_size)
    return "post" if linear and fits else "pre"


def _check_exact(synapse: Described) -> None:
    cls = synapse.cls if isinstance(synapse, Descriptor) else type(synapse)
    if issubclass(cls, Synapse) and not issubclass(cls, AlignPost):
        raise ValueError(
            f"Projection.align: {cls.__name__} is not linear in its input, so that 'post' "
            "would be wrong; leave it out, or write 'pre'"
        )
