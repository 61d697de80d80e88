"""The core of brainloom: declarations, the step, units, kernels, plugins and simulation."""

from importlib.metadata import version as _version

from .constraints import Constraint, between, non_negative, one_of, positive
from .declared import Declared, real_signature
from .delays import Delay, Delayed
from .descriptor import Descriptor
from .dynamics import Dynamics
from .errors import (
    BrainloomError,
    InputError,
    KernelError,
    ParameterError,
    PluginConflictError,
    PluginError,
    StateError,
    UnitError,
)
from .initializers import Normal, Uniform
from .network import Network, Projection
from .neuron import Crossing, Neuron, Refractory
from .numerics import Numerics
from .parameters import ANY_UNIT, REQUIRED, full, initializer, option, param, state
from .plugins import get_model, list_models, list_plugins
from .simulation import Recording, SpikeEvents, Spikes, Trace, simulate
from .solvers import SOLVERS, Solver
from .surrogate import Arctan, InvSquareGrad, ReluGrad, Sigmoid, Surrogate
from .synapse import AlignPost, Synapse, SynOut

__version__ = _version("brainloom-core")

__all__ = [
    "ANY_UNIT",
    "REQUIRED",
    "SOLVERS",
    "AlignPost",
    "Arctan",
    "BrainloomError",
    "Constraint",
    "Crossing",
    "Declared",
    "Delay",
    "Delayed",
    "Descriptor",
    "Dynamics",
    "InputError",
    "InvSquareGrad",
    "KernelError",
    "Network",
    "Neuron",
    "Normal",
    "Numerics",
    "ParameterError",
    "PluginConflictError",
    "PluginError",
    "Projection",
    "Recording",
    "Refractory",
    "ReluGrad",
    "Sigmoid",
    "Solver",
    "SpikeEvents",
    "Spikes",
    "StateError",
    "Surrogate",
    "SynOut",
    "Synapse",
    "Trace",
    "Uniform",
    "UnitError",
    "between",
    "full",
    "get_model",
    "initializer",
    "list_models",
    "list_plugins",
    "non_negative",
    "one_of",
    "option",
    "param",
    "positive",
    "real_signature",
    "simulate",
    "state",
]
