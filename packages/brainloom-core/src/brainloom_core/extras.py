"""Libraries that are not needed to simulate: imported when they are asked for."""

import importlib
from typing import Any

__all__ = ["needs"]


def needs(module: str, extra: str) -> Any:
    """Import a library that an extra of `brainloom-core` brings.

    Args:
        module: What to import.
        extra: Name of the extra.

    Raises:
        ImportError: It is not installed; it says what to install.
    """
    name = module.partition(".")[0]
    try:
        importlib.import_module(name)
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'This needs {name}. Install it with: pip install "brainloom-core[{extra}]"', name=name
        ) from error
