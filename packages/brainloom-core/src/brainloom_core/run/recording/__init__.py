"""What to record, and what was recorded."""

from ._old import Collector, Recording, SpikeEvents, Spikes, Trace, TraceData, as_recorders
from .store import RecordingStore

__all__ = [
    "Collector",
    "Recording",
    "RecordingStore",
    "SpikeEvents",
    "Spikes",
    "Trace",
    "TraceData",
    "as_recorders",
]
