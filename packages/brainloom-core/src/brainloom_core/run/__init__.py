"""Running a network, recording it, and measuring what was recorded."""

from .loop import simulate
from .recording import Recording, SpikeEvents, Spikes, Trace, TraceData
from .sweep import sweep

__all__ = ["Recording", "SpikeEvents", "Spikes", "Trace", "TraceData", "simulate", "sweep"]
