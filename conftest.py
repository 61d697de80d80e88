"""What the tests of all members share: which checks of the conformance kit run apart."""

import gc

import pytest

# The checks of gradients share one compiled gradient. The examples of docstrings run as doctests.
THOROUGH = (
    "check_order_of_",
    "check_examples_run",
    "check_float64_gradients_are_finite",
    "check_gradients_are_finite",
    "check_input_gradient_is_not_zero",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Checks that take minutes over all models are slow: the session `verify` runs them."""
    for item in items:
        check = item.callspec.params.get("check") if hasattr(item, "callspec") else None
        if getattr(check, "__name__", "").startswith(THOROUGH):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Leave out of the collection of garbage what stays: modules and tests are most of it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
