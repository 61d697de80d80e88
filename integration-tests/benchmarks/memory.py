"""Measure how the memory of synaptic state grows with a network, print a table and draw it.

    python memory.py --output ../../docs/images/synaptic-memory.svg

Networks of spiking neurons with 100 synapses each: one state per postsynaptic neuron (AlignPost),
one per presynaptic neuron (AlignPre), one per synapse (a plain implementation, for comparison), and
AlignPost with a delay for each synapse. State is counted in bytes of the arrays that a network
keeps from step to step; "in a step" is what the compiled step needs besides its arguments and
results.
"""

import argparse
import functools
import json
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
from brainloom_core import Projection

IN_DEGREE = 100
SIZES = (1_000, 10_000, 100_000)
INK = "#808080"
COLORS = ("#3b8ed0", "#e07b39", "#4ca66b", INK)


class PerSynapse(Projection):
    """What the alignments save: an exponential synapse with one state for each connection."""

    def __init__(self, comm: bl.Connection, pre: Any, post: Any) -> None:
        super().__init__()
        self.edges, self.pre, self.post = comm.edges, pre, post
        self.weight = 0.1 * u.mS
        self.syn = bl.Expon(len(comm.edges), tau=5 * u.ms)
        self.out = bl.COBA(E=0 * u.mV)
        post.add_current_input("per synapse", self.out)

    def update(self) -> None:
        spikes = self.pre.get_spike()[self.edges.pre]
        g = self.syn.step(spikes * self.weight)
        total = jnp.zeros(self.post.in_size).at[self.edges.post].add(g.to_decimal(u.mS))
        self.out.bind_cond(total * u.mS)


def align_post(comm: Any, pre: Any, post: Any, **options: Any) -> Any:
    out = bl.COBA.desc(E=0 * u.mV)
    return bl.Projection(pre, post, comm, bl.Expon.desc(tau=5 * u.ms), out, **options)


def align_pre(comm: Any, pre: Any, post: Any) -> Any:
    return bl.Projection(pre, post, comm, bl.AMPA.desc(), bl.COBA.desc(E=0 * u.mV))


def delayed(comm: Any, pre: Any, post: Any, longest: float = 2.0) -> Any:
    """With a delay of its own for each synapse, up to a time in ms."""
    delays = np.random.default_rng(2).uniform(0.0, longest, len(comm.edges)) * u.ms
    return align_post(comm, pre, post, delay=delays, max_delay=longest * u.ms)


WAYS: dict[str, Callable[..., Any]] = {
    "AlignPost": align_post,
    "AlignPre": align_pre,
    "AlignPost, delays to 2 ms": delayed,
    "per synapse": PerSynapse,
}
LONGEST = (1.0, 2.0, 5.0, 10.0, 20.0)  # ms


@dataclass(frozen=True)
class Measured:
    """Bytes of one network."""

    way: str
    neurons: int
    synapses: int
    state: int
    step: int


def network(way: Callable[..., Any], neurons: int, in_degree: int) -> bl.Network:
    """A population that excites itself, and its states."""
    net = bl.Network()
    net.cells = bl.LIF(neurons, V_th=20 * u.mV)
    rule = bl.FixedInDegree(in_degree)
    comm = bl.Connection(net.cells, net.cells, rule, weight=0.1 * u.mS, seed=1)
    net.proj = way(comm, net.cells, net.cells)
    return brainstate.nn.init_all_states(net)


def measure(name: str, way: Callable[..., Any], neurons: int, in_degree: int) -> Measured:
    """Build a network, compile a step of it, and count."""
    net = network(way, neurons, in_degree)
    synaptic = {
        id(state): state
        for path, state in net.states().items()
        if not isinstance(state, brainstate.ParamState) and path[-1] not in ("V", "spike")
    }
    return Measured(
        name,
        neurons,
        neurons * in_degree,
        sum(leaf.nbytes for state in synaptic.values() for leaf in jax.tree.leaves(state.value)),
        temporary(net),
    )


def temporary(net: Any) -> int:
    """What the compiled step keeps for itself while it runs."""

    def step() -> None:
        with brainstate.environ.context(i=0, t=0 * u.ms):
            net.update(30 * u.mA)

    compiled = brainstate.transform.jit(step).compile()
    return int(compiled.memory_analysis().temp_size_in_bytes)


def exponent(sizes: Any, counted: Any) -> float:
    """The power of the number of neurons with which something grows."""
    return float(np.polyfit(np.log(sizes), np.log(counted), 1)[0])


def survey(sizes: tuple[int, ...] = SIZES, in_degree: int = IN_DEGREE) -> list[Measured]:
    """All ways at all sizes."""
    with brainstate.environ.context(dt=0.1 * u.ms):
        return [measure(name, way, n, in_degree) for n in sizes for name, way in WAYS.items()]


def survey_delays(neurons: int = 10_000, in_degree: int = IN_DEGREE) -> list[Measured]:
    """Delays up to several times, in one network."""
    ways = {f"delays to {t:g} ms": functools.partial(delayed, longest=t) for t in LONGEST}
    with brainstate.environ.context(dt=0.1 * u.ms):
        return [measure(name, way, neurons, in_degree) for name, way in ways.items()]


def by_way(rows: list[Measured]) -> dict[str, list[Measured]]:
    return {
        way: [row for row in rows if row.way == way] for way in dict.fromkeys(r.way for r in rows)
    }


def table(rows: list[Measured]) -> str:
    lines = ["| | neurons | synapses | state (bytes) | in a step (bytes) | state per neuron |"]
    lines.append("| --- | --: | --: | --: | --: | --: |")
    for way, own in by_way(rows).items():
        for r in own:
            cells = (f"{x:,}".replace(",", " ") for x in (r.neurons, r.synapses, r.state, r.step))
            lines.append(f"| {way} | {' | '.join(cells)} | {r.state / r.neurons:g} |")
    return "\n".join(lines)


def exponents(rows: list[Measured]) -> dict[str, float]:
    """Of the state, for each way."""
    return {
        way: exponent([r.neurons for r in own], [r.state for r in own])
        for way, own in by_way(rows).items()
    }


def draw(rows: list[Measured], path: Path) -> None:
    """Bytes over neurons, for light and dark pages, the same file each time."""
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
        for (way, own), color, marker in zip(by_way(rows).items(), COLORS, "osd^", strict=True):
            x, y = [r.neurons for r in own], [r.state for r in own]
            axes.loglog(x, y, marker + "-", color=color, label=way)
        axes.set_xlabel("neurons, with 100 synapses each")
        axes.set_ylabel("synaptic state (bytes)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        figure.savefig(path, transparent=True, metadata={"Date": None})
        plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of neurons")
    parser.add_argument("--output", type=Path, help="SVG file of the figure")
    parser.add_argument("--json", type=Path, help="file of the numbers")
    options = parser.parse_args()
    rows = survey(tuple(options.sizes))
    print(table([*rows, *survey_delays()]))
    for way, found in exponents(rows).items():
        print(f"{way}: state grows with the power {found:.4f} of the number of neurons")
    if options.output:
        draw(rows, options.output)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
