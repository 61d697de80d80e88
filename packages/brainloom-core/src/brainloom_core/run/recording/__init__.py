"""What to record, and what was recorded."""

from .events import SpikeEvents
from .named import as_recorders
from .program import Program
from .recorder import Recorder
from .result import Recording
from .spikes import Counts, Rate, Spikes
from .states import Trace, Weights
from .steps import Custom, Output, caught
from .store import RecordingStore
from .tape import Tape
from .traces import TraceData

__all__ = [
    "Counts",
    "Custom",
    "Output",
    "Program",
    "Rate",
    "Recorder",
    "Recording",
    "RecordingStore",
    "SpikeEvents",
    "Spikes",
    "Tape",
    "Trace",
    "TraceData",
    "Weights",
    "as_recorders",
    "caught",
]
