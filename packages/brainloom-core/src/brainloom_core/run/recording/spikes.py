"""Recorders of spikes: each of them, their numbers, their rate."""

import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, ClassVar

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np

from ...errors import InputError
from ...types import Array, Index, Population, PyTree, Quantity, Time
from ...units import show
from .asked import interval, when, which
from .chosen import Chosen, whole
from .folds import Fold, fold
from .recorder import Recorder

__all__ = ["Counts", "Rate", "Spikes"]


@dataclass(frozen=True, eq=False)
class Spikes(Recorder):
    """Record every spike of a population, as events.

    Args:
        population: Anything with `get_spike()`.
        index: Which neurons: a number, a list of them, a mask or a slice, along the last axis;
            negative numbers count from the end. None for all. The first of them is neuron 0 of
            the recording, as in a view.
        start: When recording begins; a spike at that time is not in it. None for the
            beginning of the run.
        stop: When it ends; a spike at that time is in it. None for the end of the run.

    Raises:
        InputError: The population has no `get_spike`; or, when it is used, there is no such
            neuron, or a time is not a multiple of `dt`.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Neuron, Spikes, initializer, param, simulate, state
        >>> class Integrator(Neuron):
        ...     V_th = param(default=1.0 * u.mV)
        ...     V_reset = param(default=0.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, I):
        ...         return I * u.ohm / (10 * u.ms)
        >>> cells = Integrator(9)
        >>> late = Spikes(cells, index=[2, 5], start=20 * u.ms)
        >>> recording = simulate(cells, 50 * u.ms, dt=1 * u.ms, inputs=1.05 * u.mA, record=late)
        >>> print(recording["spikes_0"].t)
        [29 29 39 39 48 48] ms
    """

    population: Population
    index: Index | None = which()
    start: Time | None = when()
    stop: Time | None = when()
    every: ClassVar[Any] = None  # type: ignore[misc]
    kind: ClassVar[str] = "spikes"

    def __post_init__(self) -> None:
        if not hasattr(self.population, "get_spike"):
            raise InputError(
                f"{type(self).__name__}: expected a spiking population, got {show(self.population)}"
            )

    @property
    def read(self) -> object:
        """What is read: the population."""
        return self.population

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for recorders that read the same."""
        return self.kind, id(whole(self.population)), self.chosen.key

    @property
    def chosen(self) -> Chosen:
        """Which neurons."""
        index: Any = self.index
        is_one = index is not None and not isinstance(index, slice) and np.ndim(index) == 0
        return Chosen.of(self.population, [index] if is_one else index)

    @property
    def is_of_source(self) -> bool:
        """Whether the spikes are of the beginning of their step."""
        return getattr(whole(self.population), "role", None) == "source"

    def sampler(self, net: brainstate.nn.Module) -> Callable[[], PyTree]:
        """A function that gives this step's spikes; it does not keep the population alive.

        Where spikes have times within their step, it gives the time from the spike to the end of
        the step in ms, and -1 without a spike; where a source gives numbers of spikes, those.

        Args:
            net: The network that runs.
        """
        spiking = whole(self.population)
        population: Population = weakref.ref(spiking)
        take = self.chosen.take
        if getattr(spiking, "interpolate", False):
            return lambda: take(_lags(population()))
        if self.is_of_source and np.dtype(getattr(spiking, "spk_type", bool)) != bool:
            return lambda: take(population().get_spike().astype(jnp.int32))
        return lambda: take(population().get_spike() != 0)

    def check(self, net: brainstate.nn.Module) -> None:
        """Raise if there is nothing to record; the states exist by now.

        Args:
            net: The network that runs.
        """
        who = f"{type(self).__name__}.index: {type(whole(self.population)).__name__}"
        self.chosen.check(who, self._whole_size())

    def size(self) -> tuple[int, ...]:
        """Shape of what is recorded of one member of a batch."""
        return self.chosen.size(self._whole_size())

    def neurons(self) -> np.ndarray | None:
        """Numbers of the neurons that are recorded, None for all of the population."""
        return self.chosen.neurons(self._whole_size())

    def _whole_size(self) -> tuple[int, ...]:
        """Shape of the population, or of the view, that the index chooses from."""
        size = getattr(self.population, "in_size", None)
        if size is None:
            size = np.shape(self.population.get_spike())
        return tuple(size) if np.ndim(size) else (int(size),)


@dataclass(frozen=True, eq=False)
class Counts(Spikes):
    """Record how often each neuron spikes.

    Args:
        population: Anything with `get_spike()`.
        every: Interval over which spikes are counted, a multiple of `dt`; None for one count of
            all that is recorded. An interval that the end cuts off is left out.
        index: Which neurons, as for `Spikes`.
        start: When counting begins, None for the beginning of the run.
        stop: When it ends, None for the end of the run.

    Raises:
        InputError: As for `Spikes`.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Counts, Neuron, initializer, param, simulate, state
        >>> class Integrator(Neuron):
        ...     V_th = param(default=1.0 * u.mV)
        ...     V_reset = param(default=0.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, I):
        ...         return I * u.ohm / (10 * u.ms)
        >>> cells = Integrator(2)
        >>> counts = {"all": "counts", "each": Counts(cells, every=25 * u.ms)}
        >>> recording = simulate(cells, 50 * u.ms, dt=1 * u.ms, inputs=1.05 * u.mA, record=counts)
        >>> print(recording["all"].values, recording["each"].values.tolist())
        [[5 5]] [[2, 2], [3, 3]]
    """

    every: Time | None = interval()  # type: ignore[misc]
    kind: ClassVar[str] = "counts"

    def sampler(self, net: brainstate.nn.Module) -> Callable[[], PyTree]:
        """A function that gives this step's numbers of spikes.

        Args:
            net: The network that runs.
        """
        read = super().sampler(net)

        def sample() -> PyTree:
            spikes = read()
            is_lag = jnp.issubdtype(spikes.dtype, jnp.floating)
            return (spikes >= 0 if is_lag else spikes).astype(jnp.int32)

        return sample

    @property
    def fold(self) -> Fold | None:
        """What becomes of the values of an interval."""
        return fold("sum")

    @property
    def takes_all(self) -> bool:
        """Whether, where no interval is given, all that is recorded is one."""
        return True


@dataclass(frozen=True, eq=False)
class Rate(Counts):
    """Record the rate of a population: spikes per neuron and time.

    Args:
        population: Anything with `get_spike()`.
        every: Interval over which spikes are counted, a multiple of `dt`; None for each step. An
            interval that the end cuts off is left out.
        index: Which neurons, as for `Spikes`.
        start: When counting begins, None for the beginning of the run.
        stop: When it ends, None for the end of the run.

    Raises:
        InputError: As for `Spikes`.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Neuron, Rate, initializer, param, simulate, state
        >>> class Integrator(Neuron):
        ...     V_th = param(default=1.0 * u.mV)
        ...     V_reset = param(default=0.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, I):
        ...         return I * u.ohm / (10 * u.ms)
        >>> cells = Integrator(2)
        >>> rate = {"rate": Rate(cells, every=25 * u.ms)}
        >>> recording = simulate(cells, 50 * u.ms, dt=1 * u.ms, inputs=1.05 * u.mA, record=rate)
        >>> print(recording["rate"].t, recording["rate"].values)
        [25 50] ms [ 80. 120.] Hz
    """

    kind: ClassVar[str] = "rate"

    def sampler(self, net: brainstate.nn.Module) -> Callable[[], PyTree]:
        """A function that gives the number of spikes of all neurons in this step.

        Args:
            net: The network that runs.
        """
        read, axes = super().sampler(net), len(self.size())

        def sample() -> PyTree:
            counts = read()
            return counts.sum(axis=tuple(range(-axes, 0)))

        return sample

    def finished(self, number: np.ndarray, steps: int, dt: Time) -> Quantity:
        """The rate in Hz.

        Args:
            number: Number of spikes.
            steps: Number of steps of the interval.
            dt: Length of a step.
        """
        seconds = int(np.prod(self.size())) * steps * float(dt.to_decimal(u.second))
        return np.asarray(number, np.float64) / seconds

    def unit(self, unit: u.Unit) -> u.Unit:
        """The unit of a rate.

        Args:
            unit: That of the values that were read.
        """
        return u.Hz

    @property
    def takes_all(self) -> bool:
        """Whether, where no interval is given, all that is recorded is one."""
        return False


def _lags(population: Population) -> Array | None:
    lag = population.spike_lag.value.to_decimal(u.ms)
    return jnp.where(population.get_spike() != 0, lag, -1.0)
