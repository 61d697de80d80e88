"""Neuron models written once more, from the literature and in plain numbers.

Nothing here knows the models under test: equations are functions of floats, and scipy solves them.
"""

from .equations import Equations, Solution, rate_of, solve

__all__ = ["Equations", "Solution", "rate_of", "solve"]
