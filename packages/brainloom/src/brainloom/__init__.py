"""brainloom: composable spiking neural network models with physical units.

Everything that users need is here under one name, `import brainloom as bl`; a model of an
installed plugin is found as an attribute too.
"""

from importlib.metadata import version as _version
from typing import Any

import brainloom_neurons
import brainloom_projections
import brainloom_synapses
import brainloom_training
from brainloom_core import (
    SOLVERS,
    AlignPost,
    Arctan,
    BrainloomError,
    Crossing,
    Descriptor,
    Dynamics,
    InputError,
    InvSquareGrad,
    KernelError,
    Network,
    Neuron,
    Normal,
    Numerics,
    ParameterError,
    PluginConflictError,
    PluginError,
    Recording,
    Refractory,
    ReluGrad,
    Sigmoid,
    Solver,
    SpikeEvents,
    Spikes,
    StateError,
    Surrogate,
    Synapse,
    SynOut,
    Trace,
    Uniform,
    UnitError,
    get_model,
    list_models,
    list_plugins,
    simulate,
)
from brainloom_core.kernels import list_kernels, use_kernel
from brainloom_neurons import *  # noqa: F403
from brainloom_projections import *  # noqa: F403
from brainloom_synapses import *  # noqa: F403
from brainloom_training import *  # noqa: F403

__version__ = _version("brainloom")

__all__ = [
    "SOLVERS",
    "AlignPost",
    "Arctan",
    "BrainloomError",
    "Crossing",
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
    "get_model",
    "list_kernels",
    "list_models",
    "list_plugins",
    "simulate",
    "use_kernel",
]
__all__ += brainloom_neurons.__all__
__all__ += brainloom_synapses.__all__
__all__ += brainloom_projections.__all__
__all__ += brainloom_training.__all__


def __getattr__(name: str) -> Any:
    """A model that a plugin registers under this name."""
    if name.startswith("_"):
        raise AttributeError(f"module 'brainloom' has no attribute {name!r}")
    try:
        return get_model(name)
    except PluginConflictError:
        raise
    except PluginError as error:
        raise AttributeError(f"module 'brainloom' has no attribute {name!r}. {error}") from None
