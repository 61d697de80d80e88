"""The core of brainloom: declarations, the step, units, kernels, plugins and simulation."""

import importlib as _importlib
from importlib.metadata import version as _version
from typing import TYPE_CHECKING as _TYPE_CHECKING

from .built import build
from .declare.arguments import checked
from .declare.constraints import (
    Constraint,
    at_least,
    between,
    duration,
    finite,
    flag,
    function,
    instance_of,
    maybe,
    non_negative,
    one_of,
    positive,
    text,
    whole,
)
from .declare.declared import Declared, real_signature
from .declare.descriptor import Descriptor
from .declare.fields import option_field, quantity_field
from .declare.filled import full
from .declare.initializers import Normal, Uniform
from .declare.parameters import ANY_UNIT, REQUIRED, initializer, option, param
from .declare.state_specs import state
from .dynamics.base import Dynamics
from .dynamics.delays import Delay, Delayed
from .dynamics.network import Network, Projection
from .dynamics.neuron import Crossing, Neuron, Refractory
from .dynamics.numerics import Numerics
from .dynamics.solvers import SOLVERS, Solver, repeated, substeps
from .dynamics.synapse import AlignPost, Synapse, SynOut
from .dynamics.views import View
from .errors import (
    BrainloomError,
    CheckpointError,
    DeclarationError,
    InputError,
    Interrupted,
    KernelError,
    NonFiniteError,
    ParameterError,
    PluginConflictError,
    PluginError,
    StateError,
    UnitError,
)
from .keys import seeded
from .plugins import get_model, list_models, list_plugins
from .run import (
    Counts,
    Custom,
    Output,
    Rate,
    Recording,
    Snapshot,
    SpikeEvents,
    Spikes,
    Trace,
    TraceData,
    Weights,
    restore,
    resume,
    simulate,
    snapshot,
)
from .surrogate import (
    ERF,
    S2NN,
    Arctan,
    Boxcar,
    FastSigmoid,
    GaussianGrad,
    InvSquareGrad,
    LeakyRelu,
    LogTailedRelu,
    MultiGaussianGrad,
    NonzeroSignLog,
    PiecewiseExp,
    PiecewiseLeakyRelu,
    PiecewiseQuadratic,
    QPseudoSpike,
    ReluGrad,
    Sigmoid,
    SlayerGrad,
    SoftSign,
    SquarewaveFourierSeries,
    Stochastic,
    StraightThrough,
    SuperSpike,
    Surrogate,
    Tanh,
)

if _TYPE_CHECKING:
    from .run.explain import Explanation, explain
    from .run.sweep import sweep

__version__ = _version("brainloom-core")

__all__ = [
    "ANY_UNIT",
    "ERF",
    "REQUIRED",
    "S2NN",
    "SOLVERS",
    "AlignPost",
    "Arctan",
    "Boxcar",
    "BrainloomError",
    "CheckpointError",
    "Constraint",
    "Counts",
    "Crossing",
    "Custom",
    "DeclarationError",
    "Declared",
    "Delay",
    "Delayed",
    "Descriptor",
    "Dynamics",
    "Explanation",
    "FastSigmoid",
    "GaussianGrad",
    "InputError",
    "Interrupted",
    "InvSquareGrad",
    "KernelError",
    "LeakyRelu",
    "LogTailedRelu",
    "MultiGaussianGrad",
    "Network",
    "Neuron",
    "NonFiniteError",
    "NonzeroSignLog",
    "Normal",
    "Numerics",
    "Output",
    "ParameterError",
    "PiecewiseExp",
    "PiecewiseLeakyRelu",
    "PiecewiseQuadratic",
    "PluginConflictError",
    "PluginError",
    "Projection",
    "QPseudoSpike",
    "Rate",
    "Recording",
    "Refractory",
    "ReluGrad",
    "Sigmoid",
    "SlayerGrad",
    "Snapshot",
    "SoftSign",
    "Solver",
    "SpikeEvents",
    "Spikes",
    "SquarewaveFourierSeries",
    "StateError",
    "Stochastic",
    "StraightThrough",
    "SuperSpike",
    "Surrogate",
    "SynOut",
    "Synapse",
    "Tanh",
    "Trace",
    "TraceData",
    "Uniform",
    "UnitError",
    "View",
    "Weights",
    "at_least",
    "between",
    "build",
    "checked",
    "duration",
    "explain",
    "finite",
    "flag",
    "full",
    "function",
    "get_model",
    "initializer",
    "instance_of",
    "list_models",
    "list_plugins",
    "maybe",
    "non_negative",
    "one_of",
    "option",
    "option_field",
    "param",
    "positive",
    "quantity_field",
    "real_signature",
    "repeated",
    "restore",
    "resume",
    "seeded",
    "simulate",
    "snapshot",
    "state",
    "substeps",
    "sweep",
    "text",
    "whole",
]

_LATER = {"Explanation": "explain", "explain": "explain", "sweep": "sweep"}


def __getattr__(name: str) -> object:
    """What few programs use is imported when it is asked for."""
    if name not in _LATER:
        raise AttributeError(f"module 'brainloom_core' has no attribute {name!r}")
    return getattr(_importlib.import_module(f".run.{_LATER[name]}", __name__), name)
