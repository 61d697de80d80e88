"""Measure memory and time of a gradient against the length of a sequence, and draw the memory.

    python memory.py --output ../../docs/images/bptt-memory.svg

A network of 64 leaky integrate-and-fire neurons with 50 inputs and a readout, four samples at once.
The gradient of a loss of the mean output is found by backpropagation through time, with all states
kept, and with those between pieces of a length of about the root of the whole. Memory is what the
compiled gradient needs besides its arguments and results.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import brainloom as bl
import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_training import LeakyRateReadout, Linear, MeanOverTime, rollout

LENGTHS = (100, 1_000, 10_000, 100_000)
LONGEST_WHOLE = 10_000  # steps, of which all states are kept
TOLERANCE = 1e-4  # of the largest part of a gradient
SEGMENTS: dict[str, Any] = {"bptt": None, "bptt-checkpointed": "auto"}
INK = "#808080"
COLORS = ("#e07b39", "#3b8ed0")


@dataclass(frozen=True)
class Measured:
    """One gradient: bytes and seconds."""

    rule: str
    length: int
    memory: int
    seconds: float


def gradient(segment: Any) -> Callable[[Any], Any]:
    """The compiled gradient of a loss, a function of the inputs."""
    brainstate.random.seed(0)
    weights = brainstate.random.uniform(0.0, 0.4, (50, 64)) * u.mA
    model = brainstate.nn.Sequential(
        Linear(50, 64, w_init=weights, b_init=None),
        bl.LIF(64, tau=20 * u.ms),
        LeakyRateReadout(64, 5, tau=20 * u.ms),
    )
    brainstate.nn.init_all_states(model, batch_size=4)

    def loss(xs: Any) -> Any:
        brainstate.nn.reset_all_states(model, batch_size=4)
        return (rollout(model, xs, segment=segment, over=MeanOverTime()) ** 2).mean()

    parameters = model.states(brainstate.ParamState)
    return brainstate.transform.jit(brainstate.transform.grad(loss, parameters))


def inputs(length: int) -> Any:
    return (jax.random.uniform(jax.random.key(0), (length, 4, 50)) < 0.1).astype(jnp.float32)


def flat(gradients: Any) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(gradients)])


def measure(rule: str, length: int) -> tuple[Measured, np.ndarray]:
    """Compile a gradient, count its memory, and time it."""
    with brainstate.environ.context(dt=1 * u.ms, precision=32):
        compute, xs = gradient(SEGMENTS[rule]), inputs(length)
        memory = compute.compile(xs).memory_analysis().temp_size_in_bytes
        found = jax.block_until_ready(compute(xs))
        began = time.perf_counter()
        jax.block_until_ready(compute(xs))
    return Measured(rule, length, int(memory), time.perf_counter() - began), flat(found)


def survey(lengths: tuple[int, ...] = LENGTHS) -> list[Measured]:
    """Both rules at all lengths, as far as each is to go; gradients must agree."""
    rows = []
    for length in lengths:
        whole, expected = measure("bptt", length) if length <= LONGEST_WHOLE else (None, None)
        pieces, found = measure("bptt-checkpointed", length)
        rows += [row for row in (whole, pieces) if row is not None]
        if expected is not None:
            # Both are the same sums, of T terms at most, which float32 adds in different order.
            scale = np.abs(expected).max()
            np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * scale)
    return rows


def by_rule(rows: list[Measured]) -> dict[str, list[Measured]]:
    return {rule: [row for row in rows if row.rule == rule] for rule in SEGMENTS}


def exponents(rows: list[Measured]) -> dict[str, float]:
    """The power of the length with which memory grows, for each rule."""
    return {
        rule: float(np.polyfit(*np.log([[r.length for r in own], [r.memory for r in own]]), 1)[0])
        for rule, own in by_rule(rows).items()
    }


def table(rows: list[Measured]) -> str:
    lines = ["| | steps | memory (bytes) | seconds |", "| --- | --: | --: | --: |"]
    for row in rows:
        memory = f"{row.memory:,}".replace(",", " ")
        lines.append(f"| {row.rule} | {row.length} | {memory} | {row.seconds:.3g} |")
    return "\n".join(lines)


def draw(rows: list[Measured], path: Path) -> None:
    """Bytes over steps, for light and dark pages, the same file each time."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    grey = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK)
    settings = {
        **grey,
        "axes.edgecolor": INK,
        "font.size": 11,
        "svg.fonttype": "none",
        "svg.hashsalt": "brainloom",
    }
    with mpl.rc_context(settings):
        figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
        for (rule, own), color, marker in zip(by_rule(rows).items(), COLORS, "os", strict=True):
            x, y = [r.length for r in own], [r.memory for r in own]
            axes.loglog(x, y, marker + "-", color=color, label=rule)
        axes.set_xlabel("steps")
        axes.set_ylabel("memory of a gradient (bytes)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        figure.savefig(path, transparent=True, metadata={"Date": None})
        plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, help="numbers of steps")
    parser.add_argument("--output", type=Path, help="SVG file of the figure")
    parser.add_argument("--json", type=Path, help="file of the numbers")
    options = parser.parse_args()
    rows = survey(tuple(options.lengths))
    print(table(rows))
    for rule, found in exponents(rows).items():
        print(f"{rule}: memory grows with the power {found:.3f} of the number of steps")
    if options.output:
        draw(rows, options.output)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
