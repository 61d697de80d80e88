"""Training: from a network of neurons to one that has learned."""

from importlib.metadata import version as _version

from . import data as data
from .checkpoint import CheckpointError
from .fitting import EarlyStop, History, TrainingError, fit
from .layers import Linear
from .parameters import keep_sign, make_trainable, trainable
from .readouts import LeakyRateReadout
from .rollout import OverTime, read_out, rollout
from .rules import BPTT, RULES, Online, Rule
from .trainer import Trainer

__version__ = _version("brainloom-training")

__all__ = [
    "BPTT",
    "RULES",
    "CheckpointError",
    "EarlyStop",
    "History",
    "LeakyRateReadout",
    "Linear",
    "Online",
    "OverTime",
    "Rule",
    "Trainer",
    "TrainingError",
    "fit",
    "keep_sign",
    "make_trainable",
    "read_out",
    "rollout",
    "trainable",
]
