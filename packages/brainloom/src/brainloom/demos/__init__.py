"""Published networks, ready to run: `brainloom demo`."""

from .brette2007 import CobaNetwork, CubaNetwork, Outcome, run

__all__ = ["CobaNetwork", "CubaNetwork", "Outcome", "run"]
