"""brainloom: composable spiking neural network models with physical units.

Everything that users need is here under one name, `import brainloom as bl`; a model of an
installed plugin is found as an attribute too.
"""

from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

import brainloom_core
import brainloom_neurons
import brainloom_projections
import brainloom_synapses
import brainloom_training
from brainloom_core import (
    ERF,
    S2NN,
    SOLVERS,
    AlignPost,
    Arctan,
    Boxcar,
    BrainloomError,
    Counts,
    Crossing,
    Custom,
    DeclarationError,
    Descriptor,
    Dynamics,
    FastSigmoid,
    GaussianGrad,
    InputError,
    Interrupted,
    InvSquareGrad,
    KernelError,
    LeakyRelu,
    LogTailedRelu,
    MultiGaussianGrad,
    Network,
    Neuron,
    NonFiniteError,
    NonzeroSignLog,
    Normal,
    Numerics,
    Output,
    ParameterError,
    PiecewiseExp,
    PiecewiseLeakyRelu,
    PiecewiseQuadratic,
    PluginConflictError,
    PluginError,
    QPseudoSpike,
    Rate,
    Recording,
    Refractory,
    ReluGrad,
    Sigmoid,
    SlayerGrad,
    Snapshot,
    SoftSign,
    Solver,
    SpikeEvents,
    Spikes,
    SquarewaveFourierSeries,
    StateError,
    Stochastic,
    StraightThrough,
    SuperSpike,
    Surrogate,
    Synapse,
    SynOut,
    Tanh,
    Trace,
    TraceData,
    Uniform,
    UnitError,
    Weights,
    between,
    build,
    get_model,
    list_models,
    list_plugins,
    non_negative,
    positive,
    restore,
    resume,
    seeded,
    simulate,
    snapshot,
    surrogate,
)
from brainloom_core.kernels import list_kernels, use_kernel
from brainloom_core.plugins import find, get, list_registered
from brainloom_neurons import *  # noqa: F403
from brainloom_projections import *  # noqa: F403
from brainloom_synapses import *  # noqa: F403
from brainloom_training import *  # noqa: F403
from brainloom_training import data

from .elsewhere import advice

if TYPE_CHECKING:
    from brainloom_core import Explanation, explain, sweep

__version__ = _version("brainloom")

__all__ = [
    "ERF",
    "S2NN",
    "SOLVERS",
    "AlignPost",
    "Arctan",
    "Boxcar",
    "BrainloomError",
    "Counts",
    "Crossing",
    "Custom",
    "DeclarationError",
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
    "Weights",
    "between",
    "build",
    "data",
    "explain",
    "get",
    "get_model",
    "list_kernels",
    "list_models",
    "list_plugins",
    "list_registered",
    "non_negative",
    "positive",
    "restore",
    "resume",
    "seeded",
    "simulate",
    "snapshot",
    "surrogate",
    "sweep",
    "use_kernel",
]
__all__ += brainloom_neurons.__all__
__all__ += brainloom_synapses.__all__
__all__ += brainloom_projections.__all__
__all__ += brainloom_training.__all__


def __getattr__(name: str) -> Any:
    """What is imported when it is asked for, or a model that a plugin registers by this name."""
    if name.startswith("_"):
        raise AttributeError(f"module 'brainloom' has no attribute {name!r}")
    if name in ("Explanation", "explain", "sweep"):
        return getattr(brainloom_core, name)
    try:
        return find(name)
    except PluginConflictError:
        raise
    except PluginError as error:
        if (instead := advice(name)) is not None:
            # What `from brainloom import name` makes of an AttributeError would not say it.
            raise ImportError(f"brainloom has no {name}: {instead}") from None
        raise AttributeError(f"module 'brainloom' has no attribute {name!r}. {error}") from None
