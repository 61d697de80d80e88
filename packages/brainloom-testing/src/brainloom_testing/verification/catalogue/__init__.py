"""References of the models that brainloom comes with, by name of the class."""

from ..registry import register_references
from . import conductance, exponential, leaky, reduced

__all__: list[str] = []

for _family in (leaky, exponential, conductance, reduced):
    for _name, _references in _family.REFERENCES.items():
        register_references(_name, _references)
