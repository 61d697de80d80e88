"""One model under several learning rules: what each reaches, how long it takes, in what memory.

    python rules.py
    python rules.py bptt tbptt eprop --epochs 20 --json rules.json

The task is that of `digits.py`, in 100 steps. With "eventprop" the hidden neurons are those that it
knows, `EventPropLIF`, in which inputs act through a synapse; online rules take the loss of each
step. Memory is what the compiled training step needs besides its arguments and results; time is
that of a step, after the first.
"""

import argparse
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import brainstate
import brainunit as u
import jax
import optax
from brainloom_training import RULES, DirectEncoder, EventPropLIF, Trainer, data
from common import MEAN_ACCURACY, MEAN_CROSS_ENTROPY, write
from digits import network

STEPS, BATCH, RATE, DT = 100, 50, 5e-3, 1.0 * u.ms


@dataclass(frozen=True)
class Measured:
    """One rule: share of the test samples, seconds of a step, and bytes."""

    rule: str
    accuracy: float
    seconds: float
    memory: int


def measure(rule: str, epochs: int) -> Measured:
    """Train with a rule, from the same weights and with the same batches as any other."""
    brainstate.random.seed(0)
    train, _, test = data.digits()
    trainer = Trainer(
        network(EventPropLIF, 0.25) if rule == "eventprop" else network(),
        MEAN_CROSS_ENTROPY,
        optax.adam(RATE),
        rule=rule,
        metrics={"accuracy": MEAN_ACCURACY},
        encoder=DirectEncoder(n_steps=STEPS),
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
        rule, float(tested["accuracy"]), statistics.median(took[1:]), trainer.memory(*first)
    )


def table(rows: list[Measured]) -> str:
    lines = ["| rule | test accuracy | step (ms) | memory (bytes) |", "| --- | --: | --: | --: |"]
    for row in rows:
        memory = f"{row.memory:,}".replace(",", " ")
        lines.append(f"| {row.rule} | {row.accuracy:.3f} | {1e3 * row.seconds:.3g} | {memory} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rules", nargs="*", default=list(RULES), help="rules, by default all")
    parser.add_argument("--epochs", type=int, default=15, help="number of epochs")
    parser.add_argument("--json", type=Path, help="file of the numbers")
    options = parser.parse_args()
    rows = [measure(rule, options.epochs) for rule in options.rules]
    print(table(rows))
    if options.json:
        write(options.json, {"rules": [asdict(row) for row in rows]})


if __name__ == "__main__":
    main()
