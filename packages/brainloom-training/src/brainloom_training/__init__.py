"""Readouts for training."""

from importlib.metadata import version as _version

from .doctor import Finding, Report, diagnose
from .eventprop import EventPropLIF, check_eventprop, first_spike_time
from .oracles import Expectation, GradientReport, check_expectation, check_gradients
from .readouts import LeakyRateReadout
from .rollout import read_out, rollout

__version__ = _version("brainloom-training")

__all__ = [
    "EventPropLIF",
    "Expectation",
    "Finding",
    "GradientReport",
    "LeakyRateReadout",
    "Report",
    "check_eventprop",
    "check_expectation",
    "check_gradients",
    "diagnose",
    "first_spike_time",
    "read_out",
    "rollout",
]
