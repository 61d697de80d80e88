"""Running a network, recording it, and measuring what was recorded."""

from .recording import Recording, SpikeEvents, Spikes, Trace, TraceData
from .run import simulate

__all__ = ["Recording", "SpikeEvents", "Spikes", "Trace", "TraceData", "simulate"]
