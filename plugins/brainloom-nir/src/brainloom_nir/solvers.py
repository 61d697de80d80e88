"""The scheme of the simulators that write NIR files."""

from collections.abc import Mapping
from typing import Any

__all__ = ["current_first_euler"]


def current_first_euler(drifts: Mapping[str, Any], y: Mapping[str, Any], dt: Any) -> dict[str, Any]:
    r"""Forward Euler of the synaptic current, and then of the potential, from the new current.

    It is what $I \leftarrow \alpha I + x$, $V \leftarrow \beta V + I$ amounts to.
    """
    new = dict(y)
    for name in sorted(drifts, key=lambda name: name == "V"):
        new[name] = new[name] + dt * drifts[name](new)
    return new
