"""One model under several learning rules: what each reaches, how long it takes, in what memory.

    python rules.py
    python rules.py bptt tbptt eprop --epochs 20 --json rules.json

The task is that of `digits.py`, in 100 steps. Memory is what the compiled training step needs
besides its arguments and results; time is that of a step, after the first.
"""

import argparse
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import optax
from brainloom_training import Trainer, data
from common import mean_accuracy, mean_cross_entropy, write
from digits import network

RULES = ("bptt", "bptt-checkpointed", "tbptt", "eprop", "d-rtrl", "pp-prop")
STEPS, BATCH, RATE, DT = 100, 50, 5e-3, 1.0 * u.ms


@dataclass(frozen=True)
class Measured:
    """One rule: share of the test samples, seconds of a step, and bytes."""

    rule: str
    accuracy: float
    seconds: float
    memory: int


def constant(x: Any) -> Any:
    """Every pixel as a current that lasts."""
    return jnp.broadcast_to(x, (STEPS, *x.shape))


def measure(rule: str, epochs: int) -> Measured:
    """Train with a rule, from the same weights and with the same batches as any other."""
    brainstate.random.seed(0)
    train, _, test = data.digits()
    trainer = Trainer(
        network(),
        mean_cross_entropy,
        optax.adam(RATE),
        rule=rule,
        metrics={"accuracy": mean_accuracy},
        encoder=constant,
        dt=DT,
    )
    took = []
    for epoch in range(epochs):
        for x, y in data.batches(*train, BATCH, seed=0, epoch=epoch):
            if len(y) == BATCH:
                began = time.perf_counter()
                jax.block_until_ready(trainer.step(x, y))
                took.append(time.perf_counter() - began)
    tested = trainer.evaluate(*test)
    first = tuple(part[:BATCH] for part in train)
    return Measured(
        rule, float(tested["accuracy"]), statistics.median(took[1:]), memory(trainer, *first)
    )


def memory(trainer: Trainer, x: Any, y: Any) -> int:
    """What the compiled training step keeps for itself while it runs."""
    trainer.step(x, y)  # the evaluation had another batch size
    with brainstate.environ.context(dt=DT):
        step = trainer._compiled["train", len(y)].compile(jnp.uint32(0), x, y)
    return int(step.memory_analysis().temp_size_in_bytes)


def table(rows: list[Measured]) -> str:
    lines = ["| rule | test accuracy | step (ms) | memory (bytes) |", "| --- | --: | --: | --: |"]
    for row in rows:
        memory = f"{row.memory:,}".replace(",", " ")
        lines.append(f"| {row.rule} | {row.accuracy:.3f} | {1e3 * row.seconds:.3g} | {memory} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rules", nargs="*", default=RULES, help=f"rules, by default {RULES}")
    parser.add_argument("--epochs", type=int, default=15, help="number of epochs")
    parser.add_argument("--json", type=Path, help="file of the numbers")
    options = parser.parse_args()
    rows = [measure(rule, options.epochs) for rule in options.rules]
    print(table(rows))
    if options.json:
        write(options.json, {"rules": [asdict(row) for row in rows]})


if __name__ == "__main__":
    main()
