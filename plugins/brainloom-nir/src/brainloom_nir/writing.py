"""Models to NIR."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import brainstate
import nir
from brainloom_core.types import Arguments, Shape, Size, Time
from brainloom_core.units import show

from .boundary import TIME, NIRError, plain
from .counterpart import Context, Counterpart, ToNode
from .known import all_counterparts, step_of
from .network import NIRNetwork
from .private import packed
from .report import Finding, LossReport
from .tracing import traced_network

__all__ = ["NIRExport", "as_network", "to_nir", "write"]


class NIRExport(NamedTuple):
    """What `to_nir` returns.

    Attributes:
        graph: The graph, a `nir.NIRGraph`.
        report: What was kept and what was lost.
    """

    graph: nir.NIRGraph
    report: LossReport


def to_nir(
    model: brainstate.nn.Module,
    *,
    input_shape: Shape | None = None,
    dt: Time | None = None,
    counterparts: Iterable[Counterpart] = (),
) -> NIRExport:
    """Make a NIR graph of a model.

    Potentials become numbers in mV, currents in mA, times in seconds. What NIR has no field for
    (a soft reset, a refractory period, initial values, a spike function) goes into the metadata
    of the nodes, under `brainloom`, where other readers pass it by; the report says so.

    Args:
        model: An [`NIRNetwork`][brainloom_nir.NIRNetwork], a `brainstate.nn.Sequential`, one
            module that has a counterpart in NIR, or one with an `update` of its own that adds up
            what such parts give, in this step or the one before.
        input_shape: Shape of the input without batch axes, where the first module does not know
            it, as convolutions do not.
        dt: The step that the model is made for; None, the default, for that of
            `brainstate.environ`, if there is one. Needed where spikes add jumps.
        counterparts: Counterparts of modules of your own.

    Returns:
        The graph and the report.

    Raises:
        NIRError: A module has no counterpart in NIR, or an `update` does something else.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import LIF
        >>> from brainloom_nir import to_nir
        >>> fc = brainstate.nn.Linear(3, 2, w_init=lambda shape: brainstate.random.rand(*shape))
        >>> net = brainstate.nn.Sequential(fc, LIF(2, spk_reset="hard"))
        >>> graph, report = to_nir(net, dt=1 * u.ms)
        >>> sorted(graph.nodes)
        ['input', 'lif', 'linear', 'output']
        >>> [finding.what for finding in report.private]
        ['initial state', 'threshold', 'surrogate', 'dt']
    """
    known = all_counterparts(counterparts)
    dt = step_of(dt)
    net = as_network(model, input_shape, known, dt)
    findings: list[Finding] = []
    graph = _graph_of(net, known, dt, findings, "")
    return NIRExport(graph, LossReport(tuple(findings)))


def write(path: str | Path, model: brainstate.nn.Module, **options: Any) -> LossReport:
    """Write a model to a NIR file, and say what the file does not hold.

    Args:
        path: Name of the file, by custom with the ending `.nir`.
        model: As for [`to_nir`][brainloom_nir.to_nir].
        **options: As for `to_nir`.

    Returns:
        The report.
    """
    graph, report = to_nir(model, **options)
    nir.write(path, graph)
    return report


def as_network(
    model: brainstate.nn.Module,
    in_size: Size | None,
    known: tuple[Counterpart, ...],
    dt: Time | None = None,
) -> NIRNetwork:
    """The graph that a model is, the chain of its layers, or what its update makes of its parts."""
    if isinstance(model, NIRNetwork):
        return model
    layers = model.layers if type(model) is brainstate.nn.Sequential else [model]

    def is_node(module: brainstate.nn.Module) -> bool:
        return isinstance(module, NIRNetwork) or _found(module, known) is not None

    if any(not is_node(it) and any(map(is_node, _parts(it))) for it in _flat(layers)):
        for layer in _flat(layers):
            if not is_node(layer) and not any(map(is_node, _parts(layer))):
                _writer(layer, known, type(layer).__name__)
        first = next(iter(_flat(layers)))
        size = first.in_size if first.in_size is not None else in_size
        return traced_network(model, size, dt, is_node)
    nodes: dict[str, brainstate.nn.Module] = {}
    for layer in _flat(layers):
        if not isinstance(layer, NIRNetwork):
            _writer(layer, known, type(layer).__name__)
        base = type(layer).__name__.lower()
        count = sum(name.rsplit("_", 1)[0] == base for name in nodes)
        nodes[f"{base}_{count}" if count else base] = layer
    first = next(iter(nodes.values()))
    return NIRNetwork(nodes, in_size=first.in_size if first.in_size is not None else in_size)


def _flat(layers: Iterable[brainstate.nn.Module]) -> Iterable[brainstate.nn.Module]:
    for layer in layers:
        if type(layer) is brainstate.nn.Sequential:
            yield from _flat(layer.layers)
        else:
            yield layer


def _parts(module: brainstate.nn.Module) -> list[brainstate.nn.Module]:
    """The modules within a module."""
    if not isinstance(module, brainstate.nn.Module):
        return []
    return [part for path, part in module.nodes(brainstate.nn.Module).items() if path]


def _found(module: brainstate.nn.Module, known: tuple[Counterpart, ...]) -> ToNode | None:
    return next((it.to_node for it in known if it.module is type(module) and it.to_node), None)


def _writer(module: brainstate.nn.Module, known: tuple[Counterpart, ...], where: str) -> ToNode:
    """The function that writes a module, or an error that says what to do."""
    found = _found(module, known)
    if found is not None:
        return found
    kind = type(module).__name__
    name = kind if where == kind else f"{where} ({kind})"
    kinds = sorted({it.module.__name__ for it in known if it.to_node is not None})
    raise NIRError(
        f"to_nir: {name} has no counterpart in NIR. Replace it by one of {', '.join(kinds)}; or "
        "say what it becomes, to_nir(model, counterparts=[Counterpart(...)])"
    )


def _graph_of(
    net: NIRNetwork,
    known: tuple[Counterpart, ...],
    dt: Time,
    findings: list[Finding],
    where: str,
) -> nir.NIRGraph:
    nodes: dict[str, nir.NIRNode] = {}
    entry: dict[str, str] = {}
    edges: list[tuple[str, str]] = []
    for name in net.order:
        module, full = net[name], f"{where}{name}"
        entry[name] = name
        if isinstance(module, NIRNetwork):
            nodes[name] = _graph_of(module, known, dt, findings, f"{full}.")
            continue
        before = [a for a, b in net.edges if b == name]
        shape = net.sizes[before[0]] if before else net.sizes[name]
        context = Context(full, shape, dt, findings=findings)
        made = _writer(module, known, full)(module, context)
        chain = [made] if isinstance(made, nir.NIRNode) else list(made)
        names = [*(f"{name}_{k}" for k in range(len(chain) - 1)), name]
        nodes |= dict(zip(names, chain, strict=True))
        edges += pairwise(names)
        entry[name] = names[0]
    edges += [(a, entry[b]) for a, b in net.edges]
    for a, b in net.late:
        text = f"what goes to {b!r} is that of the step before; a reader chooses this itself"
        findings.append(Finding(f"{where}{a}", "recurrence", "private", text))
    private: Arguments = {"late": [[a, entry[b]] for a, b in net.late]} if net.late else {}
    if dt is not None and not where:
        private["dt"] = float(plain(dt, TIME, ()))
        text = f"{show(dt)}, in the metadata; NIR's equations have no step"
        findings.append(Finding("(graph)", "dt", "private", text))
    return nir.NIRGraph(nodes, edges, metadata=packed(private), type_check=False)
