"""The core of brainloom: declarations, the step, units, kernels, plugins and simulation."""

from importlib.metadata import version as _version

from .declare.constraints import Constraint, between, non_negative, one_of, positive, whole
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
from .dynamics.solvers import SOLVERS, Solver
from .dynamics.synapse import AlignPost, Synapse, SynOut
from .dynamics.views import View
from .errors import (
    BrainloomError,
    DeclarationError,
    InputError,
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
    SpikeEvents,
    Spikes,
    Trace,
    TraceData,
    Weights,
    simulate,
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
    "Counts",
    "Crossing",
    "Custom",
    "DeclarationError",
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
    "seeded",
    "simulate",
    "state",
    "whole",
]
