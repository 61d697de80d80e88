"""Spike sources: populations whose spikes are drawn or given."""

import math
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    Constraint,
    Dynamics,
    InputError,
    ParameterError,
    option,
    param,
    positive,
    state,
)
from brainloom_core.context import current_dt
from brainloom_core.types import Arguments, Array, DTypeLike, Quantity, Shape, Time
from brainloom_core.units import same_dimension, show

from .rates import (
    LAST_STEP,
    LateRate,
    as_quantities,
    current_step,
    expected_spikes,
    is_of_time,
    judged,
    poisson_spikes,
    rate_param,
    require_one_per_step,
    spike_type,
)

__all__ = ["PoissonEncoder", "PoissonSpike", "SpikeTime"]


class Source(Dynamics):
    """Base of everything that needs no input: `update()` returns this step's spikes or current.

    The step is `i` of the environment (`brainstate.environ.context(i=...)`); where there is
    none, it is the nearest to the time, which is `t` of the call or of the environment.
    Durations become steps where they are used, so that one source serves any `dt`.
    """

    signature_layout = ("in_size", ..., "name")
    role: ClassVar[str] = "source"
    solver: Any = None

    members = state(
        lambda model, shape: model._no_values(shape),
        "without elements: its shape is that of the batch, each of whose members is drawn anew",
        brainstate.ShortTermState,
        internal=True,
    )

    @property
    def _batch(self) -> tuple[int, ...]:
        members = vars(self).get("members")
        return () if members is None else tuple(members.value.shape[:-1])

    @property
    def _shape(self) -> Shape:
        return (*self._batch, *self.in_size)

    def _step(self, t: Time) -> jax.Array:
        return current_step(t)

    def _no_values(self, shape: Shape) -> Quantity:
        batch = shape[:-1] if shape[-1] == 0 else shape[: len(shape) - len(self.in_size)]
        return jnp.zeros((*batch, 0))

    def _per_batch(self, row: Quantity) -> Quantity:
        return u.math.broadcast_to(row, self._shape)

    def _refuse(
        self, name: str, expected: str, got: object, kind: type[Exception] = ParameterError
    ) -> NoReturn:
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


class SpikeSource(Source):
    r"""Base of the populations whose spikes are drawn or given: one step, one set of spikes.

    A step writes the spikes to the state `spike`, which everybody reads by `get_spike()`: any
    number of projections, and a recording. In a network sources step first, so that their spikes
    act from the beginning of the step, which is also their time: a spike of step $i$ has the time
    $i\,\Delta t$.

    A model writes `drawn`, and has an option `spk_type` where its spikes are not `bool`.

    Args:
        in_size: Number of neurons, or the shape of the population.
        name: Name of the module.
    """

    graph_invisible_attrs = (
        *Source.graph_invisible_attrs,
        *("_advanced", "_compiled"),
    )
    _advanced = 0  # counts calls, those that are traced too: readers tell whether there was one
    _compiled = False  # whether the last call was traced

    spike = state(
        lambda model, shape: model._no_spikes(shape),
        "spikes of the last step",
        brainstate.ShortTermState,
    )

    def drawn(self, *args: Any) -> Quantity:
        """The spikes of one step; what a source has to write.

        Args:
            args: What the source is called with.
        """
        raise NotImplementedError(f"{type(self).__name__} has no drawn()")

    def update(self, t: Time | None = None) -> Quantity:
        """Draw this step's spikes; to be called once in a step, which a network does.

        Args:
            t: Time at the beginning of the step, None for that of the environment.

        Returns:
            Spikes of the step, shape `(*batch, *in_size)`.
        """
        return self._advance(self.drawn(t))

    def get_spike(self) -> Quantity:
        """The spikes of the step, which the source drew when it was called; zero before."""
        return self.spike.value

    def advanced_since(self, seen: int) -> int:
        """The number of the last call, for a reader that has had the spikes of call `seen`.

        Args:
            seen: What this method returned to the reader before, 0 the first time.

        Raises:
            InputError: The source has not been called since, so that the reader would get the
                same spikes again, or none.
        """
        # Where one function is compiled for the source and none for the reader, calls of the
        # source cannot be seen.
        spikes = u.get_mantissa(self.get_spike())
        is_unseen = self._compiled and not isinstance(spikes, jax.core.Tracer) and seen > 0
        if self._advanced == seen and not is_unseen:
            raise InputError(
                f"{type(self).__name__}: a projection asks for its spikes, but nothing has "
                "advanced it in this step. Make it an attribute of the network, which calls it "
                "first in each step; or, in a loop of your own, call it before its projections, "
                "source()"
            )
        return self._advanced

    def _advance(self, spikes: Quantity) -> Quantity:
        if "spike" in vars(self):
            held = self.spike.value.shape
            if np.shape(spikes) != held:
                hint = ""
                if np.shape(spikes)[1:] == self.in_size:
                    batch = np.shape(spikes)[0]
                    hint = f": brainstate.nn.init_all_states(net, batch_size={batch}) fits them"
                raise InputError(
                    f"{type(self).__name__}: the spikes of this step have shape "
                    f"{np.shape(spikes)}, its state has {held}{hint}"
                )
            self.assign_states({"spike": spikes})
        traced = isinstance(u.get_mantissa(spikes), jax.core.Tracer)
        self.__dict__.update(_advanced=self._advanced + 1, _compiled=traced)
        return spikes

    def _no_spikes(self, shape: Shape) -> Quantity:
        kind = jax.dtypes.canonicalize_dtype(getattr(self, "spk_type", bool))
        return jnp.zeros(shape, kind)


class RateSource(SpikeSource):
    """Base of the sources whose rates are a parameter."""

    _rate_name: ClassVar[str] = "freqs"
    spk_type: DTypeLike
    bin_width: Quantity

    expected_per_step = state(
        lambda model, shape: jnp.zeros((), brainstate.environ.dftype()),
        "largest mean number of spikes in the last step, NaN from one on that cannot be drawn",
        LateRate,
        when="judges_late",
        internal=True,
    )

    @property
    def judges_late(self) -> bool:
        """Whether rates become known in a step only: those of a function, and trained ones."""
        held = vars(self).get(self._rate_name)
        return is_of_time(held) or isinstance(held, (brainstate.State, brainstate.nn.Param))

    def expected(self, t: Time | None) -> Array:
        """Mean number of spikes of each neuron in this step.

        Args:
            t: Time at the beginning of the step, None for that of the environment.
        """
        who = f"{type(self).__name__}.{self._rate_name}"
        rate = getattr(self, self._rate_name)
        expected = expected_spikes(who, rate, self.bin_width, self.in_size, t)
        require_one_per_step(who, rate, self.spk_type)
        if "expected_per_step" in vars(self):
            before = self.expected_per_step.value
            self.expected_per_step.value = judged(expected, self.spk_type) + 0.0 * before
        return expected


class PoissonTrains(RateSource):
    """Base of the Poisson trains whose rates are a parameter."""

    def drawn(self, t: Any = None) -> Any:
        """The spikes of one step.

        Args:
            t: Time at the beginning of the step, None for that of the environment.
        """
        return poisson_spikes(self.expected(t), self._shape, self.spk_type)


class PoissonSpike(PoissonTrains):
    r"""Independent Poisson spike trains.

    In each step a neuron spikes with probability $f \Delta t$, at most once, so that the mean rate
    is $f$ at any step; above 1 it is an error. What is not that of a Poisson process is the
    variance: since no two spikes share a step, that of the number of spikes is $1 - f \Delta t$ of
    the mean, as with a refractory period of one step, which shows where $f \Delta t$ exceeds about
    0.1. With a type of number as `spk_type`, the spikes are the number in each step, from a
    Poisson distribution of mean $f \Delta t$, which is exact for any step. (Rates that become
    known in a compiled step only, of a function or a trained parameter, are judged by `simulate`
    after it has run; in a loop of your own there is one spike in each step then.)

    A rate may change in time. The number of spikes in a step follows $\int f\,dt$ over the step:
    $f(t + \Delta t / 2)\,\Delta t$ for a function, exact for an array.

    Args:
        in_size: Number of neurons, or the shape of the population.
        freqs: Rates $f$, in Hz: a scalar or one per neuron; an object that draws them, such as
            `Uniform(...)`; a function of the time, which returns a scalar or one per neuron
            (negative values count as zero); or an array over the time, with one row per step or,
            with `bin_width`, one value or row per bin, after whose end there are no spikes.
        spk_type: Type of the spikes: `bool` for at most one in a step, `int` or `float` for
            their number.
        bin_width: Width of a bin where `freqs` has one value or row per bin, at least `dt`; bins
            begin at the nearest step. None, the default, where it has not.
        name: Name of the module.

    Attributes:
        spike: Spikes of the last step, shape `(*batch, *in_size)`.

    Raises:
        ParameterError: `freqs` has the wrong unit or shape, or is negative.
        InputError: A rate is above `1 / dt` and the spikes are `bool`, a function returns
            something else than a rate, or a bin is below `dt`.

    References:
        Dayan & Abbott (2001), Theoretical Neuroscience, section 1.4; Gerstner, Kistler, Naud &
        Paninski (2014), Neuronal Dynamics, chapter 7, doi:10.1017/CBO9781107447615.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import PoissonSpike
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> PoissonSpike(100, freqs=20 * u.Hz)().shape
        (100,)
        >>> wave = PoissonSpike(100, freqs=lambda t: (10 + 10 * jnp.sin(t / (20 * u.ms))) * u.Hz)
        >>> psth = PoissonSpike(100, freqs=[5, 80, 20] * u.Hz, bin_width=50 * u.ms)
    """

    freqs: Quantity = rate_param(doc="rates", kw_only=False)
    spk_type: DTypeLike = option(default=bool, constraint=spike_type, doc="type of the spikes")
    bin_width: Quantity = param(
        default=None, constraint=positive, doc="width of a bin", unit=u.ms, optional=True
    )


class PoissonEncoder(SpikeSource):
    r"""Poisson spikes of rates that are given anew in each step.

    As [`PoissonSpike`][brainloom_neurons.PoissonSpike], with the rates as the argument of the
    call: a scalar, one per neuron, or with a batch axis in front, whose members are independent.

    Args:
        in_size: Number of neurons, or the shape of the population.
        spk_type: Type of the spikes: `bool` for at most one in a step, `int` or `float` for
            their number.
        name: Name of the module.

    Attributes:
        spike: Spikes of the last step, shape `(*batch, *in_size)`.

    Raises:
        InputError: The rates have the wrong unit or shape, are negative, or are above `1 / dt`
            while the spikes are `bool`.

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

    spk_type: DTypeLike = option(default=bool, constraint=spike_type, doc="type of the spikes")

    def update(self, freqs: Quantity | None = None) -> Quantity:
        """Draw this step's spikes at these rates.

        Inside `jit` rates are not known: negative ones count as zero there, and above `1 / dt`
        there is one `bool` spike in each step.

        Args:
            freqs: Rates, Hz; scalar, one per neuron, or of the shape `(*batch, *in_size)`.

        Returns:
            Spikes of the step, shape `(*batch, *in_size)`.

        Raises:
            InputError: There are no rates, or they have the wrong unit, shape or range.
        """
        if freqs is None:
            raise InputError(
                "PoissonEncoder.update(freqs): it needs the rates in each call, so that a network "
                "cannot advance it. Call it yourself, encoder(rates); rates that are known before "
                "are those of PoissonSpike(in_size, freqs=...)"
            )
        if not same_dimension(freqs, u.Hz):
            self._refuse("update(freqs)", "a frequency", freqs, InputError)
        shape = np.shape(freqs)
        batched = shape[1:] == self.in_size and len(shape) > 0 and not self._batch
        if shape not in ((), self.in_size, self._shape) and not batched:
            expected = f"a scalar or shape {self._shape}"
            self._refuse("update(freqs)", expected, freqs, InputError)
        expected = u.get_magnitude(freqs * current_dt())
        if not isinstance(expected, jax.core.Tracer) and np.any(np.asarray(expected) < 0):
            self._refuse("update(freqs)", "a frequency >= 0", freqs, InputError)
        require_one_per_step("PoissonEncoder.update(freqs)", freqs, self.spk_type)
        shape = shape if batched else self._shape
        return self._advance(poisson_spikes(expected, shape, self.spk_type))


class GivenSpikes(SpikeSource):
    """Base of the sources whose spikes are given."""

    def _row(
        self, position: Array, steps: np.ndarray, owner: np.ndarray, value: Quantity, n: int
    ) -> Quantity:
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


def grid(times: Time, rule: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Steps of given times by a rule of rounding that forgives errors of representation.

    0.3 ms / 0.1 ms is 2.9999999999999996; late times in single precision are off by more.
    """
    ratio = np.asarray(u.get_magnitude(times / current_dt()), np.float64)
    nearest = np.round(ratio)
    near = np.abs(ratio - nearest) <= np.clip(1e-6 * nearest, 1e-6, 1e-2)
    ratio = np.where(near, nearest, ratio)
    return np.clip(rule(ratio), -1, LAST_STEP).astype(np.int32)


def _spacing(times: Any) -> Any:
    """How far apart the latest times are in their precision."""
    latest = np.max(np.asarray(u.get_mantissa(times)), initial=0)
    apart = float(np.spacing(latest)) if latest.dtype.kind == "f" else 0.0
    return apart * u.get_unit(u.Quantity(times))


class SpikeTime(GivenSpikes):
    r"""Given spikes: neuron `indices[k]` spikes at `times[k]`.

    A spike at $t$ is given in the step that begins at $t$, so that a recording gives its time back.
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

    Attributes:
        spike: Values of the spikes of the last step, shape `(*batch, *in_size)`, in the unit of
            `weights`.

    Raises:
        ParameterError: Lengths differ, an index is out of range, a time negative or a weight not
            finite.

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

    indices: Quantity = option(fixed=True, doc="neuron of each spike", kw_only=False)
    times: Time = option(doc="time of each spike", kw_only=False)
    weights: Quantity = option(default=1.0, doc="value of each spike")
    time_as_step: str = option(
        default="round",
        constraint=Constraint(
            "one of 'round', 'floor', 'ceil' or a function",
            lambda rule: callable(rule) or rule in ("round", "floor", "ceil"),
        ),
        doc="rounding of times",
    )

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        super().configure(frame, values)
        self.indices = np.asarray(self.indices)
        self.indices = self.indices.astype(np.int64) if self.indices.size == 0 else self.indices
        size = math.prod(self.in_size)
        if self.indices.dtype.kind not in "iu" or np.any(self.indices >= size):
            self._refuse("indices", f"whole numbers below {size}", self.indices)
        if np.any(self.indices < 0) or self.indices.ndim != 1:
            self._refuse("indices", f"a list of whole numbers from 0 to {size - 1}", self.indices)
        if self.times is not vars(self).get("_kept_times"):
            self._apart = _spacing(as_quantities(self.times))
        self._given_times("times", len(self.indices))
        self._kept_times = self.times
        weights = as_quantities(self.weights)
        if weights is None or np.shape(weights) not in ((), self.indices.shape):
            self._refuse("weights", "a number or one per spike", self.weights)
        if not np.all(np.isfinite(np.asarray(u.get_mantissa(weights)))):
            self._refuse("weights", "finite values", self.weights)
        self.weights = weights

    def _no_spikes(self, shape: Shape) -> Quantity:
        unit = u.get_unit(self.weights)
        return u.math.zeros(shape, unit=unit, dtype=brainstate.environ.dftype())

    def drawn(self, t: Time | None = None) -> Quantity:
        """This step's row: the summed values of the spikes of each neuron.

        Args:
            t: Time at the beginning of the step, None for that of the environment.
        """
        self._require_known_steps()
        rule = self.time_as_step if callable(self.time_as_step) else getattr(np, self.time_as_step)
        steps, size = grid(self.times, rule), math.prod(self.in_size)
        row = self._row(self._step(t), steps, self.indices, self.weights, size)
        return self._per_batch(row.reshape(self.in_size))

    def _require_known_steps(self) -> None:
        """Raise where the times had too few digits to say in which step they are."""
        dt, limit = current_dt(), 0.5 if self.time_as_step == "round" else 0.02
        if float(u.get_magnitude(self._apart / dt)) > limit:
            raise InputError(
                f"SpikeTime.times: in single precision times up to {show(self.times.max())} are "
                f"known to {show(self._apart)} only, which is too little at dt = {show(dt)}. "
                "A list times a unit is single: give a numpy array, np.array([...]) * u.ms"
            )
