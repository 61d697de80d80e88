"""What the comparisons measured, printed at the end of the session."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# What the simulators are given is written there, once.
REFERENCE = Path(__file__).parents[1] / "reference"
sys.path[:0] = [str(REFERENCE / folder) for folder in ("synapses", "neurons")]


NEURONS = ("V to spike", "V", "ms a spike", "f-I (ms)", "f-I (%)", "spikes")
TABLES = {
    "neurons": f"{'pair':26} {'scheme':9} {'dt':>4}" + "".join(f"{x:>11}" for x in NEURONS),
    "synapses": f"{'case':26} {'V (mV)':>11} {'half step':>11} {'spikes':>7} {'ms':>9}",
    "plasticity": f"{'rule':26} {'weight':>11} {'error':>11}",
    "networks": f"{'network':16} {'measure':11} {'ours':>19} {'reference':>19} {'t':>6}",
}
ROWS = pytest.StashKey[dict[str, list[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = {name: [] for name in TABLES}


@pytest.fixture
def report(pytestconfig: pytest.Config) -> Callable[[str, str], None]:
    """Add a line to one of the tables that are printed at the end."""
    return lambda table, row: pytestconfig.stash[ROWS][table].append(row)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for name, rows in config.stash[ROWS].items():
        if rows:
            terminalreporter.section(f"parity: {name}, worst errors")
            terminalreporter.write_line(TABLES[name])
            for row in sorted(rows):
                terminalreporter.write_line(row)
