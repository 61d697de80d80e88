"""What the scripts of this folder share: losses, the command line, and the file of figures."""

import argparse
import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from brainloom_training import Accuracy, MeanOverTime, MembraneCrossEntropy

PACKAGES = ("brainloom-training", "brainstate", "jax", "optax")
Figures = dict[str, float]


# The class is that of the output whose mean over time is largest.
MEAN_CROSS_ENTROPY = MembraneCrossEntropy(over=MeanOverTime(), scale=1.0)
MEAN_ACCURACY = Accuracy(over=MeanOverTime())


def command(doc: str, run: Callable[..., Figures]) -> None:
    """Run a task with as many seeds as the command line says, print and write what came out."""
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds")
    parser.add_argument("--output", type=Path, help="JSON file of the figures")
    options = parser.parse_args()
    rows = []
    for seed in range(options.seeds):
        began, worked = time.perf_counter(), time.process_time()
        figures = run(seed)
        took = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - worked}
        rows.append({"seed": seed, **figures, **took})
        print(", ".join(f"{name} {value:.4g}" for name, value in rows[-1].items()), flush=True)
    means = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0] if name != "seed"}
    print("mean:", ", ".join(f"{name} {value:.4g}" for name, value in means.items()))
    if options.output:
        write(options.output, {"mean": means, "seeds": rows})


def write(path: Path, figures: dict[str, Any]) -> None:
    """Write figures, and what they were made with, as JSON."""
    made_with = {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}}
    path.write_text(json.dumps({**figures, "versions": made_with}, indent=2) + "\n")
