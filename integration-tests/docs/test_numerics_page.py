"""The page of numerical semantics is what the models declare."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_models_declare() -> None:
    command = [sys.executable, str(ROOT / "tools" / "numerics_page.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stderr}: run python tools/numerics_page.py"
