"""Data sets for training: made ones, and readers of the files of published ones.

Samples come first: `x` has the shape `(N, T, n)`, or `(N, n)` where it has no time.
"""

from .augment import Augmented, EventDrop, EventJitter, EventShift, EventTransform
from .binning import spikes_from_times
from .digits import digits
from .events import Events, EventSet
from .gesture import DvsGesture
from .heidelberg import Shd, Ssc
from .manifolds import random_manifolds
from .neurobench import NeuroBenchAdapter
from .nmnist import NMnist
from .splits import Splits, batches, stratified_split
from .tonic import from_tonic
from .yin_yang import yin_yang, yin_yang_latency, yin_yang_splits

__all__ = [
    "Augmented",
    "DvsGesture",
    "EventDrop",
    "EventJitter",
    "EventSet",
    "EventShift",
    "EventTransform",
    "Events",
    "NMnist",
    "NeuroBenchAdapter",
    "Shd",
    "Splits",
    "Ssc",
    "batches",
    "digits",
    "from_tonic",
    "random_manifolds",
    "spikes_from_times",
    "stratified_split",
    "yin_yang",
    "yin_yang_latency",
    "yin_yang_splits",
]
