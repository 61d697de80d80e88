"""brainloom: composable spiking neural network models with physical units.

Everything that users need is here under one name, `import brainloom as bl`; a model of an
installed plugin is found as an attribute too.
"""

from importlib.metadata import version as _version
from typing import Any

from brainloom_core import (
    SOLVERS,
    AlignPost,
    Arctan,
    BrainloomError,
    Descriptor,
    Dynamics,
    InputError,
    InvSquareGrad,
    KernelError,
    Network,
    Neuron,
    ParameterError,
    PluginConflictError,
    PluginError,
    Projection,
    Recording,
    Refractory,
    ReluGrad,
    Sigmoid,
    SpikeEvents,
    Spikes,
    StateError,
    Surrogate,
    Synapse,
    SynOut,
    Trace,
    UnitError,
    get_model,
    list_models,
    list_plugins,
    simulate,
)
from brainloom_core.kernels import list_kernels, use_kernel
from brainloom_neurons import ALIF, LIF, LIFRef, PoissonInput, PoissonSpike, SpikeTime
from brainloom_projections import (
    AlignPostProj,
    AllToAll,
    Bernoulli,
    Connection,
    DeltaProj,
    Edges,
    FixedInDegree,
    FixedOutDegree,
    OneToOne,
)
from brainloom_synapses import COBA, CUBA, DualExpon, Expon
from brainloom_training import LeakyRateReadout

__version__ = _version("brainloom")

__all__ = [
    "ALIF",
    "COBA",
    "CUBA",
    "LIF",
    "SOLVERS",
    "AlignPost",
    "AlignPostProj",
    "AllToAll",
    "Arctan",
    "Bernoulli",
    "BrainloomError",
    "Connection",
    "DeltaProj",
    "Descriptor",
    "DualExpon",
    "Dynamics",
    "Edges",
    "Expon",
    "FixedInDegree",
    "FixedOutDegree",
    "InputError",
    "InvSquareGrad",
    "KernelError",
    "LIFRef",
    "LeakyRateReadout",
    "Network",
    "Neuron",
    "OneToOne",
    "ParameterError",
    "PluginConflictError",
    "PluginError",
    "PoissonInput",
    "PoissonSpike",
    "Projection",
    "Recording",
    "Refractory",
    "ReluGrad",
    "Sigmoid",
    "SpikeEvents",
    "SpikeTime",
    "Spikes",
    "StateError",
    "Surrogate",
    "SynOut",
    "Synapse",
    "Trace",
    "UnitError",
    "get_model",
    "list_kernels",
    "list_models",
    "list_plugins",
    "simulate",
    "use_kernel",
]


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
