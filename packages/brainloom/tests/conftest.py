"""What programs written for brainpy.state need to run in the tests."""

import importlib.util
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def event_kernels() -> Iterator[None]:
    """Event-driven layers of brainstate, also where numba, their default, is not installed."""
    config = pytest.importorskip("brainevent.config")
    before = config.get_backend("cpu")
    if importlib.util.find_spec("numba") is None:
        config.set_backend("cpu", "jax_raw")
    yield
    config.set_backend("cpu", before)
