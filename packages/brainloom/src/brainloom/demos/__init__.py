"""Published networks, ready to run: `brainloom demo`."""

from .brette2007 import CobaHHNetwork, CobaNetwork, CubaNetwork, Outcome, run
from .brunel2000 import BrunelNetwork

__all__ = ["BrunelNetwork", "CobaHHNetwork", "CobaNetwork", "CubaNetwork", "Outcome", "run"]
