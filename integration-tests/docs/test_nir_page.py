"""The table of NIR's primitives is what the plugin declares."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_table_is_what_the_counterparts_declare() -> None:
    command = [sys.executable, str(ROOT / "tools" / "nir_page.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stderr}: run python tools/nir_page.py"
