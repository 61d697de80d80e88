"""The kit for one model, output, readout or projection as a plain function."""

from typing import Any

from ..case import Case, default_case
from ..kit import run

__all__ = ["check_model"]


def check_model(model: type | Case, **arguments: Any) -> int:
    """A model, an output, a readout or a projection passes all checks that there are for its kind.

    Args:
        model: The class, or a case of it.
        arguments: Constructor arguments of the class, where there are no defaults.

    Returns:
        How many checks there were.

    Raises:
        AssertionError: Some fail, or one passes that the case expects to fail.

    Examples:
        >>> from brainloom_synapses import CUBA
        >>> from brainloom_testing import check_model
        >>> check_model(CUBA) > 5
        True
    """
    results = run(model if isinstance(model, Case) else default_case(model, **arguments))
    bad = [str(result) for result in results if not result.good]
    if bad:
        raise AssertionError("\n".join(bad))
    return len(results)
