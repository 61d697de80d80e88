"""No argument of anything public takes what it cannot mean, or ends in words of another library."""

import inspect
from typing import Any

import brainloom_nir
import nir
import numpy as np
import pytest
from brainloom_nir import (
    Conv,
    Counterpart,
    Flatten,
    Input,
    Integrator,
    Matrices,
    NIRNetwork,
    Output,
    Pool,
    Scale,
    Source,
    Strictly,
    Threshold,
)
from brainloom_testing import complaints

ARGUMENTS: dict[Any, dict[str, Any]] = {
    Conv: {"weight": np.ones((1, 1, 3, 3))},
    Counterpart: {"module": Integrator, "node": nir.I},
    Flatten: {"in_size": (2, 3)},
    Input: {"size": 2},
    Matrices: {"weight": np.ones((2, 3))},
    NIRNetwork: {"nodes": {"input": Input(2), "output": Output(2)}, "edges": [("input", "output")]},
    Output: {},
    Pool: {"kernel": 2, "stride": 2},
    Scale: {"scale": np.ones(2)},
    Source: {},
    Strictly: {},
    Threshold: {"threshold": np.ones(2)},
}
RESULTS = {"Context", "Finding", "LossReport", "NIRExport", "NIRImport"}


def test_every_class_is_here() -> None:
    found = {
        name for name in brainloom_nir.__all__ if inspect.isclass(getattr(brainloom_nir, name))
    }
    models = {"FilteredIntegrator", "FilteredLIF", "Integrator", "LeakyIntegrator", "NIRError"}
    assert found - models - RESULTS == {cls.__name__ for cls in ARGUMENTS}


@pytest.mark.parametrize("cls", ARGUMENTS)
def test_what_no_argument_can_mean_is_refused(cls: Any) -> None:
    cls(**ARGUMENTS[cls])
    found = complaints(cls, ARGUMENTS[cls])
    assert not found, f"{len(found)}: {found[:3]}"
