"""Running a network, recording it, and measuring what was recorded."""

from .loop import simulate
from .recording import Recording, RecordingStore, SpikeEvents, Spikes, Trace, TraceData

__all__ = ["Recording", "RecordingStore", "SpikeEvents", "Spikes", "Trace", "TraceData", "simulate"]
