"""Devices by NEST's names: sources of spikes and currents, and the neuron that repeats."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    Constraint,
    Dynamics,
    Neuron,
    ParameterError,
    checked,
    duration,
    finite,
    full,
    function,
    keys,
    maybe,
    non_negative,
    param,
    positive,
    state,
    whole,
)
from brainloom_core.context import current_dt
from brainloom_core.types import Array, Quantity, Size, Time, Values
from brainloom_core.units import same_dimension, show, step_count
from brainloom_neurons import PoissonSpike, SinusoidalInput, SpikeTime, StepInput

__all__ = [
    "ac_generator",
    "dc_generator",
    "noise_generator",
    "parrot_neuron",
    "poisson_generator",
    "spike_generator",
    "step_current_generator",
]


def finite_in(unit: u.Unit, words: str, *, one: bool = False, least: float = -np.inf) -> Constraint:
    """Finite values of the dimension of a unit: a scalar, or of any shape; of at least so much."""

    def holds(x: object) -> bool:
        if not (isinstance(x, u.Quantity) and same_dimension(x, unit)):
            return False
        numbers = np.asarray(x.mantissa)
        return bool(
            (np.isfinite(numbers) & (numbers >= least)).all() and not (one and numbers.ndim)
        )

    return Constraint(words, holds)


current = finite_in(u.pA, "a current such as 300 pA", one=True)
currents = finite_in(u.pA, "currents such as [100, 200] * u.pA")
frequency = finite_in(u.Hz, "a frequency >= 0 such as 50 Hz", one=True, least=0.0)
rates = Constraint(
    "frequencies >= 0 such as 50 Hz, or a function of time",
    lambda x: function.holds(x) or finite_in(u.Hz, "", least=0.0).holds(x),
)
times = finite_in(u.ms, "times >= 0 such as [1, 5] * u.ms", least=0.0)


class parrot_neuron(Neuron):
    r"""Neuron that repeats each spike as it arrives.

    $$
    s(t) = \sum_k w_k\,\delta(t - t_k)
    $$

    A spike that arrives at $t$ is sent at $t$; several at once are a spike of that number. Weights
    are counts: connect it by `static_synapse(..., weight=1.0)`.

    Args:
        in_size: Number of neurons, or the shape of the population.
        name: Name of the module.
        solver: Time-stepping scheme, of no effect: nothing is to be integrated.

    Attributes:
        V: What has arrived, shape `(*batch, *in_size)`, no unit.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, a number.

    Raises:
        InputError: What arrives has a unit or the wrong shape.

    References:
        Gewaltig & Diesmann (2007), Scholarpedia 2(4), 1430, doi:10.4249/scholarpedia.1430.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_nest import parrot_neuron
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> parrot = parrot_neuron(1)
        >>> _ = brainstate.nn.init_all_states(parrot)
        >>> parrot.add_delta_input("spikes", 2.0)
        >>> print(parrot(), parrot())
        [2.] [0.]
    """

    interpolate: bool = False
    spike_lag = None
    spk_fun: Any = None
    spk_reset: str = "hard"
    detach_reset: bool | None = None
    acts_on_arrival: ClassVar[bool] = True
    unverified: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("solution of the declared equations", "declared accuracy", "threshold", "reset"),
        "it has no equation, and no threshold; parity compares with NEST",
    )
    V = state(lambda model, shape: full(0.0, shape), "what has arrived")

    def after_spike(self, y: dict[str, Quantity]) -> dict[str, Quantity]:
        """Nothing has arrived yet.

        Args:
            y: Values of the states by name.
        """
        return {**y, "V": 0.0 * y["V"]}

    def fires(self, before: Values, new: Values) -> Array:
        """What has arrived in a step.

        Args:
            before: Values of the states before the step.
            new: Those after it.
        """
        return new["V"]


class spike_generator(SpikeTime):
    r"""Source of spikes at given times, for all its elements the same.

    $$
    s(t) = \sum_k \delta(t - t_k)
    $$

    Args:
        in_size: Number of elements.
        spike_times: Times of the spikes, on the grid, or rounded to it.
        name: Name of the module.

    Raises:
        ParameterError: The times have the wrong unit or are below zero.

    References:
        Gewaltig & Diesmann (2007), Scholarpedia 2(4), 1430, doi:10.4249/scholarpedia.1430.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_nest import spike_generator
        >>> source = spike_generator(1, [0.1, 0.3] * u.ms)
        >>> for i in range(4):
        ...     with brainstate.environ.context(i=i, dt=0.1 * u.ms):
        ...         print(bool(source()[0]))
        False
        True
        False
        True
    """

    @checked(in_size=whole, spike_times=times)
    def __init__(self, in_size: int, spike_times: Time, name: str | None = None) -> None:
        each = u.math.atleast_1d(spike_times)
        owners = np.repeat(np.arange(in_size), len(each))
        super().__init__(in_size, owners, u.math.tile(each, in_size), name=name)


class poisson_generator(PoissonSpike):
    r"""Source of Poisson spikes, an independent train for each element.

    $$
    P(n \text{ spikes in a step}) = e^{-r \Delta t} (r \Delta t)^n / n!
    $$

    Args:
        in_size: Number of elements: one for each neuron that is driven.
        rate: Rate $r$ of each train, in Hz; scalar, one per element, or a function of time.
        name: Name of the module.

    Raises:
        ParameterError: The rate has the wrong unit, shape or sign.

    References:
        Gewaltig & Diesmann (2007), Scholarpedia 2(4), 1430, doi:10.4249/scholarpedia.1430.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_nest import poisson_generator
        >>> source = poisson_generator(1000, 20000 * u.Hz)
        >>> with brainstate.environ.context(i=0, dt=0.1 * u.ms), brainstate.random.seed_context(0):
        ...     print(1800 < float(source().sum()) < 2200)
        True
    """

    @checked(rate=rates)
    def __init__(self, in_size: Size, rate: Quantity, name: str | None = None) -> None:
        super().__init__(in_size, rate, spk_type=float, name=name)


class dc_generator(StepInput):
    r"""A constant current from one time to another.

    $$
    I(t) = A \text{ for } t_\mathrm{start} \le t < t_\mathrm{stop}
    $$

    In NEST it acts a delay later; if it begins at 0, not in the first step.

    Args:
        in_size: Number of neurons, or the shape of the population.
        amplitude: The current $A$, in pA.
        start: When it begins $t_\mathrm{start}$, 0 ms.
        stop: When it ends $t_\mathrm{stop}$; None, the default, for never.
        name: Name of the module.

    Raises:
        ParameterError: A parameter has the wrong unit or shape, or it ends before it begins.

    References:
        Gewaltig & Diesmann (2007), Scholarpedia 2(4), 1430, doi:10.4249/scholarpedia.1430.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_nest import dc_generator
        >>> current = dc_generator(1, 300 * u.pA, start=10 * u.ms)
        >>> with brainstate.environ.context(i=100, dt=0.1 * u.ms):
        ...     print(current().to_decimal(u.pA))
        [300.]
    """

    @checked(amplitude=current, start=duration, stop=maybe(duration))
    def __init__(
        self,
        in_size: Size,
        amplitude: Quantity,
        start: Time = 0.0 * u.ms,
        stop: Time | None = None,
        name: str | None = None,
    ) -> None:
        values, begins = [amplitude], [start]
        if stop is not None:
            if not start < stop:
                raise ParameterError(
                    f"dc_generator.stop: expected a time > {show(start)}, when it begins, got "
                    f"{show(stop)}"
                )
            values, begins = [amplitude, 0.0 * amplitude], [start, stop]
        super().__init__(in_size, u.math.stack(values), u.math.stack(begins), name=name)


class ac_generator(SinusoidalInput):
    r"""A current that oscillates.

    $$
    I(t) = c + A \sin(2 \pi f t + \varphi)
    $$

    In NEST it acts a delay later, and not in the first step.

    Args:
        in_size: Number of neurons, or the shape of the population.
        amplitude: Amplitude $A$, in pA.
        frequency: Frequency $f$, in Hz.
        offset: Offset $c$, 0 pA.
        phase: Phase $\varphi$ in degrees, 0.
        name: Name of the module.

    Raises:
        ParameterError: A parameter has the wrong unit or shape.

    References:
        Rotter & Diesmann (1999), Biol. Cybern. 81, 381, doi:10.1007/s004220050570.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_nest import ac_generator
        >>> current = ac_generator(1, 100 * u.pA, 50 * u.Hz)
        >>> with brainstate.environ.context(i=50, dt=0.1 * u.ms):
        ...     print(current().to_decimal(u.pA).round())
        [100.]
    """

    @checked(amplitude=current, frequency=frequency, offset=current, phase=finite)
    def __init__(
        self,
        in_size: Size,
        amplitude: Quantity,
        frequency: Quantity,
        offset: Quantity = 0.0 * u.pA,
        phase: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(
            *(in_size, amplitude, frequency), bias=offset, phase=np.deg2rad(phase), name=name
        )


class noise_generator(Dynamics):
    r"""A current that is drawn anew after each interval, for each neuron.

    $$
    I(t) = \mu + \sigma\,\xi_k \text{ for } k\,\delta t \le t < (k + 1)\,\delta t, \qquad
    \xi_k \sim N(0, 1)
    $$

    As NEST's, without modulation.

    Args:
        in_size: Number of neurons, or the shape of the population.
        mean: Mean $\mu$, 0 pA; scalar or one per neuron.
        std: Standard deviation $\sigma$, 0 pA; scalar or one per neuron.
        dt: Interval $\delta t$, 1 ms.
        name: Name of the module.

    Attributes:
        amplitude: The current, shape `(*batch, *in_size)`, pA.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.

    References:
        Gewaltig & Diesmann (2007), Scholarpedia 2(4), 1430, doi:10.4249/scholarpedia.1430.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_nest import noise_generator
        >>> noise = noise_generator(1, mean=100 * u.pA, std=20 * u.pA)
        >>> _ = brainstate.nn.init_all_states(noise)
        >>> with brainstate.environ.context(i=0, dt=0.1 * u.ms):
        ...     first = noise()
        >>> with brainstate.environ.context(i=9, dt=0.1 * u.ms):
        ...     print(bool((noise() == first).all()))
        True
    """

    role: ClassVar[str] = "source"
    solver: Any = None
    mean: Quantity = param(default=0.0 * u.pA, doc="mean")
    std: Quantity = param(default=0.0 * u.pA, constraint=non_negative, doc="standard deviation")
    dt: Time = param(default=1.0 * u.ms, constraint=positive, doc="interval")
    amplitude = state(lambda model, shape: full(0.0 * u.pA, shape), "the current")

    def update(self) -> Quantity:
        """The current of the step."""
        held = self.amplitude.value
        drawn = self.mean + self.std * keys.normal(held.shape)
        interval = jnp.maximum(step_count(self.dt, current_dt()), 1)
        begins = brainstate.environ.get("i") % interval == 0
        self.assign_states({"amplitude": u.math.where(begins, drawn, held)})
        return self.amplitude.value


class step_current_generator(StepInput):
    r"""A current that changes at given times.

    $$
    I(t) = A_k \text{ for } t_k \le t < t_{k+1}
    $$

    and 0 before the first. In NEST it acts a delay later.

    Args:
        in_size: Number of neurons, or the shape of the population.
        amplitude_times: The times $t_k$.
        amplitude_values: The currents $A_k$, in pA.
        name: Name of the module.

    Raises:
        ParameterError: A parameter has the wrong unit or shape.

    References:
        Gewaltig & Diesmann (2007), Scholarpedia 2(4), 1430, doi:10.4249/scholarpedia.1430.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_nest import step_current_generator
        >>> current = step_current_generator(1, [1.0, 5.0] * u.ms, [100.0, 200.0] * u.pA)
        >>> with brainstate.environ.context(i=50, dt=0.1 * u.ms):
        ...     print(current().to_decimal(u.pA))
        [200.]
    """

    @checked(amplitude_times=times, amplitude_values=currents)
    def __init__(
        self,
        in_size: Size,
        amplitude_times: Time,
        amplitude_values: Quantity | Sequence[Quantity],
        name: str | None = None,
    ) -> None:
        shapes = u.math.shape(amplitude_times), u.math.shape(amplitude_values)
        if len(shapes[0]) != 1 or shapes[0] != shapes[1]:
            raise ParameterError(
                "step_current_generator.amplitude_values: expected as many as amplitude_times, got "
                f"shapes {shapes[1]} and {shapes[0]}"
            )
        super().__init__(in_size, amplitude_values, amplitude_times, name=name)
