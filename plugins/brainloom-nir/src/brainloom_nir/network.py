"""`NIRNetwork`: a graph of modules that a call advances by one step."""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

import brainstate
import jax
import jax.numpy as jnp
from brainloom_core import Constraint, checked, full, maybe, real_signature, whole
from brainloom_core.types import Quantity, Size
from brainloom_training import Linear

from .boundary import NIRError, number
from .layers import Input, Output, Stateless

__all__ = ["NIRNetwork"]

Edge = tuple[str, str]


_size = Constraint(
    "a whole number >= 1, or several",
    lambda n: whole.holds(n) or (len(n) > 0 and all(map(whole.holds, n))),
)


@real_signature
class NIRNetwork(brainstate.nn.Module):
    r"""A graph of modules, the edges of which carry numbers; a call advances it by one step.

    What arrives at a node is added up. Edges carry plain numbers, as in NIR: a population gets
    them as currents in mA, and what comes out in mV or mA goes on as a number.

    Nodes are called in the order of the graph, so that a spike passes any number of nodes within
    one step. Where the graph has a loop, one edge of it is *late*: it carries what its node gave
    in the step before, zeros in the first. It is the edge out of the population where only
    layers without a state lie between it and the edge that closes the loop.

    Args:
        nodes: Modules by name. Where there is no [`Input`][brainloom_nir.Input] or
            [`Output`][brainloom_nir.Output], they are added at nodes without predecessors or
            successors, as `input` and `output`.
        edges: Pairs of names; None, the default, for a chain in the order of the nodes.
        late: Edges that are late, besides those of loops.
        in_size: Shape of the input without batch axes, where the first module does not know it.

    Attributes:
        order: Names of the nodes in the order in which they are called.
        late: Edges that carry values of the step before.
        sizes: Shape of what each node gives, by name, without batch axes.

    Raises:
        NIRError: An edge has no node at one end or joins nodes of different shapes, a node has no
            edge, or the shape of the input is unknown.

    References:
        Pedersen et al. (2024), Nature Communications 15, 8122, doi:10.1038/s41467-024-52259-9.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import LIF
        >>> from brainloom_nir import NIRNetwork
        >>> net = NIRNetwork(
        ...     {"fc": brainstate.nn.Linear(3, 4), "lif": LIF(4), "w": brainstate.nn.Linear(4, 4)},
        ...     [("input", "fc"), ("fc", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")],
        ... )
        >>> net.order, net.late
        (('input', 'fc', 'w', 'lif', 'output'), (('lif', 'w'),))
        >>> _ = brainstate.nn.init_all_states(net, batch_size=5)
        >>> with brainstate.environ.context(dt=1 * u.ms):
        ...     net(jnp.ones((5, 3))).shape
        (5, 4)
    """

    @checked(in_size=maybe(_size))
    def __init__(
        self,
        nodes: Mapping[str, brainstate.nn.Module],
        edges: Iterable[Edge] | None = None,
        *,
        late: Iterable[Edge] = (),
        in_size: Size | None = None,
    ) -> None:
        super().__init__()
        given = dict(nodes)
        if edges is None:
            edges = pairwise(given)
        if len({id(module) for module in given.values()}) < len(given):
            raise NIRError("NIRNetwork.nodes: expected a module of its own for each node")
        given, self.edges = _with_ends(given, list(edges), in_size)
        self._attributes = {name: _free(type(self), name) for name in given}
        for name, module in given.items():
            setattr(self, self._attributes[name], module)
        asked = {tuple(edge) for edge in late}
        self.late = tuple(edge for edge in self.edges if edge in asked)
        starts = [name for name, module in given.items() if isinstance(module, Input)]
        rest = [edge for edge in self.edges if edge not in self.late]
        self.late += tuple(loops(list(given), rest, starts, lambda name: _is_plain(given[name])))
        direct = [edge for edge in self.edges if edge not in self.late]
        self.order = tuple(ordered(list(given), direct))
        self.sizes = self._shapes()
        self.last = {name: Last(self.sizes[name]) for name in sorted({a for a, _ in self.late})}
        for attribute, kind in (("in_size", Input), ("out_size", Output)):
            sizes = [self.sizes[name] for name in self.order if isinstance(self[name], kind)]
            if len(sizes) == 1:
                setattr(self, attribute, sizes[0])

    def __getitem__(self, name: str) -> brainstate.nn.Module:
        """The module of a node."""
        return getattr(self, self._attributes[name])

    def update(self, x: Quantity) -> Quantity:
        """Advance by one step.

        Args:
            x: Input, shape `(*batch, *in_size)`; a dictionary by name where there are several.

        Returns:
            Output, shape `(*batch, *out_size)`; a dictionary by name where there are several.
        """
        inputs = [name for name in self.order if isinstance(self[name], Input)]
        given = x if isinstance(x, Mapping) else {inputs[0]: x}
        if set(given) != set(inputs):
            raise NIRError(f"NIRNetwork: expected inputs for {inputs}, got {sorted(given)}")
        values: dict[str, Quantity] = {}
        for name in self.order:
            if name in given:
                arriving = [given[name]]
            else:
                arriving = [self._carried(edge, values) for edge in self.edges if edge[1] == name]
            values[name] = _called(self[name], sum(arriving[1:], start=arriving[0]))
        for name, held in self.last.items():
            held.value.value = jnp.asarray(values[name], held.value.value.dtype)
        outputs = {name: values[name] for name in self.order if isinstance(self[name], Output)}
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))

    def _carried(self, edge: Edge, values: dict[str, Quantity]) -> Quantity:
        return self.last[edge[0]].value.value if edge in self.late else values[edge[0]]

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        sizes: dict[str, tuple[int, ...]] = {}
        for name in self.order:
            before = {a: sizes[a] for a, b in self.edges if b == name and a in sizes}
            shape = next(iter(before.values()), None)
            sizes[name] = out_size(self[name], shape)
        for a, b in self.edges:
            wanted = self[b].in_size
            if wanted is not None and tuple(wanted) != sizes[a]:
                raise NIRError(
                    f"NIRNetwork: the edge from {a!r} to {b!r} joins a node that gives shape "
                    f"{sizes[a]} to one that expects {tuple(wanted)}"
                )
        return sizes


class Last(brainstate.nn.Module):
    """What a node gave in the step before."""

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size

    def init_state(self, batch_size: int | None = None, **kwargs: object) -> None:
        """Begin with zeros."""
        batch = () if batch_size is None else (batch_size,)
        self.value = brainstate.ShortTermState(full(0.0, (*batch, *self.size)))

    def reset_state(self, batch_size: int | None = None, **kwargs: object) -> None:
        """Begin with zeros again."""
        shape = self.value.value.shape if batch_size is None else (batch_size, *self.size)
        self.value.value = full(0.0, shape)


def out_size(module: brainstate.nn.Module, in_shape: tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape of what a module gives, from that of what it gets."""
    if module.out_size is not None:
        return tuple(module.out_size)
    if isinstance(module, Stateless) and in_shape is not None:
        x = jax.ShapeDtypeStruct(in_shape, brainstate.environ.dftype())
        return tuple(jax.eval_shape(module.update, x).shape)
    if module.in_size is not None:
        return tuple(module.in_size)
    raise NIRError(
        f"NIRNetwork: the shape of what {type(module).__name__} gives is unknown. Give the shape "
        "of the input, in_size, or the module an attribute out_size"
    )


def _called(module: brainstate.nn.Module, x: Quantity) -> Quantity:
    """What a module gives for a number, as a number."""
    unit = getattr(module, "input_unit", None)
    return number(module(x if unit is None else x * unit))


def _with_ends(
    nodes: dict[str, brainstate.nn.Module], edges: list[Edge], in_size: Size | None
) -> tuple[dict[str, brainstate.nn.Module], tuple[Edge, ...]]:
    """The graph with something that receives and something that gives out."""
    sources, targets = {a for a, _ in edges}, {b for _, b in edges}
    if not any(isinstance(module, Input) for module in nodes.values()):
        if "input" not in sources:
            edges = [*(("input", name) for name in nodes if name not in targets), *edges]
        first = next((nodes.get(b) for a, b in edges if a == "input"), None)
        size = in_size if in_size is not None else getattr(first, "in_size", None)
        if size is None:
            raise NIRError(
                "NIRNetwork.in_size: missing. The first module does not know the shape of its input"
            )
        nodes = {"input": Input(size), **nodes}
    if not any(isinstance(module, Output) for module in nodes.values()):
        if "output" not in targets:
            ends = [name for name in nodes if name not in sources and name != "input"]
            edges = [*edges, *((name, "output") for name in ends)]
        nodes = {**nodes, "output": Output()}
    unknown = sorted({name for edge in edges for name in edge} - nodes.keys())
    if unknown:
        raise NIRError(
            f"NIRNetwork.edges: they name nodes that are not there: {', '.join(unknown)}"
        )
    reached = {b for _, b in edges}
    for name, module in nodes.items():
        if name not in reached and not isinstance(module, Input):
            raise NIRError(f"NIRNetwork.edges: none leads to {name!r}")
    return nodes, tuple(edges)


def loops(
    names: list[str], edges: list[Edge], starts: list[str], plain: Callable[[str], bool]
) -> Iterable[Edge]:
    """An edge of each loop, without which the graph has none.

    It is moved back over nodes that are plain, as far as nothing else meets them.
    """
    after: dict[str, list[str]] = {name: [] for name in names}
    before: dict[str, list[str]] = {name: [] for name in names}
    for a, b in edges:
        after[a].append(b)
        before[b].append(a)
    entered: set[str] = set()
    left: set[str] = set()
    closing: list[Edge] = []

    def visit(start: str) -> None:
        entered.add(start)
        stack = [(start, iter(after[start]))]
        while stack:
            name, following = stack[-1]
            for other in following:
                if other not in entered:
                    entered.add(other)
                    stack.append((other, iter(after[other])))
                    break
                if other not in left:
                    closing.append((name, other))
            else:
                left.add(name)
                stack.pop()

    for name in [*starts, *names]:
        if name not in entered:
            visit(name)
    for a, b in closing:
        for _ in names:
            if not (plain(a) and len(before[a]) == len(after[a]) == 1):
                break
            a, b = before[a][0], a
        yield a, b


def _is_plain(module: brainstate.nn.Module) -> bool:
    return isinstance(module, (Stateless, brainstate.nn.Linear, Linear))


def ordered(names: list[str], edges: list[Edge]) -> list[str]:
    """Each node after those that lead to it, as near as can be to the order given."""
    waiting = {name: {a for a, b in edges if b == name} for name in names}
    order: list[str] = []
    while waiting:
        ready = next(name for name, before in waiting.items() if not before - {*order})
        order.append(ready)
        del waiting[ready]
    return order


def _free(kind: type, name: str) -> str:
    """A name for an attribute that the module does not have for something else."""
    taken = {"edges", "late", "order", "sizes", "last", *dir(kind)}
    while name in taken or name.startswith("_"):
        name = f"node_{name}"
    return name
