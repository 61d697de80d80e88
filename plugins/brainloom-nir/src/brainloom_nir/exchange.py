"""Models to NIR and back, with a report of what was lost."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import nir
import numpy as np
from brainloom_core import ParameterError
from brainloom_core.units import dimension_name, same_dimension, show

from .boundary import TIME, NIRError, number, plain
from .counterpart import Context, Counterpart, find
from .maps import MAPS
from .network import NIRNetwork, loops, ordered, out_size
from .populations import POPULATIONS
from .private import packed, unpacked
from .report import Finding, LossReport
from .sources import PLAIN, SOURCES, SPIKING, Source

__all__ = ["NIRExport", "NIRImport", "from_nir", "round_trip", "to_nir", "write"]

OWN = (*MAPS, *POPULATIONS)


class NIRExport(NamedTuple):
    """What `to_nir` returns.

    Attributes:
        graph: The graph, a `nir.NIRGraph`.
        report: What was kept and what was lost.
    """

    graph: nir.NIRGraph
    report: LossReport


class NIRImport(NamedTuple):
    """What `from_nir` returns.

    Attributes:
        model: The network.
        report: What was kept and what was lost.
    """

    model: NIRNetwork
    report: LossReport


def to_nir(
    model: brainstate.nn.Module,
    *,
    input_shape: Any = None,
    dt: Any = None,
    counterparts: Iterable[Counterpart] = (),
) -> NIRExport:
    """Make a NIR graph of a model.

    Potentials become numbers in mV, currents in mA, times in seconds. What NIR has no field for
    (a soft reset, a refractory period, initial values, a spike function) goes into the metadata
    of the nodes, under `brainloom`, where other readers pass it by; the report says so.

    Args:
        model: An [`NIRNetwork`][brainloom_nir.NIRNetwork], a `brainstate.nn.Sequential`, or one
            module that has a counterpart in NIR.
        input_shape: Shape of the input without batch axes, where the first module does not know
            it, as convolutions do not.
        dt: The step that the model is made for; None, the default, for that of
            `brainstate.environ`, if there is one. Needed where spikes add jumps.
        counterparts: Counterparts of modules of your own.

    Returns:
        The graph and the report.

    Raises:
        NIRError: A module has no counterpart in NIR.

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
    known = find(OWN, counterparts)
    net = as_network(model, input_shape, known)
    dt = _step(dt)
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


def from_nir(
    graph: nir.NIRGraph | str | Path,
    *,
    source: str | None = None,
    dt: Any = None,
    solver: Any = None,
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
            or None, the default, for NIR's equations as they stand.
        dt: The step at which the network will run; None, the default, for the one that brainloom
            wrote into the file, or the default of the source.
        solver: Scheme of all populations; None, the default, for the exact one or the source's.
        spk_reset: `"hard"` or `"soft"`; None, the default, for what the file or the source says.
        counterparts: Counterparts of modules of your own.

    Returns:
        The network and the report.

    Raises:
        NIRError: A node has no counterpart, or the source is unknown.
        ParameterError: A node has a parameter that its counterpart does not take.

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
    dt = _step(dt if dt is not None else _written_step(graph) or (reading and reading.dt))
    context = Context(
        "",
        (),
        dt,
        solver if solver is not None or reading is None else reading.solver,
        spk_reset if spk_reset is not None or reading is None else reading.spk_reset,
        strict=reading is None or reading.strict,
    )
    if spk_reset is not None and reading is not None:
        reading = replace(reading, spk_reset=spk_reset)
    net = _network_of(graph, find(OWN, counterparts), context, reading, "")
    return NIRImport(net, LossReport(tuple(context.findings)))


def round_trip(
    model: brainstate.nn.Module, xs: Any, *, dt: Any = None, **options: Any
) -> LossReport:
    """Run a model, and what comes back of it from NIR, on one input, and compare them.

    Args:
        model: As for [`to_nir`][brainloom_nir.to_nir].
        xs: Input, shape `(T, *batch, *in_size)`, with one batch axis or none.
        dt: The step; None, the default, for that of `brainstate.environ`.
        **options: As for `to_nir`.

    Returns:
        The report of the export, with the largest differences in the outputs and in each state:
        potentials in mV, currents in mA.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import LIF
        >>> from brainloom_nir import round_trip
        >>> xs = 2.0 * brainstate.random.rand(50, 3)
        >>> report = round_trip(LIF(3), xs, dt=1 * u.ms)
        >>> sorted(report.errors), report.max_error < 1e-6
        (['lif.V', 'output'], True)
    """
    known = find(OWN, options.get("counterparts", ()))
    net = as_network(model, options.pop("input_shape", np.shape(xs)[-1:]), known)
    step = _step(dt)
    if step is None:
        raise NIRError("round_trip: give the step, for example dt=1 * u.ms")
    graph, report = to_nir(net, dt=step, **options)
    back, _ = from_nir(graph, dt=step, counterparts=options.get("counterparts", ()))
    first, second = (run(it, xs, step) for it in (net, back))
    errors = {
        name: float(np.max(np.abs(first[name] - second[name]), initial=0.0))
        for name in first
        if name in second
    }
    return replace(report, errors=errors)


def run(net: NIRNetwork, xs: Any, dt: Any) -> dict[str, np.ndarray]:
    """Outputs and states of a network over a sequence, by name, beginning from its initial state.

    States are those after each step: a potential that has crossed the threshold is not reset yet.
    """
    xs = jnp.asarray(xs)
    size = net.in_size
    if size is None:
        raise NIRError("round_trip: expected a network with one input")
    batch = xs.shape[1 : xs.ndim - len(size)]
    with brainstate.environ.context(dt=dt):
        brainstate.nn.init_all_states(net, batch_size=batch[0] if batch else None)

        def step(x: Any) -> dict[str, Any]:
            y = net(x)
            outputs = y if isinstance(y, Mapping) else {"output": y}
            return {**outputs, **_held(net)}

        values = brainstate.transform.for_loop(step, xs)
    return {name: np.asarray(value) for name, value in jax.device_get(values).items()}


def _held(net: NIRNetwork) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for name in net.order:
        module = net[name]
        if isinstance(module, NIRNetwork):
            held |= {f"{name}.{inner}": value for inner, value in _held(module).items()}
        for state in ("V", "g"):
            value = vars(module).get(state)
            if isinstance(value, brainstate.State):
                held[f"{name}.{state}"] = number(value.value)
    return held


# Writing


def as_network(model: Any, in_size: Any, known: tuple[Counterpart, ...]) -> NIRNetwork:
    if isinstance(model, NIRNetwork):
        return model
    layers = model.layers if type(model) is brainstate.nn.Sequential else [model]
    nodes: dict[str, Any] = {}
    for layer in _flat(layers):
        _writer(layer, known, type(layer).__name__)
        base = type(layer).__name__.lower()
        count = sum(name.rsplit("_", 1)[0] == base for name in nodes)
        nodes[f"{base}_{count}" if count else base] = layer
    first = next(iter(nodes.values()))
    return NIRNetwork(nodes, in_size=first.in_size if first.in_size is not None else in_size)


def _flat(layers: Iterable[Any]) -> Iterable[Any]:
    for layer in layers:
        if type(layer) is brainstate.nn.Sequential:
            yield from _flat(layer.layers)
        else:
            yield layer


def _writer(module: Any, known: tuple[Counterpart, ...], where: str) -> Any:
    """The function that writes a module, or an error that says what to do."""
    for it in known:
        if it.module is type(module) and it.to_node is not None:
            return it.to_node
    kind = type(module).__name__
    name = kind if where == kind else f"{where} ({kind})"
    inner = [] if not isinstance(module, brainstate.nn.Module) else [*module.children()]
    if inner:
        raise NIRError(
            f"to_nir: {name}: what a module with parts of its own does in update cannot be seen. "
            "Write it as NIRNetwork(nodes, edges) of its parts, or as brainstate.nn.Sequential"
        )
    kinds = sorted({it.module.__name__ for it in known if it.to_node is not None})
    raise NIRError(
        f"to_nir: {name} has no counterpart in NIR. Replace it by one of {', '.join(kinds)}; or "
        "say what it becomes, to_nir(model, counterparts=[Counterpart(...)])"
    )


def _graph_of(
    net: NIRNetwork,
    known: tuple[Counterpart, ...],
    dt: Any,
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
    private: dict[str, Any] = {"late": [list(edge) for edge in net.late]} if net.late else {}
    if dt is not None and not where:
        private["dt"] = float(plain(dt, TIME, ()))
        text = f"{show(dt)}, in the metadata; NIR's equations have no step"
        findings.append(Finding("(graph)", "dt", "private", text))
    return nir.NIRGraph(nodes, edges, metadata=packed(private), type_check=False)


# Reading


def _source(name: str | None) -> Source | None:
    if name is not None and name not in SOURCES:
        raise NIRError(
            f"from_nir: source: expected one of {', '.join(SOURCES)}, or None, got {name!r}"
        )
    return None if name is None else SOURCES[name]


def _step(dt: Any) -> Any:
    dt = brainstate.environ.get("dt", default=None) if dt is None else dt
    if dt is not None and not same_dimension(dt, TIME):
        raise ParameterError(f"dt: expected a time, got {dimension_name(dt)}, {show(dt)}")
    return dt


def _written_step(graph: nir.NIRGraph) -> Any:
    step = unpacked(graph).get("dt")
    return None if step is None else step * 1e3 * u.ms


def _network_of(
    graph: nir.NIRGraph,
    known: tuple[Counterpart, ...],
    context: Context,
    source: Source | None,
    where: str,
) -> NIRNetwork:
    edges = (source or PLAIN).edges(graph, where, context.findings)
    starts = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    names = [*starts, *(name for name in graph.nodes if name not in starts)]
    unknown = sorted({name for edge in edges for name in edge} - {*names})
    if unknown:
        raise NIRError(f"from_nir: edges name nodes that are not there: {', '.join(unknown)}")
    cut = [*loops(names, edges, starts, lambda name: False)]
    modules: dict[str, Any] = {}
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
            reader = _reader(node, known, full)
            modules[name] = reader(node if source is None else source.read(node, here), here)
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


def _reader(node: Any, known: tuple[Counterpart, ...], where: str) -> Any:
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


def _own_shape(node: Any) -> tuple[int, ...]:
    """The shape that a node itself declares for what it gets."""
    declared = (node.input_type or {}).get("input")
    return () if declared is None else tuple(int(n) for n in np.atleast_1d(declared))


def _late(
    graph: nir.NIRGraph, edges: list[tuple[str, str]], source: Source | None
) -> list[tuple[str, str]]:
    """The edges that are late besides those that have to be."""
    written = [(a, b) for a, b in unpacked(graph).get("late", [])]
    if source is not None and source.late_spikes:
        written += [edge for edge in edges if isinstance(graph.nodes[edge[0]], SPIKING)]
    return written
