r"""What the training scripts share: the network, its data, the referee, the report.

The network, for spikes $x_t$ of 700 inputs, 512 hidden neurons and 20 outputs:

    V_t = beta (V_{t-1} - s_{t-1}) + x_t W_1,   s_t = [V_t >= 1],   r_t = beta r_{t-1} + s_t W_2

from zero, with beta = exp(-dt / tau). The loss is the cross entropy of the mean of r over time.
The derivative of the step is 1 / (|V - 1| + 1)^2, and the reset is differentiated like the rest:
all libraries of the comparison can say this with layers of their own. Every script trains both
matrices with Adam. It first hands over its loss and gradients, which `reference` computes in
double precision without any library.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from bench_common import START

STEPS, BATCH, INPUTS, HIDDEN, OUTPUTS = 100, 64, 700, 512, 20
DT, TAU = 1.0, 20.0  # ms
BETA = float(np.exp(-DT / TAU))
DENSITY = 0.02
W1_SD, W2_SD = 0.06, 0.05  # V stays below 2, where one reset would not reach the threshold
LEARNING_RATE = 1e-3
SEED = 0


@dataclass(frozen=True)
class Problem:
    """One batch and the initial weights, in single precision.

    Attributes:
        x: Input spikes, shape (STEPS, BATCH, INPUTS).
        y: Classes, shape (BATCH,).
        w1: Weights to the hidden layer, shape (INPUTS, HIDDEN).
        w2: Weights to the outputs, shape (HIDDEN, OUTPUTS).
    """

    x: np.ndarray
    y: np.ndarray
    w1: np.ndarray
    w2: np.ndarray


class Gradients(NamedTuple):
    loss: float
    w1: np.ndarray
    w2: np.ndarray


def problem() -> Problem:
    random = np.random.RandomState(SEED)
    x = random.rand(STEPS, BATCH, INPUTS) < DENSITY
    y = random.randint(0, OUTPUTS, BATCH)
    w1 = random.normal(0, W1_SD, (INPUTS, HIDDEN))
    w2 = random.normal(0, W2_SD, (HIDDEN, OUTPUTS))
    single = np.float32
    return Problem(x.astype(single), y.astype(np.int32), w1.astype(single), w2.astype(single))


def reference(problem: Problem) -> Gradients:
    """Loss and gradients by backpropagation through time, written out in double precision."""
    x, w1, w2 = (a.astype(np.float64) for a in (problem.x, problem.w1, problem.w2))
    V = np.zeros((STEPS, BATCH, HIDDEN))
    r = np.zeros((STEPS, BATCH, OUTPUTS))
    for t in range(STEPS):
        before = V[t - 1] - (V[t - 1] >= 1) if t else 0.0
        V[t] = BETA * before + x[t] @ w1
        r[t] = (BETA * r[t - 1] if t else 0.0) + (V[t] >= 1) @ w2
    spikes = (V >= 1).astype(np.float64)

    logits = r.mean(0)
    share = np.exp(logits - logits.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    rows = np.arange(BATCH)
    loss = -np.log(share[rows, problem.y]).mean()
    share[rows, problem.y] -= 1
    each = share / BATCH / STEPS  # what a step adds to the derivative by r

    d_w1, d_w2 = np.zeros_like(w1), np.zeros_like(w2)
    d_r, d_V = np.zeros((BATCH, OUTPUTS)), np.zeros((BATCH, HIDDEN))
    for t in reversed(range(STEPS)):
        d_r = each + BETA * d_r
        d_spikes = d_r @ w2.T - BETA * d_V
        d_V = BETA * d_V + d_spikes / (abs(V[t] - 1) + 1) ** 2
        d_w1 += x[t].T @ d_V
        d_w2 += spikes[t].T @ d_r
    return Gradients(float(loss), d_w1, d_w2)


def distance(found: Gradients, expected: Gradients) -> float:
    """The largest relative error of the loss and, as norms, of the two gradients."""
    errors = (
        np.linalg.norm(f - e) / np.linalg.norm(e) for f, e in zip(found, expected, strict=True)
    )
    return float(max(errors))


def command_line(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=20, help="steps timed after the first")
    parser.add_argument("--gradients", type=Path, help="write loss and gradients here (.npz)")
    return parser


def timed(step: Callable[[], float]) -> float:
    """Seconds of one step, which must wait for its own result."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def run(
    options: argparse.Namespace,
    version: str,
    gradients: Callable[[], Gradients],
    step: Callable[[], float],
) -> None:
    """Hand over the gradients, then measure and print the one line that `run_training.py` reads.

    Args:
        options: Of the command line.
        version: Of the library.
        gradients: Loss and gradients at the initial weights.
        step: One training step: forward, backward and Adam; returns the loss.
    """
    if options.gradients:
        loss, w1, w2 = gradients()
        np.savez(options.gradients, loss=loss, w1=w1, w2=w2)
    setup_s = time.perf_counter() - START
    first_s = timed(step)
    busy = time.process_time()
    steps = [timed(step) for _ in range(options.repeats)]
    busy = time.process_time() - busy
    line = {
        "version": version,
        "setup_s": round(setup_s, 3),
        "first_s": round(first_s, 3),
        "step_s": [round(seconds, 5) for seconds in steps],
        "cpu_s": round(busy / options.repeats, 5),
        "loss": step(),
    }
    print(json.dumps(line), flush=True)
