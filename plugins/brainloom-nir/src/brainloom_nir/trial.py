"""A numeric round trip: a model, and what comes back of it, on one input."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import brainstate
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core.types import Quantity, Shape, Time

from .boundary import NIRError, number
from .counterpart import Counterpart
from .known import all_counterparts, step_of
from .network import NIRNetwork
from .reading import from_nir
from .report import LossReport
from .writing import as_network, to_nir

__all__ = ["round_trip", "run"]


def round_trip(
    model: brainstate.nn.Module,
    xs: Quantity,
    *,
    input_shape: Shape | None = None,
    dt: Time | None = None,
    counterparts: Iterable[Counterpart] = (),
) -> LossReport:
    """Run a model, and what comes back of it from NIR, on one input, and compare them.

    Args:
        model: As for [`to_nir`][brainloom_nir.to_nir].
        xs: Input, shape `(T, *batch, *in_size)`, with one batch axis or none.
        input_shape: As for `to_nir`.
        dt: The step; None, the default, for that of `brainstate.environ`.
        counterparts: As for `to_nir`.

    Returns:
        The report of the export, with the largest differences in the outputs and in each state:
        potentials in mV, currents in mA.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import LIF
        >>> from brainloom_nir import round_trip
        >>> xs = 2.0 * brainstate.random.rand(50, 3)
        >>> report = round_trip(LIF(3), xs, dt=1 * u.ms)
        >>> sorted(report.errors), report.max_error < 1e-6
        (['lif.V', 'output'], True)
    """
    own = tuple(counterparts)
    step = step_of(dt)
    if step is None:
        raise NIRError("round_trip: give the step, for example dt=1 * u.ms")
    net = as_network(model, input_shape, all_counterparts(own), step)
    graph, report = to_nir(net, dt=step, counterparts=own)
    back, _ = from_nir(graph, dt=step, counterparts=own)
    first, second = (run(it, xs, step) for it in (net, back))
    errors = {
        name: float(np.max(np.abs(first[name] - second[name]), initial=0.0))
        for name in first
        if name in second
    }
    return replace(report, errors=errors)


def run(net: NIRNetwork, xs: Quantity, dt: Time) -> dict[str, np.ndarray]:
    """Outputs and states of a network over a sequence, by name, beginning from its initial state.

    States are those after each step: a potential that has crossed the threshold is not reset yet.
    """
    xs = jnp.asarray(xs)
    size = net.in_size
    if size is None:
        raise NIRError("round_trip: expected a network with one input")
    batch = xs.shape[1 : xs.ndim - len(size)]
    with brainstate.environ.context(dt=dt):
        brainstate.nn.init_all_states(net, batch_size=batch[0] if batch else None)

        def step(x: Quantity) -> dict[str, Quantity]:
            y = net(x)
            outputs = y if isinstance(y, Mapping) else {"output": y}
            return {**outputs, **_held(net)}

        values = brainstate.transform.for_loop(step, xs)
    return {name: np.asarray(value) for name, value in jax.device_get(values).items()}


def _held(net: NIRNetwork) -> dict[str, Quantity]:
    held: dict[str, Quantity] = {}
    for name in net.order:
        module = net[name]
        if isinstance(module, NIRNetwork):
            held |= {f"{name}.{inner}": value for inner, value in _held(module).items()}
        for state in ("V", "g"):
            value = vars(module).get(state)
            if isinstance(value, brainstate.State):
                held[f"{name}.{state}"] = number(value.value)
    return held
