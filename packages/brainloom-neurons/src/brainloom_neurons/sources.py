"""Spike sources: populations whose spikes are drawn or given."""

from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    ANY_UNIT,
    Constraint,
    Declared,
    Dynamics,
    InputError,
    ParameterError,
    non_negative,
    one_of,
    option,
    param,
)
from brainloom_core.units import dimension_name, same_dimension, show, step_count

__all__ = ["PoissonInput", "PoissonSpike", "SpikeTime"]


class Source(Dynamics):
    """Base of the spike sources: `update()` returns this step's spikes."""

    _layout = ("in_size", ..., "name")
    solver: Any = None
    _batch: tuple[int, ...] = ()

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Remember the batch size, so that each member of a batch has its own spikes."""
        self._batch = () if batch_size is None else (batch_size,)


class PoissonSpike(Source):
    r"""Independent Poisson spike trains.

    In each step a neuron spikes with probability $1 - e^{-f \Delta t}$, at most once.

    Args:
        in_size: Number of neurons, or the shape of the population.
        freqs: Rates $f$, in Hz; scalar, one per neuron or a function of the shape.
        spk_type: Type of the spikes, `bool`.
        name: Name of the module.

    Raises:
        ParameterError: `freqs` has the wrong unit or shape, or is negative.

    References:
        Dayan & Abbott (2001), Theoretical Neuroscience, section 1.4.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import PoissonSpike
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> PoissonSpike(100, freqs=20 * u.Hz)().shape
        (100,)
    """

    freqs: Any = param(constraint=non_negative, doc="rates", unit=u.Hz, kw_only=False)
    spk_type: Any = option(default=bool, doc="type of the spikes")

    def update(self) -> Any:
        """Draw this step's spikes."""
        expected = u.get_magnitude(self.freqs * brainstate.environ.get_dt())
        drawn = brainstate.random.rand(*self._batch, *self.in_size)
        return (drawn < -jnp.expm1(-expected)).astype(self.spk_type)


class SpikeTime(Source):
    r"""Given spikes: neuron `indices[k]` spikes at `times[k]`.

    A time becomes a step when it is used, `round(times / dt)`, so one source serves any `dt`;
    the current step is `i` of the environment (`brainstate.environ.context(i=...)`), or
    `round(t / dt)` where only `t` is given. The spikes of one neuron that fall into one step
    add up.

    Args:
        in_size: Number of neurons.
        indices: Neuron of each spike, whole numbers below `in_size`.
        times: Time of each spike, at least zero.
        weights: Value of each spike, 1; scalar or one per spike, with any unit.
        time_as_step: `"round"`, `"floor"` or `"ceil"`.
        name: Name of the module.

    Raises:
        ParameterError: Lengths differ, an index is out of range or a time negative.

    References:
        The spike generators of NEST and Brian2 serve the same purpose.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import SpikeTime
        >>> source = SpikeTime(3, indices=[0, 2], times=[0.1, 0.2] * u.ms)
        >>> with brainstate.environ.context(i=2, dt=0.1 * u.ms):
        ...     print(source())
        [0. 0. 1.]
    """

    indices: Any = option(doc="neuron of each spike", kw_only=False)
    times: Any = option(doc="time of each spike", kw_only=False)
    weights: Any = option(default=1.0, doc="value of each spike")
    time_as_step: Any = option(
        default="round", constraint=one_of("round", "floor", "ceil"), doc="rounding of times"
    )

    def _setup(self, frame: dict[str, Any], values: dict[str, Any]) -> None:
        super()._setup(frame, values)
        self.indices, times = np.asarray(self.indices), u.math.asarray(self.times)
        size = int(np.prod(self.in_size))
        if self.indices.dtype.kind not in "iu" or np.any(self.indices >= size):
            self._refuse("indices", f"whole numbers below {size}", self.indices)
        if np.any(self.indices < 0) or self.indices.ndim != 1:
            self._refuse("indices", f"a list of whole numbers from 0 to {size - 1}", self.indices)
        if not same_dimension(times, u.ms) or times.shape != self.indices.shape:
            self._refuse("times", f"{len(self.indices)} times, one per index", times)
        if not np.all(np.asarray(times.mantissa) >= 0):
            self._refuse("times", "times >= 0", times)
        if np.shape(self.weights) not in ((), times.shape):
            self._refuse("weights", "a scalar or one value per spike", self.weights)
        self.times = u.Quantity(np.asarray(times.mantissa, np.float64), unit=times.unit)

    def _refuse(self, name: str, expected: str, got: Any) -> None:
        raise ParameterError(f"SpikeTime.{name}: expected {expected}, got {show(got)}")

    def update(self) -> Any:
        """This step's row: the summed values of the spikes of each neuron."""
        steps = self._steps()
        order = np.argsort(steps, kind="stable")
        ordered = steps[order]
        row = u.math.zeros(self.in_size, unit=u.get_unit(self.weights))
        flat = row.reshape(-1)
        if len(order) == 0:
            return self._per_batch(row)
        widest = int(np.unique(ordered, return_counts=True)[1].max())
        now = _current_step()
        slot = jnp.searchsorted(jnp.asarray(ordered), now) + jnp.arange(widest)
        kept = jnp.minimum(slot, len(order) - 1)
        due = (slot < len(order)) & (jnp.asarray(ordered)[kept] == now)
        weights = u.math.broadcast_to(u.math.asarray(self.weights), ordered.shape)[order]
        value = u.math.where(due, weights[kept], 0.0 * u.get_unit(weights))
        flat = flat.at[jnp.asarray(self.indices[order])[kept]].add(value)
        return self._per_batch(flat.reshape(self.in_size))

    def _steps(self) -> np.ndarray:
        ratio = np.asarray(u.get_magnitude(self.times / brainstate.environ.get_dt()))
        # 0.3 ms / 0.1 ms is 2.9999999999999996: forgive rounding errors before floor and ceil.
        nearest = np.round(ratio)
        ratio = np.where(np.abs(ratio - nearest) < 1e-6, nearest, ratio)
        return getattr(np, self.time_as_step)(ratio).astype(np.int32)

    def _per_batch(self, row: Any) -> Any:
        return u.math.broadcast_to(row, (*self._batch, *self.in_size))


class PoissonInput(Declared):
    r"""Many independent Poisson spike trains onto each neuron of a population.

    Adds $w\,k$ to a state in each call, $k$ drawn from a Poisson distribution of mean
    $N f \Delta t$ for every neuron: exactly the sum of $N$ trains of rate $f$.

    Args:
        target: The state that is driven, `population.prefetch("V")`.
        indices: The neurons driven, an index array or slice; None for all.
        num_input: Number of trains $N$ per neuron, a whole number, at least 1.
        freq: Rate $f$ of each train, in Hz.
        weight: Jump $w$ per spike, in the unit of the state.
        name: Name of the module.

    Raises:
        ParameterError: A parameter has the wrong unit or range.
        InputError: The unit of `weight` is not that of the state.

    References:
        Brunel (2000), J. Comput. Neurosci. 8, 183, doi:10.1023/A:1008925309027.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import LIF, PoissonInput
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = LIF(10, V_th=20 * u.mV)
        >>> noise = PoissonInput(neuron.prefetch("V"), None, 1000, 10 * u.Hz, 0.1 * u.mV)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> noise()
        >>> neuron.V.value.shape
        (10,)
    """

    _layout = ("target", "indices", "num_input", "freq", "weight", "name")
    _frame = {"name": None}

    target: Any = option(
        constraint=Constraint(
            "a state, population.prefetch('V')",
            lambda x: isinstance(x, (brainstate.nn.Prefetch, brainstate.State)),
        ),
        doc="state that is driven",
        kw_only=False,
    )
    indices: Any = option(doc="neurons that are driven", kw_only=False)
    num_input: Any = option(
        constraint=Constraint(
            "a whole number >= 1", lambda n: isinstance(n, (int, np.integer)) and n >= 1
        ),
        doc="number of trains per neuron",
        kw_only=False,
    )
    freq: Any = param(constraint=non_negative, doc="rate of a train", unit=u.Hz, kw_only=False)
    weight: Any = param(doc="jump per spike", unit=ANY_UNIT, kw_only=False)

    def update(self) -> None:
        """Draw this step's counts and add them to the state."""
        state = self.target if isinstance(self.target, brainstate.State) else self.target.get_item()
        if not same_dimension(state.value, self.weight):
            raise InputError(
                f"PoissonInput.weight: expected {dimension_name(state.value)} like the target, "
                f"got {show(self.weight)}"
            )
        chosen = np.s_[:] if self.indices is None else self.indices
        chosen = chosen if isinstance(chosen, slice) else np.asarray(chosen)
        mean = u.get_magnitude(self.num_input * self.freq * brainstate.environ.get_dt())
        driven = state.value[..., chosen]
        counts = brainstate.random.poisson(mean, size=driven.shape).astype(driven.dtype)
        state.value = state.value.at[..., chosen].add(self.weight * counts)


def _current_step() -> jax.Array:
    step = brainstate.environ.get("i", default=None)
    if step is None:
        step = step_count(brainstate.environ.get("t"), brainstate.environ.get_dt())
    return jnp.asarray(step, jnp.int32)
