"""Encoders: from values to sequences, time first.

An encoder is a callable, `encoder(values)`: values of any shape become a sequence `(T, *shape)`.
Its length is `n_steps`, or `duration` in steps of the `dt` that is set when it is called.
"""

from dataclasses import dataclass

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    ANY_UNIT,
    InputError,
    ParameterError,
    between,
    non_negative,
    one_of,
    option_field,
    positive,
    quantity_field,
    whole,
)
from brainloom_core.context import current_dt
from brainloom_core.types import Array, Quantity, Time
from brainloom_core.units import (
    dimension_name,
    in_steps,
    same_dimension,
    show,
    step_count,
    to_number,
)

__all__ = [
    "DeltaEncoder",
    "DirectEncoder",
    "Encoder",
    "LatencyEncoder",
    "PopulationEncoder",
    "RateEncoder",
]

EPSILON = 1e-7  # how far above threshold a value counts as the smallest


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """Base of the encoders that decide how long their sequences are.

    Args:
        n_steps: Number $T$ of steps; one of `n_steps` and `duration` is given.
        duration: The same as a time.
    """

    n_steps: int | None = option_field(default=None)
    duration: Quantity = quantity_field(default=None, constraint=positive, unit=u.ms, optional=True)

    def __post_init__(self) -> None:
        if self.n_steps is not None and not whole.holds(self.n_steps):
            raise ParameterError(self._says("n_steps", whole.text, self.n_steps))
        if (self.n_steps is None) == (self.duration is None):
            got = "neither" if self.n_steps is None else "both"
            raise ParameterError(f"{type(self).__name__}: expected n_steps or duration, got {got}")

    def length(self) -> int:
        """The number of steps, for the time step that is set."""
        if self.duration is None:
            return int(self.n_steps or 0)
        return max(1, int(step_count(self.duration, current_dt())))

    def __call__(self, values: Quantity) -> Quantity:
        """The sequence that stands for some values, time first.

        Args:
            values: Values of any shape, with the unit and the bounds that the encoder asks for.

        Returns:
            The sequence, shape `(T, *shape)`.
        """
        raise NotImplementedError

    def _says(self, name: str, expected: str, got: object) -> str:
        return f"{type(self).__name__}.{name}: expected {expected}, got {show(got)}"


def _numbers(encoder: Encoder, values: Quantity, low: float = 0.0, high: float = 1.0) -> jax.Array:
    """The values as floats, checked to be plain numbers within the bounds where they are known."""
    known = not isinstance(u.get_mantissa(values), jax.core.Tracer)
    unit = isinstance(values, u.Quantity) and values.unit != u.UNITLESS
    x = np.asarray(u.get_mantissa(values)) if known else u.get_mantissa(values)
    if unit or (known and not bool(np.all((x >= low) & (x <= high)))):
        got = show(values)
        if known and x.size:
            got += f" with values from {x.min():g} to {x.max():g}"
        raise InputError(
            f"{type(encoder).__name__}(values): expected numbers without unit between {low:g} and "
            f"{high:g}, got {got}"
        )
    return jnp.asarray(x, brainstate.environ.dftype())


@dataclass(frozen=True, kw_only=True)
class RateEncoder(Encoder):
    r"""Spikes at random, at rates in proportion to the values.

    A value $x$ spikes in a step of length $\Delta t$ with the probability

    $$
    p = 1 - e^{-x\, r_\mathrm{max} \Delta t} \;\;(\text{Poisson})
    \qquad p = x\, r_\mathrm{max} \Delta t \;\;(\text{Bernoulli})
    $$

    Without a maximal rate a value is the probability itself, $p = x$. Steps and values are
    independent, and the randomness is that of `brainstate.random`: give a batch as a whole, since
    under `jax.vmap` all its elements would get the same draws.

    Args:
        max_rate: Rate $r_\mathrm{max}$ of the value 1; None.
        kind: `"poisson"` or `"bernoulli"`, whose rate is exact as long as $p \le 1$ holds.
        signed: Whether values may be negative, down to -1; their spikes are -1.
        n_steps: Number of steps. With neither `n_steps` nor `duration` the values are a sequence
            themselves, with a probability for each step.
        duration: The same as a time.

    Raises:
        ParameterError: A parameter has the wrong unit or range.
        InputError: A value lies outside [0, 1] (or [-1, 1]), or a probability exceeds 1.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_training import RateEncoder
        >>> encoder = RateEncoder(duration=1 * u.second, max_rate=200 * u.Hz)
        >>> with brainstate.environ.context(dt=1 * u.ms), brainstate.random.seed_context(0):
        ...     spikes = encoder([0.0, 0.5, 1.0])
        >>> spikes.shape, bool(70 < spikes[:, 1].sum() < 120)
        ((1000, 3), True)
    """

    max_rate: Quantity = quantity_field(default=None, constraint=positive, unit=u.Hz, optional=True)
    kind: str = option_field(default="poisson", constraint=one_of("poisson", "bernoulli"))
    signed: bool = option_field(default=False, constraint=one_of(True, False))

    def __post_init__(self) -> None:
        if self.n_steps is not None or self.duration is not None:
            super().__post_init__()

    def __call__(self, values: Quantity) -> jax.Array:
        """Spikes `(T, *shape)`, 0 or 1 (or -1), of values in [0, 1] (or [-1, 1])."""
        x = _numbers(self, values, -1.0 if self.signed else 0.0)
        if self.n_steps is not None or self.duration is not None:
            x = jnp.broadcast_to(x, (self.length(), *x.shape))
        spikes = brainstate.random.rand(*x.shape) < self._probability(abs(x))
        return jnp.sign(x) * spikes if self.signed else spikes.astype(x.dtype)

    def _probability(self, x: jax.Array) -> jax.Array:
        if self.max_rate is None:
            return x
        most = u.get_magnitude(self.max_rate * current_dt())
        if self.kind == "poisson":
            return -jnp.expm1(-x * most)
        if not isinstance(most, jax.core.Tracer) and most > 1.0 + 1e-6:
            expected = f"at most one spike in a step of {show(current_dt())}"
            raise InputError(self._says("max_rate", expected, self.max_rate))
        return x * most


@dataclass(frozen=True, kw_only=True)
class LatencyEncoder(Encoder):
    r"""One spike for each value, the earlier the larger the value.

    $$
    t(x) = t_0 + \tau \ln\frac{x}{x - \theta} \;\;(\text{logarithmic})
    \qquad t(x) = t_0 + \tau (1 - x) \;\;(\text{linear})
    $$

    The first is when a leaky integrator with the time constant $\tau$ reaches the threshold
    $\theta$ under the constant current $x$. A spike is in the step that is nearest to its time; one
    that would come after the last step is in the last step.

    Args:
        tau: Time constant $\tau$; None, the time from the first step to the last.
        threshold: Smallest value $\theta$ that counts, between 0 and 1.
        linear: Whether the code is linear.
        normalize: Whether the code is stretched from $t_0$ to the last step, which is that of the
            smallest value above the threshold (0, if linear); it depends on no other value.
        start: Time $t_0$ before the first spikes, 0 ms.
        silent: Whether a value below the threshold has no spike; else it spikes in the last step.
        n_steps: Number of steps.
        duration: The same as a time.

    Raises:
        ParameterError: A parameter has the wrong unit or range.
        InputError: A value lies outside [0, 1], or `start` is not before the end.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_training import LatencyEncoder
        >>> encoder = LatencyEncoder(n_steps=5, linear=True, normalize=True)
        >>> with brainstate.environ.context(dt=1 * u.ms):
        ...     print(encoder([0.02, 0.5, 1.0]))
        [[0. 0. 1.]
         [0. 0. 0.]
         [0. 1. 0.]
         [0. 0. 0.]
         [1. 0. 0.]]
    """

    tau: Quantity = quantity_field(default=None, constraint=positive, unit=u.ms, optional=True)
    threshold: float = quantity_field(default=0.01, constraint=between(1e-6, 0.999))
    linear: bool = option_field(default=False, constraint=one_of(True, False))
    normalize: bool = option_field(default=False, constraint=one_of(True, False))
    start: Quantity = quantity_field(
        default=None, constraint=non_negative, unit=u.ms, optional=True
    )
    silent: bool = option_field(default=False, constraint=one_of(True, False))

    def __call__(self, values: Quantity) -> jax.Array:
        """Spikes `(T, *shape)`, 0 or 1, of values in [0, 1]."""
        x = _numbers(self, values)
        last = self.length() - 1
        when = jnp.clip(jnp.round(self._latency(x, last)), 0, last).astype(jnp.int32)
        spikes = jnp.arange(last + 1).reshape(-1, *(1,) * x.ndim) == when
        if self.silent:
            spikes &= x >= self.threshold
        return spikes.astype(x.dtype)

    def _latency(self, x: jax.Array, last: int) -> jax.Array:
        """Times of the spikes in steps."""
        start = self._in_steps(self.start, 0.0)
        if not isinstance(start, jax.core.Tracer) and start > last:
            raise InputError(
                self._says("start", f"a time before the last, step {last}", self.start)
            )
        if self.linear:
            latency = 1.0 - jnp.maximum(x, self.threshold)
            longest = 1.0
        else:
            above = jnp.maximum(x - self.threshold, EPSILON)
            latency = jnp.log1p(self.threshold / above)
            longest = np.log1p(self.threshold / EPSILON)
        if self.normalize:
            return start + (last - start) * latency / longest
        return start + self._in_steps(self.tau, last) * latency

    def _in_steps(self, time: Time | None, default: float) -> Array | float:
        return default if time is None else in_steps(time, current_dt())


@dataclass(frozen=True)
class PopulationEncoder:
    r"""Each value excites a population, whose activities another encoder turns into a sequence.

    The neurons have Gaussian receptive fields whose centres $c_i$ are evenly spaced from `low` to
    `high`. A value $x$ gives neuron $i$ the activity

    $$
    a_i = e^{-(x - c_i)^2 / 2 \sigma^2}
    $$

    Args:
        n: Number of neurons for each value, at least 2.
        encoder: Encoder of the activities, which lie in [0, 1].
        low: Centre of the first field, 0; values are in the same dimension.
        high: Centre of the last field, 1.
        width: Width $\sigma$; None, the distance of two centres.

    Raises:
        ParameterError: A parameter has the wrong unit or range.
        InputError: The values have a unit of another dimension.

    References:
        Bohte, La Poutré & Kok (2002), IEEE Trans. Neural Netw. 13, 426, doi:10.1109/72.991428.

    Examples:
        >>> import brainunit as u, jax.numpy as jnp, numpy as np
        >>> from brainloom_training import LatencyEncoder, PopulationEncoder
        >>> encoder = PopulationEncoder(3, LatencyEncoder(n_steps=10), low=0 * u.mV, high=2 * u.mV)
        >>> print(np.asarray(encoder.activities(1.0 * u.mV)).round(3))
        [0.607 1.    0.607]
        >>> encoder(jnp.array([0.5, 1.0]) * u.mV).shape
        (10, 2, 3)
    """

    n: int = option_field(constraint=whole)
    encoder: Encoder = option_field()
    low: Quantity = quantity_field(default=0.0, unit=ANY_UNIT)
    high: Quantity = quantity_field(default=1.0, unit=ANY_UNIT)
    width: Quantity = quantity_field(
        default=None, constraint=positive, unit=ANY_UNIT, optional=True
    )

    def __post_init__(self) -> None:
        if self.n < 2:
            raise ParameterError(f"PopulationEncoder.n: expected at least 2, got {self.n}")
        if not callable(self.encoder) or isinstance(self.encoder, type):
            raise ParameterError(
                f"PopulationEncoder.encoder: expected an encoder such as RateEncoder(n_steps=100), "
                f"got {show(self.encoder)}"
            )
        for name in ("low", "high", "width"):
            if np.ndim(u.get_mantissa(getattr(self, name))) > 0:
                got = show(getattr(self, name))
                raise ParameterError(f"PopulationEncoder.{name}: expected one number, got {got}")
        for name in ("high", "width"):
            value = getattr(self, name)
            if value is not None and not same_dimension(self.low, value):
                raise ParameterError(
                    f"PopulationEncoder.{name}: expected {dimension_name(self.low)} as low, "
                    f"got {show(value)}"
                )
        if not bool(self.high > self.low):
            got = f"low = {show(self.low)}, high = {show(self.high)}"
            raise ParameterError(f"PopulationEncoder.high: expected high > low, got {got}")

    def activities(self, values: Quantity) -> jax.Array:
        """Activities `(*shape, n)` in [0, 1] of values `shape`.

        Args:
            values: Values of any shape, in the dimension of `low`.
        """
        if not same_dimension(values, self.low):
            raise InputError(
                f"PopulationEncoder(values): expected {dimension_name(self.low)}, "
                f"got {show(values)}"
            )
        spacing = (self.high - self.low) / (self.n - 1)
        x = u.get_magnitude((u.math.asarray(values) - self.low) / spacing)
        distance = jnp.asarray(x, brainstate.environ.dftype())[..., None] - jnp.arange(self.n)
        width = 1.0 if self.width is None else u.get_magnitude(self.width / spacing)
        return jnp.exp(-((distance / width) ** 2) / 2.0)

    def __call__(self, values: Quantity) -> Quantity:
        """A sequence `(T, *shape, n)`.

        Args:
            values: Values of any shape, in the dimension of `low`.
        """
        return self.encoder(self.activities(values))


@dataclass(frozen=True)
class DeltaEncoder:
    r"""Spikes where a sequence changes, as an event camera sends them (send on delta).

    A spike is sent in step $t$ when the value has moved by the threshold $\theta$ or more away from
    a reference. With `reference="sent"` that is what the receiver knows: each spike moves it by
    $\pm\theta$, so that, as long as the value moves by less than $\theta$ in a step, the sum of
    the spikes times $\theta$ follows it with an error below $\theta$. With `"previous"` it is
    the value one step before, as in snnTorch.

    Args:
        threshold: Threshold $\theta$, 0.1; in the dimension of the values.
        output: `"signed"`, spikes of 1 and -1; `"on"`, only increases; `"channels"`, increases and
            decreases side by side along the last axis, which becomes twice as long.
        reference: `"sent"` or `"previous"`.
        initial: The first reference; None, the first value, so that the first step is silent.

    Raises:
        ParameterError: A parameter has the wrong unit or range.
        InputError: The values have a unit of another dimension, or no time axis.

    References:
        Miśkowicz (2006), Sensors 6, 49, doi:10.3390/s6010049.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import DeltaEncoder
        >>> print(DeltaEncoder(1.0, initial=0.0)(jnp.array([0.0, 1.2, 2.1, 1.0, 1.0])))
        [ 0.  1.  1. -1.  0.]
    """

    threshold: Quantity = quantity_field(default=0.1, constraint=positive, unit=ANY_UNIT)
    output: str = option_field(default="signed", constraint=one_of("signed", "on", "channels"))
    reference: str = option_field(default="sent", constraint=one_of("sent", "previous"))
    initial: Quantity = quantity_field(default=None, unit=ANY_UNIT, optional=True)

    def __post_init__(self) -> None:
        if self.initial is not None and not same_dimension(self.initial, self.threshold):
            raise ParameterError(
                f"DeltaEncoder.initial: expected {dimension_name(self.threshold)} as threshold, "
                f"got {show(self.initial)}"
            )

    def __call__(self, values: Quantity) -> jax.Array:
        """Spikes `(T, *shape)` of a sequence `(T, *shape)`; with channels, `(T, ..., 2 n)`.

        Args:
            values: A sequence, time first, in the dimension of `threshold`.
        """
        if not same_dimension(values, self.threshold) or np.ndim(u.get_mantissa(values)) == 0:
            raise InputError(
                f"DeltaEncoder(values): expected a sequence in the dimension of threshold "
                f"({dimension_name(self.threshold)}), time first, got {show(values)}"
            )
        scaled = u.get_magnitude(u.math.asarray(values) / self.threshold)
        x = jnp.asarray(scaled, brainstate.environ.dftype())
        first = x[0]
        if self.initial is not None:
            start = jnp.asarray(u.get_magnitude(self.initial / self.threshold), x.dtype)
            first = jnp.broadcast_to(start, first.shape)
        spikes = self._spikes(x, first)
        if self.output == "signed":
            return spikes
        on = jnp.maximum(spikes, 0.0)
        if self.output == "on":
            return on
        off = jnp.maximum(-spikes, 0.0)
        return jnp.stack([on, off], -1) if x.ndim == 1 else jnp.concatenate([on, off], -1)

    def _spikes(self, x: jax.Array, first: jax.Array) -> jax.Array:
        if self.reference == "previous":
            return _beyond(x - jnp.concatenate([first[None], x[:-1]]))

        def step(known: jax.Array, value: jax.Array) -> tuple[jax.Array, jax.Array]:
            spikes = _beyond(value - known)
            return known + spikes, spikes

        return jax.lax.scan(step, first, x)[1]


def _beyond(change: jax.Array) -> jax.Array:
    """1 or -1 where the change, in thresholds, reaches one, but for an error of rounding."""
    return jnp.where(abs(change) >= 1.0 - 1e-6, jnp.sign(change), 0.0)


@dataclass(frozen=True, kw_only=True)
class DirectEncoder(Encoder):
    """The values themselves in every step, as currents for instance.

    Args:
        amplitude: What the value 1 stands for, with its unit; 1.
        n_steps: Number of steps.
        duration: The same as a time.

    Raises:
        ParameterError: A parameter has the wrong unit or range.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_training import DirectEncoder
        >>> print(DirectEncoder(n_steps=2, amplitude=2 * u.nA)([0.5, 1.0]))
        [[1. 2.]
         [1. 2.]] nA
    """

    amplitude: Quantity = quantity_field(default=1.0, unit=ANY_UNIT)

    def __call__(self, values: Quantity) -> Quantity:
        """A sequence `(T, *shape)` in the unit of `amplitude` (times that of the values)."""
        unit = u.get_unit(values)
        x = jnp.asarray(to_number(values, unit), brainstate.environ.dftype())
        scaled = x * (1.0 * unit) * self.amplitude if unit != u.UNITLESS else x * self.amplitude
        return u.math.broadcast_to(scaled, (self.length(), *x.shape))
