"""Recordings as objects of Neo, which Elephant analyses and viziphant draws."""

from typing import Any

import brainunit as u
import numpy as np

from ....extras import needs
from ....types import Json
from .parts import Data, of_trials, signals, spikes_of, trains

__all__ = ["to_neo"]

SI = ("m", "kg", "s", "A", "K", "mol", "cd")


def to_neo(data: Data, header: dict[str, Json]) -> Any:
    """A block with a segment for each trial.

    Args:
        data: What was recorded.
        header: What is known of the run, which becomes annotations of the block.

    Raises:
        ImportError: neo is not installed.
    """
    neo, pq = needs("neo", "neo"), needs("quantities", "neo")
    spikes = spikes_of(data)
    trials = max([item.trials for item in spikes.values()], default=1)
    block = neo.Block(name="brainloom", header=header)
    segments = [neo.Segment(name=f"trial {k}", index=k) for k in range(trials)]
    for segment in segments:
        block.segments.append(segment)
    for name, item in spikes.items():
        ends = [float((n * item.dt).to_decimal(u.ms)) for n in (item.start, item.stop)]
        for train in trains(item):
            segments[train.trial].spiketrains.append(
                neo.SpikeTrain(
                    np.clip(train.times, ends[0], ends[1]),  # the last digits of a product
                    units="ms",
                    t_start=ends[0] * pq.ms,
                    t_stop=ends[1] * pq.ms,
                    name=f"{name} {train.neuron}",
                    record=name,
                    neuron=train.neuron,
                    trial=train.trial,
                )
            )
    for name, trace in signals(data).items():
        number, unit = of_trials(trace, trials), _unit(pq, trace.unit)
        times = np.asarray(trace.t.to_decimal(u.ms), np.float64)
        about = {"name": name, "record": name, "kind": trace.kind}
        if trace.neurons is not None:
            about["neurons"] = trace.neurons.tolist()
        for trial in range(number.shape[1]):
            values = number[:, trial].reshape(len(times), -1) * unit
            if np.all(np.diff(trace.step, 2) == 0) and len(times) > 1:
                period = (times[1] - times[0]) * pq.ms
                start = {"t_start": times[0] * pq.ms, "sampling_period": period}
                made = neo.AnalogSignal(values, **start, **about, trial=trial)
                segments[trial].analogsignals.append(made)
            else:
                made = neo.IrregularlySampledSignal(times * pq.ms, values, **about, trial=trial)
                segments[trial].irregularlysampledsignals.append(made)
    return block


def _unit(pq: Any, unit: u.Unit) -> Any:
    """A unit of quantities: by its name, or else of powers of SI units."""
    powers = [float(power) for power in unit.dim._dims]
    base = pq.dimensionless
    for name, power in zip(SI, powers, strict=True):
        base = base * getattr(pq, name) ** power
    exact = float(unit.magnitude) * base
    try:
        named = pq.Quantity(1.0, str(unit).replace("^", "**"))
        if np.isclose(float(named.rescale(exact.units).magnitude), float(exact.magnitude)):
            return named
    except (LookupError, ValueError, SyntaxError, AttributeError, TypeError):
        pass
    return exact
