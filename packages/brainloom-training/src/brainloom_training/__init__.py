"""Training: from a network of neurons to one that has learned."""

from importlib.metadata import version as _version

from brainloom_core import CheckpointError

from . import data as data
from .callbacks import Callback, CSVLog, LayerRates, Progress, TensorBoard
from .convolutions import (
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    Flatten,
    MaxPool1d,
    MaxPool2d,
)
from .doctor import Finding, Report, diagnose
from .encoders import (
    DeltaEncoder,
    DirectEncoder,
    Encoder,
    LatencyEncoder,
    PopulationEncoder,
    RateEncoder,
)
from .eventprop import EventPropLIF, check_eventprop, first_spike_time
from .fitting import evaluate, fit
from .guard import TrainingError
from .history import EarlyStop, History
from .initialization import FluctuationDriven
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
from .normalization import BNTT, TDBN, Dropout, LayerNorm
from .oracles import Expectation, GradientReport, check_expectation, check_gradients
from .parameters import keep_sign, make_trainable, trainable
from .readouts import LeakyRateReadout, LeakySpikeReadout
from .recurrence import Recurrent, Residual, SpikeDrivenAttention
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
from .rolling import read_out, rollout
from .rules import BPTT, RULES, EventProp, LearningRule, Online
from .statistics import ConfusionMatrix, SpikeStatistics, confusion_matrix, spike_statistics
from .trainer import Trainer

__version__ = _version("brainloom-training")

__all__ = [
    "BNTT",
    "BPTT",
    "MSE",
    "RULES",
    "TDBN",
    "Accuracy",
    "AvgPool1d",
    "AvgPool2d",
    "CSVLog",
    "Callback",
    "CheckpointError",
    "ConfusionMatrix",
    "Conv1d",
    "Conv2d",
    "DeltaEncoder",
    "DirectEncoder",
    "Dropout",
    "EarlyStop",
    "Encoder",
    "EventProp",
    "EventPropLIF",
    "Expectation",
    "Finding",
    "FiringRate",
    "FirstSpikeLoss",
    "FirstSpikeTime",
    "Flatten",
    "FluctuationDriven",
    "GradientReport",
    "History",
    "LastOverTime",
    "LatencyCrossEntropy",
    "LatencyEncoder",
    "LayerNorm",
    "LayerRates",
    "LeakyRateReadout",
    "LeakySpikeReadout",
    "LearningRule",
    "Linear",
    "Loss",
    "MaxOverTime",
    "MaxPool1d",
    "MaxPool2d",
    "MeanLogSoftmax",
    "MeanOverTime",
    "MembraneCrossEntropy",
    "Online",
    "PopulationEncoder",
    "Progress",
    "RateCrossEntropy",
    "RateEncoder",
    "RateMSE",
    "Recurrent",
    "Reduction",
    "Report",
    "Residual",
    "SpikeCountCrossEntropy",
    "SpikeCountMSE",
    "SpikeDrivenAttention",
    "SpikeStatistics",
    "Stack",
    "SumOverTime",
    "TensorBoard",
    "Trainer",
    "TrainingError",
    "VanRossum",
    "Voltage",
    "Weight",
    "check_eventprop",
    "check_expectation",
    "check_gradients",
    "confusion_matrix",
    "diagnose",
    "evaluate",
    "first_spike_time",
    "fit",
    "keep_sign",
    "make_trainable",
    "read_out",
    "rollout",
    "spike_statistics",
    "trainable",
]
