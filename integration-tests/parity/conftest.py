"""What the comparisons measured, printed at the end of the session."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

# What the simulators are given is written there, once.
REFERENCE = Path(__file__).parents[1] / "reference"
FOLDERS = ("synapses", "neurons", "equations", "nest_models")
sys.path[:0] = [str(REFERENCE), *(str(REFERENCE / folder) for folder in FOLDERS)]


NEURONS = ("V to spike", "V", "ms a spike", "f-I (ms)", "f-I (%)", "spikes")
TABLES = {
    "neurons": f"{'pair':26} {'scheme':9} {'dt':>4}" + "".join(f"{x:>11}" for x in NEURONS),
    "synapses": f"{'case':26} {'V (mV)':>11} {'half step':>11} {'spikes':>7} {'ms':>9}",
    "nest models": f"{'model':22} {'case':>4} {'V (mV)':>11} {'95 %':>11} {'spikes':>7} wrong",
    "plasticity": f"{'rule':26} {'weight':>11} {'error':>11}",
    "nir": f"{'file':28} {'output':>8} {'different':>9} {'V':>10} {'as it stands':>12}",
    "equations": f"{'text':28} {'of range':>11} {'spikes':>7}",
    "networks": f"{'network':16} {'measure':11} {'ours':>19} {'reference':>19} {'t':>6}",
}
ROWS = pytest.StashKey[dict[str, list[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = {name: [] for name in TABLES}


@pytest.fixture
def report(pytestconfig: pytest.Config) -> Callable[[str, str], None]:
    """Add a line to one of the tables that are printed at the end."""
    return lambda table, row: pytestconfig.stash[ROWS][table].append(row)


@pytest.fixture
def welch(report: Callable[[str, str], None]) -> Callable[[str, str, Any, Any], float]:
    """Report what seeds gave, ours and those of a reference, and return p of Welch's t-test.

    NaN where one side has one seed, and thus no spread.
    """

    def compare(network: str, measure: str, ours: Any, theirs: Any) -> float:
        sides, test = [np.asarray(ours), np.asarray(theirs)], (np.nan, np.nan)
        if min(map(len, sides)) > 1:
            test = stats.ttest_ind(*sides, equal_var=False)
        spread = [x.std(ddof=1) if len(x) > 1 else np.nan for x in sides]
        values = "".join(f"{x.mean():11.3f} ± {s:5.3f}" for x, s in zip(sides, spread, strict=True))
        report("networks", f"{network:16} {measure:11} {values} {test[0]:6.2f}")
        return float(test[1])

    return compare


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for name, rows in config.stash[ROWS].items():
        if rows:
            terminalreporter.section(f"parity: {name}, worst errors")
            terminalreporter.write_line(TABLES[name])
            for row in sorted(rows):
                terminalreporter.write_line(row)
