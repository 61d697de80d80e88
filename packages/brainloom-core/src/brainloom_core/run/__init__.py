"""Running a network, recording it, and measuring what was recorded."""

from .checkpoint import Snapshot, restore, resume, snapshot
from .explain import Explanation, explain
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
from .sweep import sweep

__all__ = [
    "Counts",
    "Custom",
    "Explanation",
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
    "explain",
    "restore",
    "resume",
    "simulate",
    "snapshot",
    "sweep",
]
