"""NIR to models."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import brainstate
import brainunit as u
import nir
import numpy as np
from brainloom_core import ParameterError
from brainloom_core.types import Scheme, Shape, Time

from .boundary import NIRError
from .counterpart import Context, Counterpart, ToModule
from .known import all_counterparts, step_of
from .network import NIRNetwork, loops, ordered, out_size
from .private import unpacked
from .report import Finding, LossReport
from .sources import PLAIN, SOURCES, SPIKING, Source

__all__ = ["NIRImport", "from_nir"]


class NIRImport(NamedTuple):
    """What `from_nir` returns.

    Attributes:
        model: The network.
        report: What was kept and what was lost.
    """

    model: NIRNetwork
    report: LossReport


def from_nir(
    graph: nir.NIRGraph | str | Path,
    *,
    source: str | Source | None = None,
    dt: Time | None = None,
    solver: Scheme | str | None = None,
    spk_reset: str | None = None,
    counterparts: Iterable[Counterpart] = (),
) -> NIRImport:
    """Make a network of a NIR graph or file.

    NIR holds continuous equations, and says nothing about how to step them. Without `source` they
    are taken as they stand: each step is exact for inputs that are held over it, a spike is
    $V > V_{th}$, and a reset sets $V$ to $V_{reset}$. A `source` takes the file as its writer
    steps it: forward Euler, its rule of reset, and the gain that it gives its input, so that spikes
    are those of the writer, at the `dt` of the writer.

    Args:
        graph: The graph, or the name of a file.
        source: The simulator that wrote it: `"snntorch"`, `"norse"`, `"spikingjelly"`, `"spyx"`,
            a [`Source`][brainloom_nir.Source], or None, the default, for NIR's equations as they
            stand.
        dt: The step at which the network will run; None, the default, for the one that brainloom
            wrote into the file, or the default of the source.
        solver: Scheme of all populations; None, the default, for the exact one or the source's.
        spk_reset: `"hard"` or `"soft"`; None, the default, for what the file or the source says.
        counterparts: Counterparts of modules of your own.

    Returns:
        The network and the report.

    Raises:
        NIRError: A node has no counterpart, or a parameter that this does not take; or the source
            is unknown.
        ParameterError: `dt` is not a time.

    Examples:
        >>> import brainstate, brainunit as u, nir, numpy as np
        >>> from brainloom_nir import from_nir
        >>> one = np.ones(2)
        >>> lif = nir.LIF(tau=0.01 * one, r=one, v_leak=0 * one, v_threshold=one)
        >>> net, report = from_nir(nir.NIRGraph.from_list(nir.Linear(np.eye(2)), lif))
        >>> print(net["lif"].tau)
        [10. 10.] ms
        >>> [finding.what for finding in report.approximated]
        ['scheme', 'initial state', 'surrogate']
    """
    if not isinstance(graph, nir.NIRGraph):
        graph = nir.read(graph, type_check=False)
    reading = _source(source)
    if reading is not None and spk_reset is not None:
        reading = replace(reading, spk_reset=spk_reset)
    conventions = reading or PLAIN
    context = Context(
        name="",
        shape=(),
        dt=step_of(dt if dt is not None else _written_step(graph) or conventions.dt),
        solver=solver if solver is not None else conventions.solver,
        spk_reset=spk_reset if spk_reset is not None else conventions.spk_reset,
        strict=conventions.strict,
    )
    net = _network_of(graph, all_counterparts(counterparts), context, conventions, "")
    return NIRImport(net, LossReport(tuple(context.findings)))


def _source(source: str | Source | None) -> Source | None:
    if isinstance(source, str) and source not in SOURCES:
        raise NIRError(
            f"from_nir: source: expected one of {', '.join(SOURCES)}, or None, got {source!r}"
        )
    return SOURCES[source] if isinstance(source, str) else source


def _written_step(graph: nir.NIRGraph) -> Time | None:
    step = unpacked(graph).get("dt")
    return None if step is None else step * 1e3 * u.ms


def _network_of(
    graph: nir.NIRGraph,
    known: tuple[Counterpart, ...],
    context: Context,
    source: Source,
    where: str,
) -> NIRNetwork:
    edges = source.edges(graph, where, context.findings)
    starts = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    names = [*starts, *(name for name in graph.nodes if name not in starts)]
    unknown = sorted({name for edge in edges for name in edge} - {*names})
    if unknown:
        raise NIRError(f"from_nir: edges name nodes that are not there: {', '.join(unknown)}")
    cut = [*loops(names, edges, starts, lambda name: False)]
    modules: dict[str, brainstate.nn.Module] = {}
    sizes: dict[str, tuple[int, ...]] = {}
    for name in ordered(names, [edge for edge in edges if edge not in cut]):
        node, full = graph.nodes[name], f"{where}{name}"
        shape = next((sizes[a] for a, b in edges if b == name and a in sizes), None)
        if shape is None:
            shape = _entering(name, graph, edges, where, context.findings)
        here = replace(context, name=full, shape=shape, findings=context.findings)
        if isinstance(node, nir.NIRGraph):
            modules[name] = _network_of(node, known, here, source, f"{full}.")
        else:
            modules[name] = _module_of(node, known, here, source)
        sizes[name] = out_size(modules[name], shape)
    late = _late(graph, edges, source)
    net = NIRNetwork({name: modules[name] for name in names}, edges, late=late)
    for a, b in net.late:
        text = f"what goes to {b!r} is that of the step before"
        written = "late" in unpacked(graph)
        context.findings.append(
            Finding(f"{where}{a}", "recurrence", "kept" if written else "approximated", text)
        )
    return net


def _module_of(
    node: nir.NIRNode, known: tuple[Counterpart, ...], context: Context, source: Source
) -> brainstate.nn.Module:
    reader = _reader(node, known, context.name)
    try:
        return reader(source.read(node, context), context)
    except ParameterError as error:
        kind = type(node).__name__
        raise NIRError(f"from_nir: {context.name} ({kind}): {error}") from error


def _reader(node: nir.NIRNode, known: tuple[Counterpart, ...], where: str) -> ToModule:
    for it in known:
        if it.node is type(node) and it.to_module is not None:
            return it.to_module
    raise NIRError(
        f"from_nir: {where}: {type(node).__name__} has no counterpart here. Say what it becomes, "
        "from_nir(graph, counterparts=[Counterpart(...)])"
    )


def _entering(
    name: str,
    graph: nir.NIRGraph,
    edges: list[tuple[str, str]],
    where: str,
    findings: list[Finding],
) -> tuple[int, ...]:
    """The shape of what enters a graph at a node, without a batch axis that its writer left."""
    shape = _own_shape(graph.nodes[name])
    wanted = {_own_shape(graph.nodes[b]) for a, b in edges if a == name}
    if len(shape) > 1 and shape[0] == 1 and shape[1:] in wanted:
        text = f"{shape} in the file, with a batch axis; {shape[1:]} is what follows"
        findings.append(Finding(f"{where}{name}", "shape", "approximated", text))
        return shape[1:]
    return shape


def _own_shape(node: nir.NIRNode) -> Shape:
    """The shape that a node itself declares for what it gets."""
    declared = (node.input_type or {}).get("input")
    return () if declared is None else tuple(int(n) for n in np.atleast_1d(declared))


def _late(
    graph: nir.NIRGraph, edges: list[tuple[str, str]], source: Source
) -> list[tuple[str, str]]:
    """The edges that are late besides those that have to be."""
    written = [(a, b) for a, b in unpacked(graph).get("late", [])]
    if source.late_spikes:
        written += [edge for edge in edges if isinstance(graph.nodes[edge[0]], SPIKING)]
    return written
