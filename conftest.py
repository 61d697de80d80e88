"""What the tests of all members share: which checks of the conformance kit run apart."""

import pytest

THOROUGH = ("check_order_of_", "check_gradients_are_finite", "check_float64_gradients_are_finite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Checks that take minutes over all models are slow: the session `verify` runs them."""
    for item in items:
        check = item.callspec.params.get("check") if hasattr(item, "callspec") else None
        if getattr(check, "__name__", "").startswith(THOROUGH):
            item.add_marker(pytest.mark.slow)
