"""Recordings as objects of other libraries, each of which is imported when it is asked for."""

from .neo import to_neo
from .nwb import to_nwb
from .pandas import to_pandas
from .pynapple import to_pynapple
from .xarray import to_xarray

__all__ = ["to_neo", "to_nwb", "to_pandas", "to_pynapple", "to_xarray"]
