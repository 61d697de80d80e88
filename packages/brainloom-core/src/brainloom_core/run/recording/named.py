"""What `simulate` is told to record, as recorders by name."""

from collections.abc import Mapping, Sequence
from typing import Any

import brainstate

from ...errors import InputError
from ...names import modules_by_name, owner_of
from ...types import Record
from ...units import show
from .chosen import whole
from .recorder import Recorder
from .spikes import Counts, Rate, Spikes
from .states import Trace, Weights, instead
from .steps import Output

__all__ = ["as_recorders"]

LAST = {"spikes": Spikes, "counts": Counts, "rate": Rate, "weights": Weights, "output": Output}


def as_recorders(
    net: brainstate.nn.Module, record: Record, others: Sequence[brainstate.nn.Module] = ()
) -> dict[str, Recorder]:
    """Name what is to be recorded: a mapping, or a list of recorders and dotted names.

    Args:
        net: The network.
        record: What `simulate` was given.
        others: Modules that run with the network, such as a source among its inputs.

    Raises:
        InputError: It is none of these, there is nothing of a name, or a recorder is of what
            does not run here.
    """
    if record is None:
        return {}
    if isinstance(record, str) or not isinstance(record, (Mapping, list, tuple)):
        record = [record]
    if not isinstance(record, Mapping):
        record = {_name(item, position): item for position, item in enumerate(record)}
    recorders = {name: _recorder(net, item) for name, item in record.items()}
    _require_held((net, *others), recorders)
    return recorders


def _require_held(roots: Sequence[brainstate.nn.Module], recorders: dict[str, Recorder]) -> None:
    """Raise if a recorder reads what does not run here, which stands still or is another run's."""
    held = {id(node) for root in roots for node in brainstate.graph.nodes(root).values()}
    for name, recorder in recorders.items():
        module = whole(recorder.read)
        if not isinstance(module, brainstate.graph.Node) or id(module) in held:
            continue
        kind, name_here = type(module).__name__, _name_of_such(roots[0], recorder)
        raise InputError(
            f"record: {name!r} is of a {kind} that this network does not hold: it may be one of "
            f"an earlier network. Write a name instead, such as {name_here!r}"
        )


def _name_of_such(net: brainstate.nn.Module, recorder: Recorder) -> str:
    """How to write what a recorder reads, of the first of that kind that a network holds."""
    kind = type(whole(recorder.read))
    names = [name for name, node in modules_by_name(net).items() if type(node) is kind]
    last = getattr(recorder, "state", recorder.kind)
    return ".".join(filter(None, (names[0] if names else "E", last)))


def _name(item: Any, position: int) -> str:
    if isinstance(item, str):
        return item
    return f"{getattr(item, 'state', getattr(item, 'kind', 'spikes'))}_{position}"


def _recorder(net: brainstate.nn.Module, item: Any) -> Recorder:
    if isinstance(item, Recorder):
        return item
    if not isinstance(item, str):
        raise InputError(
            "record: expected names such as 'E.spikes', 'E.V' or 'E.rate', or recorders such as "
            f"Spikes and Trace, got {show(item)}"
        )
    try:
        module, last = owner_of(net, item)
    except InputError as error:
        raise InputError(f"record: {error}") from None
    is_state = isinstance(getattr(module, last, None), brainstate.State)
    kind = Trace if is_state and last != "spikes" else LAST.get(last)
    if kind in (Spikes, Rate, Counts) and not hasattr(module, "get_spike"):
        who = type(module).__name__
        raise InputError(f"record: {item!r}: {who} has no {last}{instead(net, module, last)}")
    return Trace(module, last) if kind in (None, Trace) else kind(module)
