"""All counterparts: of models here, of plugins, and those given."""

from collections.abc import Iterable

import brainstate
import pluggy
from brainloom_core import ParameterError
from brainloom_core.types import Time
from brainloom_core.units import dimension_name, same_dimension, show

from . import counterpart
from .boundary import TIME
from .counterpart import Counterpart
from .deep import DEEP
from .maps import MAPS
from .populations import POPULATIONS

__all__ = ["OWN", "all_counterparts", "step_of"]

OWN = (*MAPS, *DEEP, *POPULATIONS)


def all_counterparts(given: Iterable[Counterpart]) -> tuple[Counterpart, ...]:
    """Those given, those of plugins, and ours: the first that fits is taken."""
    manager = pluggy.PluginManager("brainloom_nir")
    manager.add_hookspecs(counterpart)
    manager.load_setuptools_entrypoints("brainloom_nir")
    plugins = [it for found in manager.hook.brainloom_nir_nodes() for it in found]
    return (*given, *plugins, *OWN)


def step_of(dt: Time | None) -> Time | None:
    """The step that is given, or that of the environment, or None; checked."""
    dt = brainstate.environ.get("dt", default=None) if dt is None else dt
    if dt is not None and not same_dimension(dt, TIME):
        raise ParameterError(f"dt: expected a time, got {dimension_name(dt)}, {show(dt)}")
    return dt
