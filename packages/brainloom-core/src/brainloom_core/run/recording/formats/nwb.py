"""Recordings as files of Neurodata Without Borders."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import brainunit as u
import numpy as np

from ....extras import needs
from ....types import Json
from .parts import Data, seconds, signals, spikes_of, trains

__all__ = ["to_nwb"]


def to_nwb(
    data: Data, header: dict[str, Json], path: Path | None, description: str, about: dict[str, Json]
) -> Any:
    """A file with the spikes in its table of units, and the samples as acquired time series.

    Args:
        data: What was recorded.
        header: What is known of the run, which becomes the notes of the file.
        path: Where it is written, None for nowhere.
        description: What the session was.
        about: What else `pynwb.NWBFile` takes.

    Raises:
        ImportError: pynwb is not installed.
    """
    pynwb = needs("pynwb", "nwb")
    known = {"identifier": str(uuid4()), "session_start_time": datetime.now(UTC)}
    notes = {"notes": json.dumps(header)}
    file = pynwb.NWBFile(session_description=description, **{**known, **notes, **about})
    _add_units(file, data)
    for name, trace in signals(data).items():
        times, values = seconds(trace.t), np.asarray(u.get_mantissa(trace.values))
        unit = {"unit": str(trace.unit), "description": f"{trace.kind} of {name}"}
        is_regular = len(times) > 1 and np.all(np.diff(trace.step, 2) == 0)
        when = (
            {"starting_time": float(times[0]), "rate": float(1 / (times[1] - times[0]))}
            if is_regular
            else {"timestamps": times}
        )
        safe = name.replace("/", "_").replace(":", "_")
        file.add_acquisition(pynwb.TimeSeries(name=safe, data=values, **unit, **when))
    if path is not None:
        with pynwb.NWBHDF5IO(str(path), "w") as io:
            io.write(file)
    return file


def _add_units(file: Any, data: Data) -> None:
    spikes = spikes_of(data)
    if not spikes:
        return
    file.add_unit_column("record", "what was recorded")
    file.add_unit_column("neuron", "number of the neuron in its population")
    file.add_unit_column("trial", "member of the batch")
    for name, item in spikes.items():
        ends = [float(seconds(n * item.dt)) for n in (item.start, item.stop)]
        for train in trains(item):
            file.add_unit(
                spike_times=train.times * 1e-3,
                obs_intervals=[ends],
                record=name,
                neuron=train.neuron,
                trial=train.trial,
            )
