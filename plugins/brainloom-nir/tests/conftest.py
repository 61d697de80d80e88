"""What the tests share."""

from collections.abc import Iterator

import brainstate
import brainunit as u
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def numerics() -> Iterator[None]:
    with brainstate.environ.context(dt=1.0 * u.ms, precision=32):
        yield


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)
