"""What some checks take from packages that the kit does not depend on."""

import importlib
from typing import Any

__all__ = ["training"]


def training() -> Any:
    """The package `brainloom_training`.

    Raises:
        ImportError: It is not installed.
    """
    try:
        return importlib.import_module("brainloom_training")
    except ImportError as error:
        raise ImportError(
            f"this check needs brainloom-training: pip install brainloom-training ({error})"
        ) from error
