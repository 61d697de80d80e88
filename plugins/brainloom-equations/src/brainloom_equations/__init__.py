"""Models from equations as text, in the syntax of Brian2."""

from importlib.metadata import version as _version

from .building import scheme, shared
from .fragments import EquationError
from .from_parts import kinetics_from_equations, output_from_equations
from .from_synapses import synapses_from_equations
from .from_text import from_equations
from .held import TimedArray
from .neuron import EquationNeuron, not_refractory, steps_since
from .source import to_python
from .synapses import EquationSynapses

__version__ = _version("brainloom-equations")

__all__ = [
    "EquationError",
    "EquationNeuron",
    "EquationSynapses",
    "TimedArray",
    "from_equations",
    "kinetics_from_equations",
    "not_refractory",
    "output_from_equations",
    "scheme",
    "shared",
    "steps_since",
    "synapses_from_equations",
    "to_python",
]
