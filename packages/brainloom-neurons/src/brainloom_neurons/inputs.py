"""Input currents as functions of time, and noise currents."""

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    ANY_UNIT,
    UnitError,
    full,
    keys,
    non_negative,
    option,
    param,
    positive,
    state,
)
from brainloom_core.context import current_dt
from brainloom_core.types import Arguments, Array, Initializer, Quantity, Shape, Time
from brainloom_core.units import dimension_name, same_dimension, show, to_number, with_unit

from .rates import as_quantities, in_double, whole_steps
from .sources import Source

__all__ = [
    "ConstantInput",
    "OUProcessInput",
    "RampInput",
    "SectionInput",
    "SinusoidalInput",
    "StepInput",
    "WienerProcessInput",
]


class Current(Source):
    """Base of the currents: the value at the beginning of the step, for each neuron."""

    def _during(self, value: Quantity, step: Array, duration: Time) -> Quantity:
        """The value for as long as `duration` lasts (None: always), then 0."""
        if duration is not None:
            inside = (step >= 0) & (step < whole_steps(duration))
            value = u.math.where(inside, value, 0.0 * u.get_unit(value))
        return full(value, self._shape)

    def _same_unit(self, name: str, other: str) -> None:
        mine, theirs = getattr(self, name), getattr(self, other)
        if not same_dimension(mine, theirs):
            expected = f"{dimension_name(theirs)} like {other}"
            self._refuse(name, expected, mine, UnitError)

    def _given_values(self, name: str) -> int:
        """Check a list of values, each scalar or one per neuron, keep it, return its length."""
        value = getattr(self, name)
        array = value if isinstance(u.get_mantissa(value), jax.Array) else as_quantities(value)
        if array is None or np.ndim(array) == 0 or len(array) == 0:
            self._refuse(name, "a list of one or more values", value)
        if array.shape[1:] not in ((), self.in_size):
            self._refuse(name, f"values that are scalars or of shape {self.in_size}", value)
        number = u.get_mantissa(array)
        if not isinstance(number, jax.core.Tracer) and not np.all(np.isfinite(number)):
            self._refuse(name, "finite values", value)
        if vars(self)[name] is value:  # else it is trainable, and stays what it is
            number = jnp.asarray(number, brainstate.environ.dftype())
            setattr(self, name, with_unit(number, u.get_unit(array)))
        return len(array)


class SectionInput(Current):
    r"""A current that is constant in sections.

    `values[0]` for `durations[0]`, then `values[1]` for `durations[1]`, and so on; 0 after the
    last. A section ends at the step nearest to the sum of the durations up to it.

    Args:
        in_size: Number of neurons, or the shape of the population.
        values: The values, in any unit; scalars, or with an axis for the neurons behind.
        durations: How long each lasts, at least zero.
        name: Name of the module.

    Raises:
        ParameterError: Lengths differ, or a value or duration has a wrong unit, shape or range.

    References:
        NEST's `step_current_generator` and Brian2's `TimedArray` serve the same purpose.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import SectionInput
        >>> pulse = SectionInput(1, [0, 2, 0] * u.mA, [10, 5, 10] * u.ms)
        >>> with brainstate.environ.context(i=100, dt=0.1 * u.ms):
        ...     print(pulse())
        [2.] mA
    """

    values: Quantity = option(doc="values of the sections", kw_only=False)
    durations: Time = option(doc="how long each lasts", kw_only=False)

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        super().configure(frame, values)
        self._given_times("durations", self._given_values("values"))

    def update(self, t: Time | None = None) -> Quantity:
        """The value of the section in which the step lies.

        Args:
            t: Time at the beginning of the step, None for that of the environment.
        """
        ends = jnp.asarray(whole_steps(_cumulated(self.durations)))
        step, n, values = self._step(t), len(ends), self.values
        section = jnp.searchsorted(ends, step, side="right")
        value = values[jnp.minimum(section, n - 1)]
        inside = (step >= 0) & (section < n)
        return self._during(u.math.where(inside, value, 0.0 * u.get_unit(value)), step, None)


class ConstantInput(Current):
    r"""A constant current for some time.

    Args:
        in_size: Number of neurons, or the shape of the population.
        value: The value, in any unit; scalar or one per neuron.
        duration: How long it lasts, above zero; None for ever.
        name: Name of the module.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.

    References:
        NEST's `dc_generator` serves the same purpose.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import ConstantInput
        >>> current = ConstantInput(2, 1.5 * u.nA, 10 * u.ms)
        >>> with brainstate.environ.context(i=0, dt=0.1 * u.ms):
        ...     print(current())
        [1.5 1.5] nA
    """

    value: Quantity = param(unit=ANY_UNIT, doc="value", kw_only=False)
    duration: Quantity = param(
        default=None, constraint=positive, doc="how long it lasts", unit=u.ms, optional=True
    )

    def update(self, t: Time | None = None) -> Quantity:
        """The value, or 0 once it is over.

        Args:
            t: Time at the beginning of the step, None for that of the environment.
        """
        return self._during(self.value, self._step(t), self.duration)


class StepInput(Current):
    r"""A current that steps to a new value at given times and then stays.

    Args:
        in_size: Number of neurons, or the shape of the population.
        amplitudes: The values, in any unit; scalars, or with an axis for the neurons behind.
        step_times: When each begins, at least zero, in any order; before the first it is 0.
        name: Name of the module.

    Raises:
        ParameterError: Lengths differ, or a value or time has a wrong unit, shape or range.

    References:
        NEST's `step_current_generator` serves the same purpose.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import StepInput
        >>> current = StepInput(1, [1, 3] * u.mA, [0, 20] * u.ms)
        >>> with brainstate.environ.context(i=250, dt=0.1 * u.ms):
        ...     print(current())
        [3.] mA
    """

    amplitudes: Quantity = option(doc="values", kw_only=False)
    step_times: Time = option(doc="when each begins", kw_only=False)

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        super().configure(frame, values)
        self._given_times("step_times", self._given_values("amplitudes"))

    def update(self, t: Time | None = None) -> Quantity:
        """The value of the last step so far.

        Args:
            t: Time at the beginning of the step, None for that of the environment.
        """
        begins = whole_steps(self.step_times)
        order = np.argsort(begins, kind="stable")
        step, values = self._step(t), self.amplitudes
        number = jnp.searchsorted(jnp.asarray(begins[order]), step, side="right") - 1
        value = values[jnp.asarray(order)[jnp.maximum(number, 0)]]
        return self._during(u.math.where(number >= 0, value, 0.0 * u.get_unit(value)), step, None)


class RampInput(Current):
    r"""A current that changes linearly.

    $I(t) = c_\mathrm{start} + (c_\mathrm{end} - c_\mathrm{start})\,(t - t_\mathrm{start}) / d$
    from $t_\mathrm{start}$ on for the duration $d$, and 0 before and after.

    Args:
        in_size: Number of neurons, or the shape of the population.
        c_start: Value at the beginning $c_\mathrm{start}$, in any unit; scalar or one per neuron.
        c_end: Value at the end $c_\mathrm{end}$, in a unit of the same kind.
        duration: How long it lasts $d$, above zero.
        t_start: When it begins $t_\mathrm{start}$, at least zero; None for 0 ms.
        name: Name of the module.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.

    References:
        A ramp current is a usual protocol to find a rheobase.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import RampInput
        >>> current = RampInput(1, 0 * u.mA, 2 * u.mA, 100 * u.ms)
        >>> with brainstate.environ.context(i=500, dt=0.1 * u.ms):
        ...     print(current())
        [1.] mA
    """

    c_start: Quantity = param(unit=ANY_UNIT, doc="value at the beginning", kw_only=False)
    c_end: Quantity = param(unit=ANY_UNIT, doc="value at the end", kw_only=False)
    duration: Quantity = param(
        constraint=positive, doc="how long it lasts", unit=u.ms, kw_only=False
    )
    t_start: Quantity = param(
        default=None, constraint=non_negative, doc="when it begins", unit=u.ms, optional=True
    )

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        super().configure(frame, values)
        self._same_unit("c_end", "c_start")

    def update(self, t: Time | None = None) -> Quantity:
        """The value at the beginning of the step.

        Args:
            t: Time at the beginning of the step, None for that of the environment.
        """
        since = self._step(t)
        if self.t_start is not None:
            since = since - whole_steps(self.t_start)
        part = since * u.get_magnitude(current_dt() / self.duration)
        value = self.c_start + (self.c_end - self.c_start) * part
        return self._during(value, since, self.duration)


class SinusoidalInput(Current):
    r"""A sinusoidal current.

    $$
    I(t) = b + A \sin(2 \pi f t + \varphi)
    $$

    for a duration, then 0. The phase follows from the number of the step in whole numbers: in
    single precision it is right to $10^{-5}$ rad at any of the first $2^{31}$ steps, where
    $2 \pi f t$ itself would be off by more than 1 rad after $10^7$ cycles.
    (A frequency that is being trained is multiplied with the time as it is.)

    Args:
        in_size: Number of neurons, or the shape of the population.
        amplitude: Amplitude $A$, in any unit; scalar or one per neuron.
        frequency: Frequency $f$, above 0 Hz; scalar or one per neuron.
        duration: How long it lasts, above zero; None for ever.
        bias: Offset $b$ in a unit of the same kind; None for 0.
        phase: Phase $\varphi$ at time 0 in radians, 0; scalar or one per neuron.
        name: Name of the module.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.

    References:
        NEST's `ac_generator` serves the same purpose.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import SinusoidalInput
        >>> current = SinusoidalInput(1, 2 * u.mA, 50 * u.Hz)
        >>> with brainstate.environ.context(i=50, dt=0.1 * u.ms):
        ...     print(current())
        [2.] mA
    """

    amplitude: Quantity = param(unit=ANY_UNIT, doc="amplitude", kw_only=False)
    frequency: Quantity = param(constraint=positive, doc="frequency", unit=u.Hz, kw_only=False)
    duration: Quantity = param(
        default=None, constraint=positive, doc="how long it lasts", unit=u.ms, optional=True
    )
    bias: Quantity = param(default=None, doc="offset", unit=ANY_UNIT, optional=True)
    phase: Quantity = param(default=0.0, doc="phase at time 0", unit=u.UNITLESS)

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        super().configure(frame, values)
        if self.bias is not None:
            self._same_unit("bias", "amplitude")

    def update(self, t: Time | None = None) -> Quantity:
        """The value at the beginning of the step.

        Args:
            t: Time at the beginning of the step, None for that of the environment.
        """
        step, dt = self._step(t), current_dt()
        cycles = _cycles(step, u.get_magnitude(in_double(self.frequency) * in_double(dt)))
        value = self.amplitude * jnp.sin(2.0 * jnp.pi * cycles + self.phase)
        value = value if self.bias is None else value + self.bias
        return self._during(value, step, self.duration)


def _cycles(step: jax.Array, per_step: Quantity) -> jax.Array:
    """`step * per_step` up to whole numbers, between -1/2 and 1/2.

    The step is a number of three digits of 11 bits. What each digit contributes is known in
    double precision, and added as a whole number of 2^-32 cycles, where cycles drop out.
    """
    if isinstance(per_step, jax.core.Tracer):
        return step * per_step
    per_step, total = np.asarray(per_step, np.float64), jnp.zeros((), jnp.uint32)
    for shift in (0, 11, 22):
        part = np.round(np.mod(per_step * 2.0**shift, 1.0) * 2.0**32) % 2.0**32
        digit = (step.astype(jnp.uint32) >> shift) & 2047
        total = total + digit * jnp.asarray(part.astype(np.uint32))
    signed = jax.lax.bitcast_convert_type(total, jnp.int32)
    return signed.astype(brainstate.environ.dftype()) * 2.0**-32


def _cumulated(durations: Time) -> Quantity:
    return with_unit(np.cumsum(u.get_mantissa(durations)), u.get_unit(durations))


class WienerProcessInput(Current):
    r"""White noise: the derivative of a Wiener process.

    $$
    I(t) = \sigma\,\xi(t), \qquad \langle \xi(t)\,\xi(t') \rangle = \delta(t - t')
    $$

    Its mean over a step is returned, a normal number of standard deviation
    $\sigma / \sqrt{\Delta t}$, for each neuron and step anew. What it does to a neuron depends
    neither on the step nor on the unit in which that is written: a leaky membrane,
    $\tau \dot V = -V + R I$, has the variance $R^2 \sigma^2 / (2 \tau)$.

    The unit of $\sigma$ is that of the current times the square root of a time. (Noise that is
    given as a current, and multiplied by the square root of the number of milliseconds, would
    fade as the step becomes shorter: a noise of $s$ in each step of $\Delta t$ is written
    `sigma = s * dt**0.5`.)

    Args:
        in_size: Number of neurons, or the shape of the population.
        sigma: Strength $\sigma$, at least zero, such as `0.5 * u.mA * u.ms**0.5`; scalar or one
            per neuron.
        duration: How long it lasts, above zero; None for ever.
        name: Name of the module.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.

    References:
        Gerstner, Kistler, Naud & Paninski (2014), Neuronal Dynamics, section 8.1,
        doi:10.1017/CBO9781107447615.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import WienerProcessInput
        >>> noise = WienerProcessInput(100, 0.5 * u.mA * u.ms**0.5)
        >>> with brainstate.environ.context(i=0, dt=0.1 * u.ms):
        ...     noise().shape
        (100,)
    """

    sigma: Quantity = param(unit=ANY_UNIT, constraint=non_negative, doc="strength", kw_only=False)
    duration: Quantity = param(
        default=None, constraint=positive, doc="how long it lasts", unit=u.ms, optional=True
    )

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        super().configure(frame, values)
        if u.get_dim(self.sigma).get_dimension("time") % 1 != 0.5:
            expected = (
                "a current times the square root of a time, for example 0.5 * u.mA * u.ms**0.5 "
                "(s * dt**0.5 for a standard deviation of s in each step of dt)"
            )
            self._refuse("sigma", expected, self.sigma, UnitError)

    def update(self, t: Time | None = None) -> Quantity:
        """Draw the mean of the noise over this step.

        Args:
            t: Time at the beginning of the step, None for that of the environment; only the end of
                `duration` depends on it.
        """
        root = float(current_dt().to_decimal(u.ms)) ** 0.5
        noise = keys.normal(self._shape)
        number = u.get_mantissa(self.sigma) / root * noise
        value = with_unit(number, u.get_unit(self.sigma) / u.ms**0.5)
        return value if self.duration is None else self._during(value, self._step(t), self.duration)


class OUProcessInput(Current):
    r"""Coloured noise: an Ornstein-Uhlenbeck process.

    $$
    dx = \frac{\mu - x}{\tau}\,dt + \sigma\,dW
    $$

    has the mean $\mu$, in the long run the standard deviation $\sigma \sqrt{\tau / 2}$, and the
    autocorrelation $e^{-|t| / \tau}$. The update is exact for any step:

    $$
    x(t + \Delta t) = \mu + (x(t) - \mu)\,e^{-\Delta t / \tau}
        + \sigma \sqrt{\tfrac{\tau}{2} (1 - e^{-2 \Delta t / \tau})}\;\mathcal{N}(0, 1)
    $$

    The unit of $\sigma$ is that of the current divided by the square root of a time; for a
    standard deviation $s$ in the long run write `sigma = s * (2 / tau)**0.5`.

    Args:
        in_size: Number of neurons, or the shape of the population.
        mean: Mean $\mu$, in any unit; scalar or one per neuron.
        sigma: Strength $\sigma$, at least zero, such as `0.1 * u.mA / u.ms**0.5`; scalar or one
            per neuron.
        tau: Correlation time $\tau$; scalar or one per neuron.
        duration: How long the current lasts, above zero; None for ever.
        x_initializer: Where the process starts: `"mean"`; `"stationary"`, a draw from its
            distribution in the long run; or a constant, an array or a function of the shape.
        name: Name of the module.

    Attributes:
        x: The process, shape `(*batch, *in_size)`, in the unit of `mean`.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.

    References:
        Uhlenbeck & Ornstein (1930), Phys. Rev. 36, 823, doi:10.1103/PhysRev.36.823;
        Gillespie (1996), Phys. Rev. E 54, 2084, doi:10.1103/PhysRevE.54.2084.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import OUProcessInput
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> noise = OUProcessInput(100, 1 * u.mA, 0.1 * u.mA / u.ms**0.5, tau=5 * u.ms)
        >>> _ = brainstate.nn.init_all_states(noise)
        >>> noise().shape
        (100,)
    """

    mean: Quantity = param(unit=ANY_UNIT, doc="mean", kw_only=False)
    sigma: Quantity = param(unit=ANY_UNIT, constraint=non_negative, doc="strength", kw_only=False)
    tau: Quantity = param(unit=u.ms, constraint=positive, doc="correlation time", kw_only=False)
    duration: Quantity = param(
        default=None, constraint=positive, doc="how long it lasts", unit=u.ms, optional=True
    )
    x_initializer: Initializer | str = option(default="mean", doc="where the process starts")
    x = state(lambda model, shape: model._start(shape), "the process")

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        super().configure(frame, values)
        if not same_dimension(self.sigma * self.tau**0.5, self.mean):
            unit = u.get_unit(self.mean) / u.ms**0.5
            expected = (
                f"mean's unit divided by the square root of a time, for example {show(0.1 * unit)} "
                "(s * (2 / tau)**0.5 for a standard deviation of s in the long run)"
            )
            self._refuse("sigma", expected, self.sigma, UnitError)
        self._check_start(self.x_initializer)

    def _check_start(self, value: Initializer) -> None:
        if isinstance(value, str) and value in ("mean", "stationary"):
            return
        if isinstance(value, str) or (callable(value) and not isinstance(value, u.Quantity)):
            if isinstance(value, str):
                expected = "'mean', 'stationary', a value or a function of the shape"
                self._refuse("x_initializer", expected, value)
            return
        if not same_dimension(value, self.mean):
            expected = f"{dimension_name(self.mean)} like mean"
            self._refuse("x_initializer", expected, value, UnitError)

    def _start(self, shape: Shape) -> Quantity:
        value, unit = self.x_initializer, u.get_unit(self.mean)
        if isinstance(value, str):
            spread = 1.0 if value == "stationary" else 0.0
            return self._drawn(full(self.mean, shape), spread)
        value = value(shape) if callable(value) and not isinstance(value, u.Quantity) else value
        self._check_start(value)
        if np.shape(value) not in ((), self.in_size, shape):
            self._refuse("x_initializer", f"a scalar or shape {shape}", f"shape {np.shape(value)}")
        return full(with_unit(to_number(value, unit), unit), shape)

    def _drawn(self, centre: Quantity, part: Quantity) -> Quantity:
        """Normal numbers whose variance is this part of that in the long run."""
        spread = self.sigma * (self.tau * 0.5 * part) ** 0.5
        noise = keys.normal(centre.shape, centre.dtype)
        return centre + spread * noise

    def update(self, t: Time | None = None) -> Quantity:
        """Advance the process by one step, and return it.

        Args:
            t: Time at the beginning of the step, None for that of the environment; only the end of
                `duration` depends on it.
        """
        steps, mean = u.get_magnitude(current_dt() / self.tau), self.mean
        kept = mean + (self.x.value - mean) * jnp.exp(-steps)
        self.assign_states({"x": self._drawn(kept, -jnp.expm1(-2.0 * steps))})
        x = self.x.value
        return x if self.duration is None else self._during(x, self._step(t), self.duration)
