"""The scripts of this folder are imported as they import each other; `--seeds` says how often."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=1, help="number of seeds of each task")


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> range:
    return range(request.config.getoption("seeds"))
