"""References of the models that brainloom comes with, by name of the class."""

from ..registry import register_references
from . import conductance, exponential, leaky, plasticity, reduced, synapses

__all__: list[str] = []

for _family in (leaky, exponential, conductance, reduced, synapses, plasticity):
    for _name, _references in _family.REFERENCES.items():
        register_references(_name, _references)
