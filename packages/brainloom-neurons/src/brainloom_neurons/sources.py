"""Spike sources: populations whose spikes are drawn or given."""

import math
from collections.abc import Callable
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
    Neuron,
    ParameterError,
    UnitError,
    non_negative,
    option,
    param,
    state,
)
from brainloom_core.units import dimension_name, same_dimension, show, step_count, with_unit

__all__ = ["PoissonEncoder", "PoissonInput", "PoissonSpike", "SpikeTime", "poisson_input"]

LAST_STEP = 2**31 - 1
TABLE_LIMIT = 1000.0


class Source(Dynamics):
    """Base of everything that needs no input: `update()` returns this step's spikes or current.

    The step is `i` of the environment (`brainstate.environ.context(i=...)`); where there is
    none, it is the nearest to the time, which is `t` of the call or of the environment.
    Durations become steps where they are used, so that one source serves any `dt`.
    """

    _layout = ("in_size", ..., "name")
    solver: Any = None
    _batch: tuple[int, ...] = ()

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Create the states; each member of a batch has its own random numbers.

        Args:
            batch_size: Length of the batch axis, None, the default, for none.
            kwargs: Accepted for `brainstate.nn.init_all_states`, and not used.
        """
        super().init_state(batch_size, **kwargs)
        batch = () if batch_size is None else (batch_size,)
        if batch != self._batch:
            self._batch = batch
            self._version += 1  # what is compiled has the old shape

    @property
    def _shape(self) -> tuple[int, ...]:
        return (*self._batch, *self.in_size)

    def _step(self, t: Any) -> jax.Array:
        step = brainstate.environ.get("i", default=None)
        if step is not None:
            return jnp.asarray(step, jnp.int32)
        t = brainstate.environ.get("t") if t is None else t
        return step_count(t, brainstate.environ.get_dt())

    def _per_batch(self, row: Any) -> Any:
        return u.math.broadcast_to(row, self._shape)

    def _refuse(
        self, name: str, expected: str, got: Any, kind: type[Exception] = ParameterError
    ) -> None:
        raise kind(f"{type(self).__name__}.{name}: expected {expected}, got {show(got)}")

    def _given_times(self, name: str, length: int) -> np.ndarray:
        """Check a list of times, keep it in double precision, and return its numbers."""
        times = as_quantities(getattr(self, name))
        if times is None or not same_dimension(times, u.ms) or times.shape != (length,):
            self._refuse(name, f"a list of {length} times", getattr(self, name))
        number = np.asarray(u.get_mantissa(times), np.float64)
        if not np.all(np.isfinite(number) & (number >= 0)):
            self._refuse(name, "times >= 0, finite", times)
        setattr(self, name, u.Quantity(number, unit=u.get_unit(times)))
        return number


def whole_steps(duration: Any) -> Any:
    """`round(duration / dt)`, in double precision where the values are known, never too large.

    The end of a window that is longer than 32 bits of steps is never reached.
    """
    ratio = u.get_magnitude(in_double(duration) / in_double(brainstate.environ.get_dt()))
    if isinstance(ratio, jax.core.Tracer):
        return step_count(duration, brainstate.environ.get_dt())
    return np.clip(np.round(ratio), -LAST_STEP, LAST_STEP).astype(np.int32)


def in_double(value: Any) -> Any:
    """The value in double precision outside of what is traced, also while tracing."""
    number = u.get_mantissa(value)
    if isinstance(number, jax.core.Tracer):
        return value
    return with_unit(np.asarray(number, np.float64), u.get_unit(value))


def as_quantities(value: Any) -> Any:
    """An array with its unit and precision, or None if it is no list of numbers."""
    try:
        if isinstance(value, (list, tuple)):
            if not any(isinstance(item, u.Quantity) for item in value):
                return np.asarray(value, np.float64)
            unit = u.get_unit(value[0])
            numbers = [u.Quantity(item).to_decimal(unit) for item in value]
            return u.Quantity(np.asarray(numbers, np.float64), unit=unit)
        dtype = np.asarray(u.get_mantissa(value)).dtype
    except (TypeError, ValueError, u.UnitMismatchError):
        return None
    return value if dtype.kind in "fiu" else None


def _is_number_type(kind: Any) -> bool:
    try:
        return np.dtype(kind).kind in "biuf"
    except TypeError:
        return False


spike_type = Constraint("bool or a type of number", _is_number_type)


def as_spikes(counts: jax.Array, kind: Any) -> jax.Array:
    """Numbers of spikes as `kind`: whether there is one, for bool."""
    return counts.astype(jax.dtypes.canonicalize_dtype(kind))


def poisson_spikes(expected: Any, shape: tuple[int, ...], kind: Any) -> jax.Array:
    """Spikes of Poisson trains in one step, at most one as bool, else their number.

    The probability of a spike is met to $2^{-32}$: 24 bits, as in a random float, would show at
    rates below 1 Hz.
    """
    if np.dtype(kind) != bool:
        return as_spikes(poisson_counts(expected, shape), kind)
    chance = -jnp.expm1(-jnp.maximum(expected, 0.0))
    limit = jnp.minimum(jnp.round(chance * 2.0**32), 2.0**32 - 2.0**8).astype(jnp.uint32)
    return _random_bits(shape) < limit


def poisson_counts(mean: Any, shape: tuple[int, ...]) -> jax.Array:
    """Poisson numbers; from a table of the distribution where one mean is known for all."""
    if isinstance(mean, jax.core.Tracer) or np.ndim(mean) > 0 or mean > TABLE_LIMIT:
        return brainstate.random.poisson(jnp.maximum(mean, 0.0), size=shape)
    table = jnp.asarray(_cumulative(max(float(mean), 0.0)))
    return jnp.searchsorted(table, _random_bits(shape), side="right")


def _cumulative(mean: float) -> np.ndarray:
    """Probabilities of at most k, in units of 2^-32, up to the last below 1."""
    k = np.arange(1, int(mean + 12.0 * math.sqrt(mean) + 30.0))
    logs = np.concatenate([[0.0], np.cumsum(np.log(max(mean, 1e-300) / k))])
    steps = np.round(np.cumsum(np.exp(logs - mean)) * 2.0**32)
    return steps[steps < 2.0**32].astype(np.uint32)


def _random_bits(shape: tuple[int, ...]) -> jax.Array:
    return jax.random.bits(brainstate.random.split_key(), shape, jnp.uint32)


class PoissonSpike(Source):
    r"""Independent Poisson spike trains.

    In each step a neuron spikes with probability $1 - e^{-f \Delta t}$, at most once; this is
    noticeably not Poisson where $f \Delta t$ exceeds about 0.1. With a type of number as
    `spk_type`, the spikes are the number in each step, from a Poisson distribution of mean
    $f \Delta t$, which is exact for any step.

    Args:
        in_size: Number of neurons, or the shape of the population.
        freqs: Rates $f$, in Hz; scalar, one per neuron or a function of the shape.
        spk_type: Type of the spikes: `bool` for at most one in a step, `int` or `float` for
            their number.
        name: Name of the module.

    Raises:
        ParameterError: `freqs` has the wrong unit or shape, or is negative.

    References:
        Dayan & Abbott (2001), Theoretical Neuroscience, section 1.4; Gerstner, Kistler, Naud &
        Paninski (2014), Neuronal Dynamics, chapter 7, doi:10.1017/CBO9781107447615.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import PoissonSpike
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> PoissonSpike(100, freqs=20 * u.Hz)().shape
        (100,)
    """

    freqs: Any = param(constraint=non_negative, doc="rates", unit=u.Hz, kw_only=False)
    spk_type: Any = option(default=bool, constraint=spike_type, doc="type of the spikes")

    def update(self, t: Any = None) -> Any:
        """Draw this step's spikes.

        Args:
            t: Accepted as by other sources; the rate does not depend on time.

        Returns:
            Spikes of the step, shape `(*batch, *in_size)`.
        """
        expected = u.get_magnitude(self.freqs * brainstate.environ.get_dt())
        return poisson_spikes(expected, self._shape, self.spk_type)


class PoissonEncoder(Source):
    r"""Poisson spikes of rates that are given anew in each step.

    As [`PoissonSpike`][brainloom_neurons.PoissonSpike], with the rates as the argument of the
    call: a scalar, one per neuron, or with a batch axis in front, whose members are independent.

    Args:
        in_size: Number of neurons, or the shape of the population.
        spk_type: Type of the spikes: `bool` for at most one in a step, `int` or `float` for
            their number.
        name: Name of the module.

    Raises:
        InputError: The rates have the wrong unit or shape, or are negative.

    References:
        Dayan & Abbott (2001), Theoretical Neuroscience, section 1.4; Gerstner, Kistler, Naud &
        Paninski (2014), Neuronal Dynamics, chapter 7, doi:10.1017/CBO9781107447615.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import PoissonEncoder
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> images = jnp.ones((8, 784))
        >>> PoissonEncoder(784)(images * 100 * u.Hz).shape
        (8, 784)
    """

    spk_type: Any = option(default=bool, constraint=spike_type, doc="type of the spikes")

    def update(self, freqs: Any) -> Any:
        """Draw this step's spikes at these rates; negative ones inside `jit` count as zero.

        Args:
            freqs: Rates, Hz; scalar, one per neuron, or of the shape `(*batch, *in_size)`.

        Returns:
            Spikes of the step, shape `(*batch, *in_size)`.

        Raises:
            InputError: The rates have the wrong unit or shape.
        """
        if not same_dimension(freqs, u.Hz):
            self._refuse("update(freqs)", "a frequency", freqs, InputError)
        shape = np.shape(freqs)
        batched = shape[1:] == self.in_size and len(shape) > 0 and not self._batch
        if shape not in ((), self.in_size, self._shape) and not batched:
            expected = f"a scalar or shape {self._shape}"
            self._refuse("update(freqs)", expected, freqs, InputError)
        expected = u.get_magnitude(freqs * brainstate.environ.get_dt())
        if not isinstance(expected, jax.core.Tracer) and np.any(np.asarray(expected) < 0):
            self._refuse("update(freqs)", "a frequency >= 0", freqs, InputError)
        return poisson_spikes(expected, shape if batched else self._shape, self.spk_type)


class GivenSpikes(Source):
    """Base of the sources whose spikes are given."""

    def _row(self, position: Any, steps: np.ndarray, owner: np.ndarray, value: Any, n: int) -> Any:
        """The summed values of the spikes at this position, for each of `n` owners."""
        row = u.math.zeros((n,), unit=u.get_unit(value), dtype=brainstate.environ.dftype())
        if len(steps) == 0:
            return row
        order = np.argsort(steps, kind="stable")
        ordered = steps[order]
        widest = int(np.unique(ordered, return_counts=True)[1].max())
        slot = jnp.searchsorted(jnp.asarray(ordered), position) + jnp.arange(widest)
        kept = jnp.minimum(slot, len(order) - 1)
        due = (slot < len(order)) & (jnp.asarray(ordered)[kept] == position)
        values = u.math.broadcast_to(u.math.asarray(value), ordered.shape)[order]
        values = u.math.where(due, values[kept], 0.0 * u.get_unit(values))
        return row.at[jnp.asarray(owner[order])[kept]].add(values)


def grid(times: Any, rule: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Steps of given times by a rule of rounding that forgives errors of representation.

    0.3 ms / 0.1 ms is 2.9999999999999996; late times in single precision are off by more.
    """
    ratio = np.asarray(u.get_magnitude(times / brainstate.environ.get_dt()), np.float64)
    nearest = np.round(ratio)
    near = np.abs(ratio - nearest) <= np.clip(1e-6 * nearest, 1e-6, 1e-2)
    ratio = np.where(near, nearest, ratio)
    return np.clip(rule(ratio), -1, LAST_STEP).astype(np.int32)


class SpikeTime(GivenSpikes):
    r"""Given spikes: neuron `indices[k]` spikes at `times[k]`.

    A time becomes a step when it is used, `round(times / dt)`, so one source serves any `dt`;
    the current step is `i` of the environment (`brainstate.environ.context(i=...)`), or
    `round(t / dt)` where only `t` is given. The spikes of one neuron that fall into one step
    add up. Give late times as a numpy array, which keeps them in double precision.

    Args:
        in_size: Number of neurons.
        indices: Neuron of each spike, whole numbers below `in_size`.
        times: Time of each spike, at least zero.
        weights: Value of each spike, 1; scalar or one per spike, with any unit.
        time_as_step: `"round"`, `"floor"`, `"ceil"` or a function of an array.
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

    indices: Any = option(fixed=True, doc="neuron of each spike", kw_only=False)
    times: Any = option(doc="time of each spike", kw_only=False)
    weights: Any = option(default=1.0, doc="value of each spike")
    time_as_step: Any = option(
        default="round",
        constraint=Constraint(
            "one of 'round', 'floor', 'ceil' or a function",
            lambda rule: callable(rule) or rule in ("round", "floor", "ceil"),
        ),
        doc="rounding of times",
    )

    def _setup(self, frame: dict[str, Any] | None, values: dict[str, Any]) -> None:
        super()._setup(frame, values)
        self.indices = np.asarray(self.indices)
        self.indices = self.indices.astype(np.int64) if self.indices.size == 0 else self.indices
        size = math.prod(self.in_size)
        if self.indices.dtype.kind not in "iu" or np.any(self.indices >= size):
            self._refuse("indices", f"whole numbers below {size}", self.indices)
        if np.any(self.indices < 0) or self.indices.ndim != 1:
            self._refuse("indices", f"a list of whole numbers from 0 to {size - 1}", self.indices)
        self._given_times("times", len(self.indices))
        if np.shape(self.weights) not in ((), self.indices.shape):
            self._refuse("weights", "a scalar or one value per spike", self.weights)

    def update(self, t: Any = None) -> Any:
        """This step's row: the summed values of the spikes of each neuron.

        Args:
            t: Time at the beginning of the step, None for that of the environment.
        """
        rule = self.time_as_step if callable(self.time_as_step) else getattr(np, self.time_as_step)
        steps, size = grid(self.times, rule), math.prod(self.in_size)
        row = self._row(self._step(t), steps, self.indices, self.weights, size)
        return self._per_batch(row.reshape(self.in_size))


_is_state = Constraint(
    "a state, population.prefetch('V')",
    lambda x: isinstance(x, (brainstate.nn.Prefetch, brainstate.State)),
)
_is_count = Constraint(
    "a whole number >= 1",
    lambda n: isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 1,
)


class PoissonInput(Declared):
    r"""Many independent Poisson spike trains onto each neuron of a population.

    Adds $w\,k$ to a state in each call, $k$ drawn from a Poisson distribution of mean
    $N f \Delta t$ for every neuron: exactly the sum of $N$ trains of rate $f$. For a neuron with
    the time constant $\tau$ that does not spike, the mean of $V$ is then $w N f \tau$ and its
    variance $w^2 N f \tau / 2$.

    The state that the jumps of synapses raise, which is the potential in most models, is raised as
    by these, in the next call of the population: after its integration, not while it is
    refractory, and with the spikes that follow. Any other state is written at once. A `Network`
    calls it in each step, before the population.

    Args:
        target: The state that is driven, `population.prefetch("V")`.
        indices: The neurons driven, an index array or slice; None for all.
        num_input: Number of trains $N$ per neuron, a whole number, at least 1.
        freq: Rate $f$ of each train, in Hz.
        weight: Jump $w$ per spike, in the unit of the state.
        name: Name of the module.

    Attributes:
        waiting: The jumps that wait for the population, or None where the state is written.

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
        >>> _ = brainstate.nn.init_all_states([neuron, noise])
        >>> noise()
        >>> _ = neuron()
        >>> bool((neuron.V.value > 0 * u.mV).any())
        True
    """

    acts_on_populations = True
    _layout = ("target", "indices", "num_input", "freq", "weight", "name")
    _frame = {"name": None}

    target: Any = option(
        constraint=_is_state, fixed=True, doc="state that is driven", kw_only=False
    )
    indices: Any = option(doc="neurons that are driven", kw_only=False)
    num_input: Any = option(constraint=_is_count, doc="number of trains per neuron", kw_only=False)
    freq: Any = param(constraint=non_negative, doc="rate of a train", unit=u.Hz, kw_only=False)
    weight: Any = param(doc="jump per spike", unit=ANY_UNIT, kw_only=False)

    def _setup(self, frame: dict[str, Any] | None, values: dict[str, Any]) -> None:
        super()._setup(frame, values)
        if "target" not in values:  # another parameter is assigned: it is registered already
            return
        population = getattr(self.target, "module", None)
        self.waiting = None
        if isinstance(population, Neuron) and self.target.item == population.jump_state:
            self.waiting = _Waiting(self.target)
            number = len(population.delta_inputs)
            population.add_delta_input(f"PoissonInput_{number}", self.waiting)

    def update(self) -> None:
        """Draw this step's counts and add them to the state."""
        drive = self.num_input * self.freq
        target = self.target if self.waiting is None else self.waiting.jumps
        _add_spikes("PoissonInput", drive, self.weight, target, self.indices)


class _Waiting(Declared):
    """Jumps of a state that wait until its population is called."""

    jumps = state(
        lambda model, shape: 0.0 * model.target(), "what waits", brainstate.ShortTermState
    )

    def __init__(self, target: Any) -> None:
        super().__init__()
        self.target = target

    def update(self) -> Any:
        """What waits, which is then taken."""
        waiting = self.jumps.value
        self.jumps.value = 0.0 * waiting
        return waiting

    @brainstate.nn.call_order(3)  # type: ignore[untyped-decorator]
    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Nothing waits; later than the population, whose shape it takes."""
        super().init_state(batch_size, **kwargs)

    def _state_shape(self, batch_size: int | None) -> tuple[int, ...]:
        return ()


def poisson_input(
    freq: Any,
    num_input: int,
    weight: Any,
    target: Any,
    indices: Any = None,
    refractory: Any = None,
) -> None:
    """Add the spikes of many Poisson trains to a state, as `PoissonInput` does in each call.

    Args:
        freq: Rate of each train, in Hz.
        num_input: Number of trains per neuron, a whole number, at least 1.
        weight: Jump per spike, in the unit of the state.
        target: The state that is driven, such as `population.V`.
        indices: The neurons driven, an index array or slice; None for all.
        refractory: Neurons whose state is left alone, booleans of the state's shape.

    Raises:
        ParameterError: An argument has the wrong unit or range.
        InputError: The unit of `weight` is not that of the state.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import LIF, poisson_input
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = brainstate.nn.init_all_states(LIF(10, V_th=20 * u.mV))
        >>> poisson_input(10 * u.Hz, 1000, 0.1 * u.mV, neuron.V)
    """
    if not same_dimension(freq, u.Hz):
        raise UnitError(f"poisson_input.freq: expected a frequency >= 0, got {show(freq)}")
    if not isinstance(u.get_mantissa(freq), jax.core.Tracer) and np.any(u.get_mantissa(freq) < 0):
        raise ParameterError(f"poisson_input.freq: expected a frequency >= 0, got {show(freq)}")
    for name, value, rule in (("num_input", num_input, _is_count), ("target", target, _is_state)):
        if not rule.holds(value):
            raise ParameterError(f"poisson_input.{name}: expected {rule.text}, got {show(value)}")
    _add_spikes("poisson_input", num_input * freq, weight, target, indices, refractory)


def _add_spikes(
    who: str, rate: Any, weight: Any, target: Any, indices: Any, refractory: Any = None
) -> None:
    state = target if isinstance(target, brainstate.State) else target.get_item()
    if not same_dimension(state.value, weight):
        raise InputError(
            f"{who}.weight: expected {dimension_name(state.value)} like the target, "
            f"got {show(weight)}"
        )
    chosen = np.s_[:] if indices is None else indices
    chosen = chosen if isinstance(chosen, slice) else np.asarray(chosen)
    driven = state.value[..., chosen]
    mean = u.get_magnitude(rate * brainstate.environ.get_dt())
    counts = poisson_counts(mean, driven.shape).astype(driven.dtype)
    if refractory is not None:
        counts = jnp.where(jnp.asarray(refractory)[..., chosen], 0.0, counts)
    state.value = state.value.at[..., chosen].add(weight * counts)
