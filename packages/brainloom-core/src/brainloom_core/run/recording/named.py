"""What `simulate` is told to record, as recorders by name."""

from collections.abc import Mapping
from typing import Any

import brainstate

from ...errors import InputError
from ...names import owner_of
from ...types import Record
from ...units import show
from .recorder import Recorder
from .spikes import Counts, Rate, Spikes
from .states import Trace, Weights
from .steps import Output

__all__ = ["as_recorders"]

LAST = {"spikes": Spikes, "counts": Counts, "rate": Rate, "weights": Weights, "output": Output}


def as_recorders(net: brainstate.nn.Module, record: Record) -> dict[str, Recorder]:
    """Name what is to be recorded: a mapping, or a list of recorders and dotted names.

    Args:
        net: The network.
        record: What `simulate` was given.

    Raises:
        InputError: It is none of these, or there is nothing of a name.
    """
    if record is None:
        return {}
    if isinstance(record, str) or not isinstance(record, (Mapping, list, tuple)):
        record = [record]
    if not isinstance(record, Mapping):
        record = {_name(item, position): item for position, item in enumerate(record)}
    return {name: _recorder(net, item) for name, item in record.items()}


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
    return Trace(module, last) if kind in (None, Trace) else kind(module)
