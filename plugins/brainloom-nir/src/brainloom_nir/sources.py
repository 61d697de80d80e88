"""How the simulators that write NIR files mean what they write."""

from dataclasses import dataclass, replace

import brainunit as u
import nir
import numpy as np
from brainloom_core import (
    Constraint,
    flag,
    instance_of,
    one_of,
    option_field,
    positive,
    quantity_field,
)
from brainloom_core.types import Scheme, Time
from brainloom_core.units import show

from .boundary import TIME, NIRError, plain
from .counterpart import Context
from .report import Finding
from .solvers import current_first_euler

__all__ = ["SOURCES", "SPIKING", "Source"]

SPIKING = (nir.IF, nir.LIF, nir.CubaLIF)


_several = instance_of(tuple, "a tuple")
_scheme = Constraint(
    "a scheme, its name or None", lambda it: it is None or isinstance(it, str) or callable(it)
)


@dataclass(frozen=True)
class Source:
    """The conventions of a simulator, where they differ from NIR's equations.

    Attributes:
        dt: The step that its writer assumes by default.
        solver: Its scheme.
        spk_reset: Its reset rule, by default.
        strict: Whether a neuron spikes above threshold only.
        late_reset: Kinds of nodes where what a reset subtracts does not decay in the step after
            the spike.
        late_spikes: Whether a spike is given out one step after the crossing.
        gains: Kinds of nodes, and a field of each that does not hold the gain of their input,
            `r` or `w_in`: the input is added to the state as it is.
        times: Whether time constants are multiplied by the step in the files.
        crossed: Whether the input of a recurrent population is led to its recurrent weights.
    """

    dt: Time | None = quantity_field(default=None, constraint=positive, unit=u.ms, optional=True)
    solver: Scheme | str | None = option_field(default=current_first_euler, constraint=_scheme)
    spk_reset: str | None = option_field(default="hard", constraint=one_of("soft", "hard", None))
    strict: bool = option_field(default=True, constraint=flag)
    late_reset: tuple[type, ...] = option_field(default=(), constraint=_several)
    late_spikes: bool = option_field(default=False, constraint=flag)
    gains: tuple[tuple[type[nir.NIRNode], str], ...] = option_field(default=(), constraint=_several)
    times: bool = option_field(default=False, constraint=flag)
    crossed: bool = option_field(default=False, constraint=flag)

    def edges(
        self, graph: nir.NIRGraph, name: str, findings: list[Finding]
    ) -> list[tuple[str, str]]:
        """The edges of a graph as its writer meant them.

        Args:
            graph: The graph, a `nir.NIRGraph`.
            name: What stands before the names of its nodes in findings.
            findings: Where to report what is read in another way; it is appended to.

        Returns:
            Pairs of names, from where and to where.
        """
        edges = [(str(a), str(b)) for a, b in graph.edges]
        if not self.crossed:
            return edges
        populations = {b: a for a, b in edges if isinstance(graph.nodes[a], SPIKING)}
        for k, (a, b) in enumerate(edges):
            if isinstance(graph.nodes[a], nir.Input) and (b, populations.get(b)) in edges:
                edges[k] = (a, populations[b])
                text = f"the writer leads it to {b!r}, and means {populations[b]!r}"
                findings.append(Finding(f"{name}{a}", "input", "approximated", text))
        return edges

    def read(self, node: nir.NIRNode, context: Context) -> nir.NIRNode:
        """The node as its writer meant it, at a step.

        Args:
            node: The node, of the package `nir`.
            context: What is known where it stands, and where to report.
        """
        if self is PLAIN:
            return node
        dt = float(plain(context.step("a file of a simulator is read for a step"), TIME, ()))
        spikes = isinstance(node, SPIKING)
        if self.times:
            taus = {it for it in ("tau", "tau_mem", "tau_syn") if hasattr(node, it)}
            node = replace(node, **{it: np.asarray(getattr(node, it)) / dt for it in taus})
            if taus:
                text = f"the writer's time constants are multiplied by its dt = {_shown(dt)}"
                context.report("time constants", "approximated", f"{text}; divided by it")
        for kind, name in self.gains:
            if type(node) is kind:
                node = replace(node, **{name: _unit_gain(node, name, dt)})
                context.report(
                    "gain",
                    "approximated",
                    f"the writer's {name} is not the gain of its own input, which is added to the "
                    f"state whole; taken so, at dt = {_shown(dt)}",
                )
        if spikes and type(node) in self.late_reset and self.spk_reset == "soft":
            node = replace(node, v_reset=_undecayed(node, dt, context.name))
            context.report(
                "reset",
                "approximated",
                "the writer subtracts the threshold after the decay: V_reset is set so that the "
                f"decay of what is subtracted cancels, at dt = {_shown(dt)}",
            )
        elif spikes and self.spk_reset == "soft":
            node = replace(node, v_reset=np.zeros_like(node.v_threshold))
        return node


def _shown(seconds: float) -> str:
    return show(1e3 * seconds * u.ms)


def _unit_gain(node: nir.NIRNode, name: str, dt: float) -> np.ndarray:
    """The value with which one Euler step adds the input to the state as it is."""
    if isinstance(node, nir.IF):
        return np.full_like(np.asarray(node.r, np.float64), 1.0 / dt)
    if name == "w_in":
        return np.asarray(node.tau_syn, np.float64) / dt
    return np.asarray(node.tau if isinstance(node, nir.LIF) else node.tau_mem, np.float64) / dt


def _undecayed(node: nir.NIRNode, dt: float, name: str) -> np.ndarray:
    """The reset potential from which a subtraction decays to that of the threshold."""
    tau = np.asarray(node.tau if isinstance(node, nir.LIF) else node.tau_mem, np.float64)
    kept = 1.0 - dt / tau
    if np.any(kept <= 0):
        raise NIRError(
            f"from_nir: {name}: expected a membrane time constant > dt = {_shown(dt)}, got "
            f"{_shown(float(tau.min()))}"
        )
    return np.asarray(node.v_threshold, np.float64) * (1.0 - 1.0 / kept)


PLAIN = Source(solver=None, spk_reset=None)

SOURCES: dict[str, Source] = {
    "snntorch": Source(dt=0.1 * u.ms, spk_reset="soft", late_reset=(nir.LIF, nir.CubaLIF)),
    "norse": Source(dt=1.0 * u.ms, times=True, gains=((nir.IF, "r"), (nir.CubaLIF, "w_in"))),
    "spikingjelly": Source(dt=0.1 * u.ms, strict=False),
    "spyx": Source(
        dt=1.0 * u.second,
        spk_reset="soft",
        late_reset=(nir.LIF,),
        late_spikes=True,
        crossed=True,
        gains=((nir.IF, "r"), (nir.LIF, "r"), (nir.CubaLIF, "r"), (nir.CubaLIF, "w_in")),
    ),
}
"""The conventions of the known simulators, by the name that `from_nir` takes as `source`."""
