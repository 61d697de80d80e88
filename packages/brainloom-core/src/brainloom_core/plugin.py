"""What core itself provides through its own hooks: references, spike functions, files."""

from collections.abc import Iterable, Mapping

from .kernels import OPS, Kernel
from .plugins import hookimpl

__all__ = ["brainloom_formats", "brainloom_kernels", "brainloom_surrogates"]


@hookimpl
def brainloom_kernels() -> Iterable[Kernel]:
    """The pure-JAX reference of every operation."""
    return [op.kernel for op in OPS.values() if op.distribution == "brainloom-core"]


@hookimpl
def brainloom_surrogates() -> Mapping[str, str]:
    """The spike functions."""
    from . import surrogate
    from .surrogate import Surrogate

    return {
        name: f"brainloom_core:{name}"
        for name, thing in vars(surrogate).items()
        if isinstance(thing, type) and issubclass(thing, Surrogate) and thing is not Surrogate
    }


@hookimpl
def brainloom_formats() -> Mapping[str, str]:
    """The files of recordings."""
    return {"zarr": "brainloom_core.run.recording.zarr_format:Zarr"}
