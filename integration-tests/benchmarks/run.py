"""Time brainloom beside other simulators on one core, and print a table.

    python run.py --ours PY --peer PY --brian PY --scales 1 10 --rounds 3 --output bench.json

Each PY is the interpreter of an environment: brainloom and its CPU kernels, then those of
`requirements-brainpy-state.txt` and `requirements-brian2.txt`. Rows without an interpreter are left
out. Rounds are interleaved, so that a slow minute of the machine hits every simulator, and medians
are taken over all windows of all rounds. A row whose rate is more than 10 % away from that of
brainpy.state and the bare scan does not simulate this network and is dropped.
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
from typing import Any

HERE = Path(__file__).parent
TOLERANCE = 0.1
ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "OMP_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
}
SELECTION = "BRAINLOOM_KERNELS"

Run = dict[str, Any]
Key = tuple[float, str]  # scale and name of the row


@dataclass(frozen=True)
class Row:
    """One line of the table: a script, the environment it runs in, what it is given."""

    name: str
    environment: str
    script: str
    options: tuple[str, ...] = ()
    kernels: str | None = None


FLOOR, PEER = "bare scan", "brainpy.state"
ROWS = (
    Row(FLOOR, "ours", "bare_scan.py"),
    Row("brainloom, native kernel", "ours", "brainloom_coba.py"),
    Row("brainloom, reference kernel", "ours", "brainloom_coba.py", (), "event_csr=reference"),
    Row(PEER, "peer", "brainpy_state_coba.py"),
    Row("Brian2 C++, exponential Euler", "brian", "brian2_coba.py"),
    Row("Brian2 C++, forward Euler", "brian", "brian2_coba.py", ("--method", "euler")),
)


def environment(row: Row) -> dict[str, str]:
    """The caller's variables, single-threaded, with the row's choice of kernels."""
    variables = {**os.environ, **ONE_THREAD}
    variables.pop(SELECTION, None)
    return variables if row.kernels is None else {**variables, SELECTION: row.kernels}


def command(row: Row, scale: float, options: argparse.Namespace) -> list[str]:
    pin = ["taskset", "-c", str(options.core)] if shutil.which("taskset") else []
    script = [getattr(options, row.environment), str(HERE / row.script), *row.options]
    windows = ["--duration", str(options.duration), "--repeats", str(options.repeats)]
    return [*pin, *script, "--scale", str(scale), *windows]


def execute(row: Row, scale: float, options: argparse.Namespace) -> Run | None:
    """The report of one fresh process; None, with its last error line shown, when it failed."""
    done = subprocess.run(
        command(row, scale, options), env=environment(row), capture_output=True, text=True
    )
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    print(f"{row.name}, scale {scale:g}: failed: {reason}", file=sys.stderr)
    return None


def collect(options: argparse.Namespace) -> dict[Key, list[Run]]:
    """All reports, by scale and row."""
    runs: dict[Key, list[Run]] = defaultdict(list)
    rows = [row for row in ROWS if getattr(options, row.environment)]
    for number in range(1, options.rounds + 1):
        for scale in options.scales:
            for row in rows:
                print(f"round {number}, scale {scale:g}, {row.name}", file=sys.stderr)
                if (run := execute(row, scale, options)) is not None:
                    runs[scale, row.name].append(run)
    return runs


def summarise(runs: list[Run]) -> Run:
    """Medians over the rounds; times are per simulated second."""
    seconds = [s * 1e3 / run["duration_ms"] for run in runs for s in run["steady_s"]]
    return {
        "version": runs[0]["version"],
        "neurons": runs[0]["neurons"],
        "steady_s": median(seconds),
        "fresh_s": median(run["setup_s"] + run["first_s"] for run in runs),
        "rate_hz": median(run["rate_hz"] for run in runs),
    }


def expected_rate(runs: dict[Key, list[Run]], scale: float) -> float | None:
    """Median rate of the two simulators that define the network; None when neither ran."""
    rates = [run["rate_hz"] for name in (PEER, FLOOR) for run in runs.get((scale, name), [])]
    return median(rates) if rates else None


def agrees(rate: float, expected: float | None) -> bool:
    return expected is None or abs(rate - expected) <= TOLERANCE * expected


def table(runs: dict[Key, list[Run]]) -> tuple[list[Run], list[str]]:
    """The rows to show, and a sentence for each one dropped."""
    shown, dropped = [], []
    for (scale, name), reports in sorted(runs.items(), key=lambda item: item[0][0]):
        row = {"simulator": name, "scale": scale, **summarise(reports)}
        expected = expected_rate(runs, scale)
        if agrees(row["rate_hz"], expected):
            shown.append(row)
        else:
            sizes = f"{row['neurons']} neurons: {row['rate_hz']:.2f} Hz, not {expected:.2f} Hz"
            dropped.append(f"Dropped {name}, {sizes}.")
    for row in shown:
        row["to_floor"], row["to_peer"] = ratio(row, FLOOR, shown), ratio(row, PEER, shown)
    return shown, dropped


def ratio(row: Run, base: str, rows: list[Run]) -> float | None:
    """Time of a row over that of another one at the same scale."""
    for other in rows:
        if (other["simulator"], other["scale"]) == (base, row["scale"]):
            return row["steady_s"] / other["steady_s"]
    return None


COLUMNS = {
    "simulator": "simulator",
    "neurons": "neurons",
    "steady_s": "s per simulated s",
    "to_floor": f"/ {FLOOR}",
    "to_peer": f"/ {PEER}",
    "rate_hz": "rate (Hz)",
    "fresh_s": "fresh process to first window (s)",
}


def cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def markdown(rows: list[Run], columns: dict[str, str] = COLUMNS) -> str:
    rule = " | ".join(["---", *["--:"] * (len(columns) - 1)])
    body = [" | ".join(cell(row[key]) for key in columns) for row in rows]
    return "\n".join(f"| {line} |" for line in [" | ".join(columns.values()), rule, *body])


def save(path: Path, rows: list[Run], dropped: list[str], runs: dict[Key, list[Run]]) -> None:
    raw = [{"row": name, "scale": scale, "runs": runs[scale, name]} for scale, name in runs]
    system = f"{platform.system()} {platform.machine()}"
    result = {"system": system, "table": rows, "dropped": dropped, "raw": raw}
    path.write_text(json.dumps(result, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ours", metavar="PY", help="interpreter with brainloom")
    parser.add_argument("--peer", metavar="PY", help="interpreter with brainpy.state")
    parser.add_argument("--brian", metavar="PY", help="interpreter with Brian2")
    parser.add_argument("--scales", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--duration", type=float, default=1000, help="ms per window")
    parser.add_argument("--repeats", type=int, default=3, help="steady windows per process")
    parser.add_argument("--rounds", type=int, default=3, help="processes per row and scale")
    parser.add_argument("--core", type=int, default=0, help="the core everything is pinned to")
    parser.add_argument("--output", type=Path, help="write the numbers as JSON")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    runs = collect(options)
    rows, dropped = table(runs)
    print("\n".join([markdown(rows), *([""] if dropped else []), *dropped]))
    if options.output:
        save(options.output, rows, dropped, runs)


if __name__ == "__main__":
    main()
