"""What the scripts of all libraries share: inputs, and how results are written."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nir
import numpy as np

STEPS, BATCH, N_IN = 60, 2, 3
# A case gives the graph, the spikes or values of the last layer, and its potentials after each
# step, both of shape (STEPS, BATCH, n).
Case = Callable[[np.ndarray], "tuple[nir.NIRGraph, np.ndarray, np.ndarray]"]


def inputs(shape: tuple[int, ...] = (N_IN,)) -> np.ndarray:
    """Numbers from 0 to 2 in steps of 1/32, which are exact in any precision."""
    drawn = np.random.default_rng(7).integers(0, 65, (STEPS, BATCH, *shape))
    return (drawn / 32).astype(np.float32)


def weights(seed: int, n_out: int, n_in: int, scale: float = 1.0) -> np.ndarray:
    """Weights in steps of 1/64, of both signs and positive on the average."""
    drawn = np.random.default_rng(seed).integers(-32, 65, (n_out, n_in))
    return (scale * drawn / 64).astype(np.float32)


def write(folder: Path, name: str, package: str, made: tuple[Any, Any, Any], xs: Any) -> None:
    """The graph as a file, and beside it what went in and what came out."""
    graph, spikes, potentials = made
    # Norse leaves parameters without an axis, which HDF5 cannot compress.
    nir.write(folder / f"{name}.nir", graph, compression=None)
    document = {
        "library": package,
        "version": version(package),
        "input": np.asarray(xs, np.float64).tolist(),
        "output": np.asarray(spikes, np.float64).tolist(),
        "V": [[[float(f"{v:.7g}") for v in row] for row in step] for step in potentials.tolist()],
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def main(package: str, cases: dict[str, Case], shapes: dict[str, tuple[int, ...]]) -> None:
    """Write all cases of one library."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    folder = parser.parse_args().output
    for name, case in cases.items():
        xs = inputs(shapes.get(name, (N_IN,)))
        write(folder, f"{package}-{name}", package, case(xs), xs)
