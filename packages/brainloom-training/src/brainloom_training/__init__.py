"""Training: from a network of neurons to one that has learned."""

from importlib.metadata import version as _version

from . import data as data
from .checkpoint import CheckpointError
from .encoders import (
    DeltaEncoder,
    DirectEncoder,
    Encoder,
    LatencyEncoder,
    PopulationEncoder,
    RateEncoder,
)
from .fitting import EarlyStop, History, TrainingError, fit
from .layers import Linear
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
from .parameters import keep_sign, make_trainable, trainable
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
from .rollout import read_out, rollout
from .rules import BPTT, RULES, LearningRule, Online
from .trainer import Trainer

__version__ = _version("brainloom-training")

__all__ = [
    "BPTT",
    "MSE",
    "RULES",
    "Accuracy",
    "CheckpointError",
    "DeltaEncoder",
    "DirectEncoder",
    "EarlyStop",
    "Encoder",
    "FiringRate",
    "FirstSpikeLoss",
    "FirstSpikeTime",
    "History",
    "LastOverTime",
    "LatencyCrossEntropy",
    "LatencyEncoder",
    "LeakyRateReadout",
    "LeakySpikeReadout",
    "LearningRule",
    "Linear",
    "Loss",
    "MaxOverTime",
    "MeanLogSoftmax",
    "MeanOverTime",
    "MembraneCrossEntropy",
    "Online",
    "PopulationEncoder",
    "RateCrossEntropy",
    "RateEncoder",
    "RateMSE",
    "Reduction",
    "SpikeCountCrossEntropy",
    "SpikeCountMSE",
    "Stack",
    "SumOverTime",
    "Trainer",
    "TrainingError",
    "VanRossum",
    "Voltage",
    "Weight",
    "fit",
    "keep_sign",
    "make_trainable",
    "read_out",
    "rollout",
    "trainable",
]
