"""What the comparisons measured, printed at the end of the session."""

from collections.abc import Callable

import pytest

ROWS = pytest.StashKey[list[str]]()
COLUMNS = ("V to spike", "V", "ms a spike", "f-I (ms)", "f-I (%)", "spikes")
HEAD = f"{'pair':26} {'scheme':9} {'dt':>4}" + "".join(f"{x:>11}" for x in COLUMNS)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []


@pytest.fixture
def report(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Add a line to what is printed at the end."""
    return pytestconfig.stash[ROWS].append


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if rows := config.stash[ROWS]:
        terminalreporter.section("parity with other simulators: worst errors")
        terminalreporter.write_line(HEAD)
        for row in sorted(rows):
            terminalreporter.write_line(row)
