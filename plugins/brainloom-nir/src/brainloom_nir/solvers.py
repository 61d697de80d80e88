"""The scheme of the simulators that write NIR files."""

from collections.abc import Callable, Mapping

from brainloom_core.types import Quantity, Time, Values

__all__ = ["current_first_euler"]


def current_first_euler(
    drifts: Mapping[str, Callable[[Values], Quantity]], y: Values, dt: Time
) -> dict[str, Quantity]:
    r"""Forward Euler of the synaptic current, and then of the potential, from the new current.

    It is what $I \leftarrow \alpha I + x$, $V \leftarrow \beta V + I$ amounts to.

    Args:
        drifts: The derivative of each state by name, as a function of all values.
        y: Values of the states by name; the potential is `V`.
        dt: Length of the step.

    Returns:
        The new values by name.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_nir import current_first_euler
        >>> drifts = {"V": lambda y: y["g"] / u.ms, "g": lambda y: 1.0 / u.ms}
        >>> print(current_first_euler(drifts, {"V": 0.0, "g": 0.0}, 1.0 * u.ms)["V"])
        1.0
    """
    new = dict(y)
    for name in sorted(drifts, key=lambda name: name == "V"):
        new[name] = new[name] + dt * drifts[name](new)
    return new
