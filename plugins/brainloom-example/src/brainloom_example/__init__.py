"""An example of a plugin: one neuron model, written against `brainloom-core` alone."""

from .model import ExampleNeuron

__all__ = ["ExampleNeuron"]
