"""Running a network, recording it, and measuring what was recorded.

`sweep` and `explain` are imported when they are asked for.
"""

from .checkpoint import Snapshot, restore, resume, snapshot
from .loop import simulate
from .recording import (
    Counts,
    Custom,
    Output,
    Rate,
    Recorder,
    Recording,
    RecordingStore,
    SpikeEvents,
    Spikes,
    Trace,
    TraceData,
    Weights,
)

__all__ = [
    "Counts",
    "Custom",
    "Output",
    "Rate",
    "Recorder",
    "Recording",
    "RecordingStore",
    "Snapshot",
    "SpikeEvents",
    "Spikes",
    "Trace",
    "TraceData",
    "Weights",
    "restore",
    "resume",
    "simulate",
    "snapshot",
]
