"""Time a training step of one network in brainloom beside other libraries, and print a table.

    python run_training.py --ours PY --torch PY --spyx PY --peer PY --rounds 3 --output out.json

Each PY is the interpreter of an environment: brainloom and its CPU kernels, then those of
`requirements-torch.txt`, `requirements-spyx.txt` and `requirements-brainpy-state.txt`. Rows without
an interpreter are left out. Rounds are interleaved, so that a slow minute of the machine hits every
library. All use the same two cores. A row whose loss or gradients are not those of the double
precision reference in `training_common.py` does not train this network and is dropped.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from run import SELECTION, markdown
from training_common import Gradients, distance, problem, reference

HERE = Path(__file__).parent
TOLERANCE = 1e-4  # single precision leaves some 1e-6; a reset that is not differentiated, 1e-1
VARIABLES = {"OMP_NUM_THREADS": "2", "JAX_PLATFORMS": "cpu"}

Run = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One line of the table: a script, the environment it runs in, what it is given."""

    name: str
    environment: str
    script: str
    options: tuple[str, ...] = ()
    kernels: str | None = None


OURS = "brainloom"
DENSE = "event_dense=reference,event_outer=reference"
ROWS = (
    Row(OURS, "ours", "brainloom_bptt.py"),
    Row("brainloom, in pieces", "ours", "brainloom_bptt.py", ("--rule", "bptt-checkpointed")),
    Row("brainloom, dense products", "ours", "brainloom_bptt.py", kernels=DENSE),
    Row("snnTorch", "torch", "snntorch_bptt.py"),
    Row("Norse", "torch", "norse_bptt.py"),
    Row("SpikingJelly", "torch", "spikingjelly_bptt.py"),
    Row("Spyx", "spyx", "spyx_bptt.py"),
    Row("brainpy.state", "peer", "brainpy_state_bptt.py"),
)

COLUMNS = {
    "library": "library",
    "version": "version",
    "step_s": "s per training step",
    "least_s": "least",
    "to_ours": f"/ {OURS}",
    "cpu_s": "CPU s",
    "error": "error of the gradients",
    "fresh_s": "fresh process to first step (s)",
}


def command(row: Row, gradients: Path, options: argparse.Namespace) -> list[str]:
    pin = ["taskset", "-c", options.cores] if shutil.which("taskset") else []
    script = [getattr(options, row.environment), str(HERE / row.script), *row.options]
    return [*pin, *script, "--repeats", str(options.repeats), "--gradients", str(gradients)]


def environment(row: Row) -> dict[str, str]:
    """The caller's variables, with the row's choice of kernels."""
    variables = {**os.environ, **VARIABLES}
    variables.pop(SELECTION, None)
    return variables if row.kernels is None else {**variables, SELECTION: row.kernels}


def execute(row: Row, expected: Gradients, options: argparse.Namespace) -> Run | None:
    """The report of one fresh process; None, with its last error line shown, when it failed."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "gradients.npz")
        done = subprocess.run(
            command(row, file, options), env=environment(row), capture_output=True, text=True
        )
        if done.returncode == 0:
            with np.load(file) as found:
                error = distance(Gradients(**found), expected)
            return {**json.loads(done.stdout.splitlines()[-1]), "error": error}
    reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    print(f"{row.name}: failed: {reason}", file=sys.stderr)
    return None


def collect(options: argparse.Namespace) -> dict[str, list[Run]]:
    """All reports, by row."""
    expected = reference(problem())
    runs: dict[str, list[Run]] = defaultdict(list)
    rows = [row for row in ROWS if getattr(options, row.environment)]
    for number in range(1, options.rounds + 1):
        for row in rows:
            print(f"round {number}, {row.name}", file=sys.stderr)
            if (run := execute(row, expected, options)) is not None:
                runs[row.name].append(run)
    return runs


def summarise(name: str, runs: list[Run]) -> Run:
    seconds = [s for run in runs for s in run["step_s"]]
    return {
        "library": name,
        "version": runs[0]["version"],
        "step_s": median(seconds),
        "least_s": min(seconds),
        "cpu_s": median(run["cpu_s"] for run in runs),
        "fresh_s": median(run["setup_s"] + run["first_s"] for run in runs),
        "error": max(run["error"] for run in runs),
    }


def table(runs: dict[str, list[Run]]) -> tuple[list[Run], list[str]]:
    """The rows to show, and a sentence for each one dropped."""
    rows = [summarise(name, reports) for name, reports in runs.items()]
    shown = [row for row in rows if row["error"] <= TOLERANCE]
    dropped = [
        f"Dropped {row['library']}: its gradients are off by {row['error']:.1e}."
        for row in rows
        if not row["error"] <= TOLERANCE
    ]
    ours = next((row["step_s"] for row in shown if row["library"] == OURS), None)
    for row in shown:
        row["to_ours"] = row["step_s"] / ours if ours else None
    return sorted(shown, key=lambda row: row["step_s"]), dropped


def save(path: Path, rows: list[Run], dropped: list[str], runs: dict[str, list[Run]]) -> None:
    system = f"{platform.system()} {platform.machine()}"
    result = {"system": system, "table": rows, "dropped": dropped, "raw": runs}
    path.write_text(json.dumps(result, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ours", metavar="PY", help="interpreter with brainloom")
    parser.add_argument("--torch", metavar="PY", help="interpreter with the PyTorch libraries")
    parser.add_argument("--spyx", metavar="PY", help="interpreter with Spyx")
    parser.add_argument("--peer", metavar="PY", help="interpreter with brainpy.state")
    parser.add_argument("--repeats", type=int, default=20, help="steps per process after the first")
    parser.add_argument("--rounds", type=int, default=3, help="processes per row")
    parser.add_argument("--cores", default="0,1", help="the cores everything is pinned to")
    parser.add_argument("--output", type=Path, help="write the numbers as JSON")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    runs = collect(options)
    rows, dropped = table(runs)
    print("\n".join([markdown(rows, COLUMNS), *([""] if dropped else []), *dropped]))
    if options.output:
        save(options.output, rows, dropped, runs)


if __name__ == "__main__":
    main()
