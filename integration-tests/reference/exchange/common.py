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
# A reader makes a function of one step's input of a graph.
Reader = Callable[[nir.NIRGraph], Callable[[np.ndarray], np.ndarray]]


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


def reading(folder: Path, output: Path, package: str, read: Reader) -> None:
    """What a library makes of files of ours; or, where it cannot read one, what it says."""
    for file in sorted(folder.glob("ours-*.nir")):
        document: dict[str, Any] = {"library": package, "version": version(package)}
        try:
            step = read(nir.read(file))
            document["output"] = np.array([step(x) for x in inputs()], np.float64).tolist()
        except Exception as error:  # of whatever kind
            document["error"] = type(error).__name__
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        (output / f"{package}-reads-{file.stem}.json").write_text(text + "\n", encoding="utf-8")


def main(
    package: str, cases: dict[str, Case], shapes: dict[str, tuple[int, ...]], read: Reader
) -> None:
    """Write all cases of one library, and what it makes of the files in another folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--read", type=Path, required=True)
    args = parser.parse_args()
    for name, case in cases.items():
        xs = inputs(shapes.get(name, (N_IN,)))
        write(args.output, f"{package}-{name}", package, case(xs), xs)
    reading(args.read, args.output, package, read)


def with_state(net: Any) -> Any:
    """A step of a PyTorch module that hands its state back."""
    import torch

    state = None

    def step(x: np.ndarray) -> np.ndarray:
        nonlocal state
        with torch.no_grad():
            y, state = net(torch.from_numpy(x), state)
        return (y[0] if isinstance(y, tuple) else y).numpy()

    return step
