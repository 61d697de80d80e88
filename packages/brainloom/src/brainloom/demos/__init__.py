"""Published networks, ready to run: `brainloom demo`."""

from .brette2007 import CobaHHNetwork, CobaNetwork, CubaNetwork, Outcome, run

__all__ = ["CobaHHNetwork", "CobaNetwork", "CubaNetwork", "Outcome", "run"]
