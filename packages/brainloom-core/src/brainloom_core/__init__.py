"""The core of brainloom: declarations, the step, units, kernels, plugins and simulation."""

from importlib.metadata import version as _version

from .constraints import Constraint, between, non_negative, one_of, positive, whole
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
from .parameters import (
    ANY_UNIT,
    REQUIRED,
    full,
    initializer,
    option,
    option_field,
    param,
    quantity_field,
    state,
)
from .plugins import get_model, list_models, list_plugins
from .simulation import Recording, SpikeEvents, Spikes, Trace, TraceData, simulate
from .solvers import SOLVERS, Solver
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
from .synapse import AlignPost, Synapse, SynOut
from .views import View

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
    "Constraint",
    "Crossing",
    "Declared",
    "Delay",
    "Delayed",
    "Descriptor",
    "Dynamics",
    "FastSigmoid",
    "GaussianGrad",
    "InputError",
    "InvSquareGrad",
    "KernelError",
    "LeakyRelu",
    "LogTailedRelu",
    "MultiGaussianGrad",
    "Network",
    "Neuron",
    "NonzeroSignLog",
    "Normal",
    "Numerics",
    "ParameterError",
    "PiecewiseExp",
    "PiecewiseLeakyRelu",
    "PiecewiseQuadratic",
    "PluginConflictError",
    "PluginError",
    "Projection",
    "QPseudoSpike",
    "Recording",
    "Refractory",
    "ReluGrad",
    "Sigmoid",
    "SlayerGrad",
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
    "between",
    "full",
    "get_model",
    "initializer",
    "list_models",
    "list_plugins",
    "non_negative",
    "one_of",
    "option",
    "option_field",
    "param",
    "positive",
    "quantity_field",
    "real_signature",
    "simulate",
    "state",
    "whole",
]
