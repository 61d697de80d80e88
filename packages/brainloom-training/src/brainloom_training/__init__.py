"""Readouts for training."""

from importlib.metadata import version as _version

from .encoders import (
    DeltaEncoder,
    DirectEncoder,
    Encoder,
    LatencyEncoder,
    PopulationEncoder,
    RateEncoder,
)
from .losses import (
    MSE,
    Accuracy,
    FirstSpikeLoss,
    LatencyCrossEntropy,
    Loss,
    MembraneCrossEntropy,
    RateCrossEntropy,
    RateMSE,
    SpikeCountCrossEntropy,
    SpikeCountMSE,
    VanRossum,
)
from .readouts import LeakyRateReadout, LeakySpikeReadout
from .reductions import (
    FirstSpikeTime,
    LastOverTime,
    MaxOverTime,
    MeanLogSoftmax,
    MeanOverTime,
    Reduction,
    Stack,
    SumOverTime,
)
from .regularizers import FiringRate, Voltage, Weight

__version__ = _version("brainloom-training")

__all__ = [
    "MSE",
    "Accuracy",
    "DeltaEncoder",
    "DirectEncoder",
    "Encoder",
    "FiringRate",
    "FirstSpikeLoss",
    "FirstSpikeTime",
    "LastOverTime",
    "LatencyCrossEntropy",
    "LatencyEncoder",
    "LeakyRateReadout",
    "LeakySpikeReadout",
    "Loss",
    "MaxOverTime",
    "MeanLogSoftmax",
    "MeanOverTime",
    "MembraneCrossEntropy",
    "PopulationEncoder",
    "RateCrossEntropy",
    "RateEncoder",
    "RateMSE",
    "Reduction",
    "SpikeCountCrossEntropy",
    "SpikeCountMSE",
    "Stack",
    "SumOverTime",
    "VanRossum",
    "Voltage",
    "Weight",
]
