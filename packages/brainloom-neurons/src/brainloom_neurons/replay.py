"""Replaying recorded spikes."""

import csv
import math
from pathlib import Path

import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import Constraint, InputError, SpikeEvents, option, param, positive
from brainloom_core.context import current_dt
from brainloom_core.types import Arguments, Array, DTypeLike, Quantity, Time
from brainloom_core.units import same_dimension, show

from .rates import as_quantities, as_spikes, spike_type, whole_steps
from .sources import GivenSpikes, grid

__all__ = ["ReplaySpikes"]

_TRIAL = Constraint(
    "a whole number >= 0 or None",
    lambda n: (
        n is None or (isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 0)
    ),
)


class ReplaySpikes(GivenSpikes):
    r"""Spikes that were recorded, or that another simulator wrote, once more.

    A spike at $t$ is given in the step that begins at $t$ or, where $t$ lies between two steps, in
    the next one: the step in which the projections of the recorded population saw it. So what a
    projection makes of the replay equals what it made of the original, step for step, and a
    recording of the replay has the same times, whatever the two steps are, up to rounding up to
    the longer one. ([`SpikeTime`][brainloom_neurons.SpikeTime] takes the nearest step.)

    Args:
        in_size: Number of neurons, or the shape of the population.
        spikes: What to replay: the events of a recording, `recording["E.spikes"]`; a file that
            their `save` wrote, `.csv` or `.npz`; or a pair of arrays, times and neurons (late
            times as numpy arrays, which keep them in double precision).
        start: Time of the simulation at which time 0 of the spikes lies, 0 ms; if negative, the
            beginning is skipped.
        repeat_every: Period with which the spikes are repeated, a multiple of `dt` that is not
            before the last spike, such as `recording["E.spikes"].duration`; None plays them once.
        trial: The recorded batch member that is replayed; None gives each member of the batch
            its own, or the only one that there is to all.
        spk_type: Type of the spikes: `bool` for whether there is a spike in the step, `int` or
            `float` for their number.
        name: Name of the module.

    Attributes:
        spike: Spikes of the last step, shape `(*batch, *in_size)`.

    Raises:
        ParameterError: The spikes do not fit the population, or a time has a wrong unit or range.
        InputError: There are several trials and not as many batch members, or `repeat_every` is
            not a multiple of `dt`; or two spikes of a neuron fall into one step and the spikes are
            `bool`.

    References:
        NEST calls it a spike generator, Brian2 a `SpikeGeneratorGroup`.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_neurons import LIF, ReplaySpikes
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = LIF(1, tau=20 * u.ms, V_th=20 * u.mV)
        >>> recording = simulate(neuron, 60 * u.ms, inputs=30 * u.mA, record="spikes")
        >>> replay = ReplaySpikes(1, recording["spikes"])
        >>> again = simulate(replay, 60 * u.ms, record="spikes")
        >>> print(recording["spikes"].t, again["spikes"].t)
        [22. 44.] ms [22. 44.] ms
    """

    spikes: object = option(doc="what to replay", kw_only=False)
    start: Quantity = param(default=0.0 * u.ms, doc="time at which time 0 of the spikes lies")
    repeat_every: Quantity = param(
        default=None, constraint=positive, doc="period of repetition", unit=u.ms, optional=True
    )
    trial: int | None = option(default=None, constraint=_TRIAL, doc="batch member that is replayed")
    spk_type: DTypeLike = option(default=bool, constraint=spike_type, doc="type of the spikes")

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        super().configure(frame, values)
        for name in ("start", "repeat_every"):
            if np.ndim(getattr(self, name)) > 0:
                self._refuse(name, "one time for all neurons", getattr(self, name))
        events = self._events()
        self._times, self._neuron, self._trial, self._trials = events
        if self.trial is not None:
            if self.trial >= self._trials:
                self._refuse("trial", f"a trial below {self._trials}", self.trial)
            kept = self._trial == self.trial
            self._times, self._neuron = self._times[kept], self._neuron[kept]
            self._trial, self._trials = 0 * self._neuron, 1
        last = self._times.max() if len(self._neuron) else 0.0 * u.ms
        if self.repeat_every is not None and self.repeat_every < last * (1.0 - 1e-9):
            expected = f"a time that is not before the last spike at {last}"
            self._refuse("repeat_every", expected, self.repeat_every)

    def _events(self) -> tuple[Time, np.ndarray, np.ndarray, int]:
        """Times, neurons, trials and the number of trials."""
        given = self.spikes
        if isinstance(given, SpikeEvents):
            if given.size != math.prod(self.in_size):
                expected = f"spikes of {math.prod(self.in_size)} neurons"
                self._refuse("spikes", expected, f"those of {given.size}")
            dt = u.Quantity(float(u.get_mantissa(given.dt)), unit=u.get_unit(given.dt))
            return _acting(given) * dt, given.index, given.trial, given.trials
        if isinstance(given, (str, Path)):
            times, neuron, trial = self._file(Path(given))
        elif isinstance(given, (tuple, list)) and len(given) == 2:
            times, neuron = as_quantities(given[0]), np.asarray(given[1])
            trial = np.zeros(np.shape(neuron), int)
        else:
            self._refuse("spikes", "recorded events, a file or a pair (times, neurons)", given)
        self._check(times, neuron)
        times = u.Quantity(np.asarray(u.get_mantissa(times), np.float64), unit=u.get_unit(times))
        return times, neuron.astype(int), trial, int(trial.max(initial=0)) + 1

    def _check(self, times: Time, neuron: np.ndarray) -> None:
        size = math.prod(self.in_size)
        if neuron.ndim != 1 or (neuron.dtype.kind not in "iu" and neuron.size):
            self._refuse("spikes", "a list of whole numbers as neurons", neuron)
        if np.any((neuron < 0) | (neuron >= size)):
            self._refuse("spikes", f"neurons from 0 to {size - 1}", neuron)
        if times is None or not same_dimension(times, u.ms) or times.shape != neuron.shape:
            self._refuse("spikes", f"{len(neuron)} times, one per neuron listed", times)
        number = np.asarray(u.get_mantissa(times))
        if not np.all(np.isfinite(number) & (number >= 0)):
            self._refuse("spikes", "times >= 0, finite", times)

    def _file(self, path: Path) -> tuple[Time, np.ndarray, np.ndarray]:
        if path.suffix == ".npz":
            with np.load(path) as file:
                columns = {name: file[name] for name in file.files}
        elif path.suffix == ".csv":
            with path.open(newline="") as lines:
                header, *rows = csv.reader(lines)
            columns = dict(zip(header, np.array(rows).reshape(-1, len(header)).T, strict=True))
        else:
            self._refuse("spikes", "a .npz or .csv file", path.name)
        if not columns.keys() >= {"time_ms", "neuron"}:
            self._refuse("spikes", "a file with time_ms and neuron", f"one with {list(columns)}")
        neuron = columns["neuron"].astype(int)
        trial = columns["trial"].astype(int) if "trial" in columns else 0 * neuron
        return columns["time_ms"].astype(np.float64) * u.ms, neuron, trial

    def drawn(self, t: Time | None = None) -> Quantity:
        """The spikes that were recorded in this step.

        Args:
            t: Time at the beginning of the step, None for that of the environment.
        """
        size, n = math.prod(self.in_size), self._trials
        if n > 1 and self._batch != (n,):
            raise InputError(
                f"ReplaySpikes: there are {n} trials: expected a batch of as many members, "
                f"brainstate.nn.init_all_states(net, batch_size={n}), or one of them, trial=0"
            )
        steps, owner = grid(self._times, np.ceil), self._trial * size + self._neuron
        position = self._step(t) - whole_steps(self.start)
        if self.repeat_every is not None:
            steps, owner, position = self._repeated(steps, owner, position)
        self._require_apart(steps, owner)
        counts = self._row(position, steps, owner, 1.0, n * size)
        spikes = as_spikes(counts.reshape(*((n,) if n > 1 else ()), *self.in_size), self.spk_type)
        return self._per_batch(spikes)

    def _repeated(
        self, steps: np.ndarray, owner: np.ndarray, position: Array
    ) -> tuple[np.ndarray, np.ndarray, Array]:
        """Spikes and position within two periods: the first, and one that stands for all others.

        A spike at the very end of a period acts from the beginning of the next one.
        """
        period = int(whole_steps(self.repeat_every))
        ratio = float(u.get_magnitude(self.repeat_every / current_dt()))
        if period < 1 or abs(ratio - period) > 1e-6 * ratio:
            self._refuse("repeat_every", "a multiple of dt", self.repeat_every, InputError)
        first = steps < period
        steps = np.concatenate([steps[first], period + steps % period])
        owner = np.concatenate([owner[first], owner])
        later = period + position % period
        return steps, owner, jnp.where(position < period, jnp.maximum(position, -1), later)

    def _require_apart(self, steps: np.ndarray, owner: np.ndarray) -> None:
        """Raise if a spike would be lost, since two of a neuron fall into one step."""
        if np.dtype(self.spk_type) != bool or len(steps) == 0:
            return
        found, times = np.unique(np.stack([steps, owner]), axis=1, return_counts=True)
        if times.max() > 1:
            step, lost = found[0][times > 1][0], int((times - 1).sum())
            dt = current_dt()
            raise InputError(
                f"ReplaySpikes.spk_type: with bool {lost} spikes would be lost, since several of a "
                f"neuron fall into one step of {show(dt)}, for example at {show(int(step) * dt)}. "
                "Write spk_type=int for their number, or take a shorter dt"
            )


def _acting(events: SpikeEvents) -> np.ndarray:
    """The step from whose beginning on each spike acts: of a source, that in which it is drawn."""
    at_start = events.lag is not None and np.all(events.lag == 1.0)
    return events.step.astype(np.float64) - (1.0 if at_start else 0.0)
