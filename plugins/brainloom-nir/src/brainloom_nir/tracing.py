"""Finds the graph of a module with an `update` of its own: one step is traced, not guessed.

Each part that has a counterpart in NIR is replaced by a mark while the step is traced. What stands
between the marks has to be sums, and what was kept from the step before; anything else is refused.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core.types import Quantity, Size, Time
from brainloom_core.units import with_unit
from jax.extend.core import Literal, Primitive

from .boundary import NIRError, number
from .layers import Input, Output
from .network import Edge, NIRNetwork

__all__ = ["traced_network"]

Source = tuple[str, bool]  # a node, and whether what it gave in the step before is meant
Sources = frozenset[Source] | None  # what is added up; None for anything else

INPUT = ("", False)
AS_IT_IS = {"convert_element_type", "copy", "copy_p", "stop_gradient", "reduce_precision"}
SAME_SHAPE = {"reshape", "broadcast_in_dim", "squeeze", "expand_dims"}

mark = Primitive("nir_node")
mark.def_abstract_eval(lambda *given, node, late, shape, dtype: jax.core.ShapedArray(shape, dtype))


def traced_network(
    model: brainstate.nn.Module,
    in_size: Size | None,
    dt: Time | None,
    is_node: Callable[[brainstate.nn.Module], bool],
) -> NIRNetwork:
    """The graph of a module, of those parts that are nodes.

    Raises:
        NIRError: Its update does something between its parts that is no sum.
    """
    kind = type(model).__name__
    nodes = _nodes(model, is_node)
    if not nodes:
        raise NIRError(f"to_nir: {kind}: expected parts that have counterparts in NIR, found none")
    size = model.in_size if model.in_size is not None else in_size
    if size is None:
        raise NIRError(f"to_nir: {kind}: give the shape of its input, input_shape=(...)")
    tracing = _Tracing(kind, nodes)
    context = {} if dt is None else {"dt": dt}
    with (
        _states_kept(model),
        brainstate.environ.context(**{"dt": 1.0 * u.ms, **context}, i=0, t=0.0 * u.ms, fit=False),
    ):
        brainstate.nn.init_all_states(model)
        outputs = tracing.follow(model, tuple(np.atleast_1d(np.asarray(size))))
    edges = [*tracing.edges, *(("input" if a == "" else a, "output") for a, _ in sorted(outputs))]
    late = [*tracing.late, *((a, "output") for a, is_late in sorted(outputs) if is_late)]
    used = {name for edge in edges for name in edge}
    given = {name: module for name, module in nodes.items() if name in used}
    ends = {"input": Input(tuple(np.atleast_1d(np.asarray(size)).tolist())), "output": Output()}
    return NIRNetwork(ends | given, edges, late=late)


def _nodes(
    model: brainstate.nn.Module, is_node: Callable[[brainstate.nn.Module], bool]
) -> dict[str, brainstate.nn.Module]:
    """The outermost parts that are nodes, by their paths."""
    found: dict[tuple[Any, ...], brainstate.nn.Module] = {}
    held: set[int] = set()
    for path, module in sorted(
        model.nodes(brainstate.nn.Module).items(), key=lambda it: len(it[0])
    ):
        inside = any(path[: len(outer)] == outer for outer in found)
        if path and not inside and id(module) not in held and is_node(module):
            found[path] = module
            held.add(id(module))
    return {"_".join(map(str, path)): module for path, module in found.items()}


@contextmanager
def _states_kept(model: brainstate.nn.Module) -> Iterator[None]:
    """Leave the states of a model as they were."""
    modules = [*model.nodes(brainstate.nn.Module).values()]
    held = [(module, dict(vars(module))) for module in modules]
    before = [(state, state.value) for state in model.states().values()]
    generator = brainstate.random.DEFAULT
    key = generator.value
    try:
        yield
    finally:
        generator.value = key
        for module, attributes in held:  # an init_state may have made other ones
            vars(module).clear()
            vars(module).update(attributes)
        for state, value in before:
            state.value = value


@dataclass
class _Tracing:
    """One step of a module, whose nodes leave marks."""

    kind: str
    nodes: Mapping[str, brainstate.nn.Module]
    edges: list[Edge] = field(default_factory=list)
    late: list[Edge] = field(default_factory=list)
    called: set[str] = field(default_factory=set)
    why: dict[Any, str] = field(default_factory=dict)

    def follow(self, model: brainstate.nn.Module, size: tuple[int, ...]) -> frozenset[Source]:
        """Trace a step, find the edges, and return what is added up to its output."""
        x = jnp.zeros(size, brainstate.environ.dftype())
        with self._marked():
            step = brainstate.transform.StatefulFunction(lambda x: number(_single(model(x))))
            step.make_jaxpr(x)
            states = step.get_states(x)
            values = [state.value for state in states]
            closed = jax.make_jaxpr(step.jaxpr_call)(values, x)
        numbers = {id(state): k for k, state in enumerate(states)}
        jaxpr = closed.jaxpr
        env: dict[Any, Sources] = dict.fromkeys(jaxpr.constvars)
        for var, place in zip(jaxpr.invars, _places(states, numbers), strict=False):
            env[var] = frozenset({(f"state {place}", True)})
        env[jaxpr.invars[-1]] = frozenset({INPUT})
        marks = self._run(jaxpr, env)
        written = _places(step.get_write_states(x), numbers)
        kept = {
            place: self._of(env, var) for var, place in zip(jaxpr.outvars, written, strict=False)
        }
        owned = {
            id(module.spike): name
            for name, module in self.nodes.items()
            if isinstance(vars(module).get("spike"), brainstate.State)
        }

        def resolved(found: Sources, why: str, where: str) -> frozenset[Source]:
            if found is None:
                self._refuse(f"{why or 'something else than a sum'} on the way to {where}")
            known = states, values, kept, owned
            return frozenset(it for s in found or () for it in self._resolve(s, *known, where))

        for name, sources, why in marks:
            for source, is_late in sorted(resolved(sources, why, name)):
                edge = ("input" if source == "" else source, name)
                self.edges.append(edge)
                if is_late:
                    self.late.append(edge)
        last = jaxpr.outvars[-1]
        return resolved(self._of(env, last), self._why(last), "the output")

    def _resolve(
        self, source: Source, states: Any, values: Any, kept: Any, owned: Any, where: str
    ) -> frozenset[Source]:
        """What a state stands for: what a node gave in the step before."""
        name, _ = source
        if not name.startswith("state "):
            return frozenset({source})
        place = int(name.removeprefix("state "))
        if id(states[place]) in owned:
            return frozenset({(owned[id(states[place])], True)})
        start = jax.tree.leaves(values[place])
        if any(np.any(np.asarray(leaf)) for leaf in start):
            self._refuse(f"a state that does not begin at zero on the way to {where}")
        found = kept.get(place, frozenset({source}))
        if found == frozenset({source}):
            return frozenset()  # zeros, which nothing changes
        if found is None or any(late or it == "" for it, late in found):
            self._refuse(
                f"a state that is not what a part gave the step before, on the way to {where}"
            )
        return frozenset((it, True) for it, _ in found)

    def _refuse(self, what: str) -> None:
        raise NIRError(
            f"to_nir: {self.kind}: expected an update that adds up what its parts give, found "
            f"{what}. Write it as NIRNetwork(nodes, edges) of parts, or give a Counterpart of what "
            "does this"
        )

    # Marks

    @contextmanager
    def _marked(self) -> Iterator[None]:
        """Let each node leave a mark where it is called."""
        try:
            for name, module in self.nodes.items():
                vars(module)["update"] = self._marking(name, module, module.update)
                if callable(getattr(module, "get_spike", None)):
                    vars(module)["get_spike"] = self._remembering(name, module, module.get_spike)
            yield
        finally:
            for module in self.nodes.values():
                vars(module).pop("update", None)
                vars(module).pop("get_spike", None)

    def _marking(
        self, name: str, module: brainstate.nn.Module, update: Callable[..., Quantity]
    ) -> Callable[..., Quantity]:
        def call(*given: Quantity) -> Quantity:
            if len(given) != 1 or given[0] is None:
                self._refuse(f"{name} called with {len(given)} arguments")
            if name in self.called:
                self._refuse(f"{name} called more than once in a step")
            vars(module).pop("get_spike", None)
            out = update(*given)
            self.called.add(name)
            if hasattr(type(module), "get_spike"):
                vars(module)["get_spike"] = self._remembering(
                    name, module, type(module).get_spike.__get__(module)
                )
            return self._mark(name, False, out, number(given[0]))

        return call

    def _remembering(
        self, name: str, module: brainstate.nn.Module, get_spike: Callable[..., Quantity]
    ) -> Callable[..., Quantity]:
        def call(*given: Quantity, **states: Quantity) -> Quantity:
            spikes = get_spike(*given, **states)
            return spikes if given or states else self._mark(name, name not in self.called, spikes)

        return call

    def _mark(self, name: str, late: bool, like: Quantity, *given: Quantity) -> Quantity:
        plain = number(like)
        made = mark.bind(*given, node=name, late=late, shape=plain.shape, dtype=plain.dtype)
        unit = u.get_unit(like)
        if unit == u.UNITLESS:
            return made
        return with_unit(made, u.mV if u.get_dim(like) == u.get_dim(u.mV) else u.mA)

    # What lies between them

    def _run(self, jaxpr: Any, env: dict[Any, Sources]) -> list[tuple[str, Sources, str]]:
        marks: list[tuple[str, Sources, str]] = []
        for eqn in jaxpr.eqns:
            given = [self._of(env, var) for var in eqn.invars]
            if eqn.primitive is mark:
                node = eqn.params["node"]
                if eqn.invars:
                    marks.append((node, given[0], self._why(eqn.invars[0])))
                env[eqn.outvars[0]] = frozenset({(node, eqn.params["late"])})
                continue
            inner = _inner(eqn)
            if inner is not None:
                within: dict[Any, Sources] = dict.fromkeys(inner.constvars)
                within |= dict(zip(inner.invars, given, strict=True))
                marks += self._run(inner, within)
                for var, out in zip(eqn.outvars, inner.outvars, strict=True):
                    self._keep(env, var, self._of(within, out), self._why(out))
                continue
            found = self._through(eqn, given)
            unclear = [self._why(v) for v in eqn.invars if self._of(env, v) is None]
            why = next((it for it in unclear if it), f"`{eqn.primitive.name}`")
            for var in eqn.outvars:
                self._keep(env, var, found, why)
        return marks

    def _keep(self, env: dict[Any, Sources], var: Any, found: Sources, why: str) -> None:
        env[var] = found
        if found is None:
            self.why[id(var)] = why

    def _why(self, var: Any) -> str:
        return self.why.get(id(var), "")

    def _of(self, env: dict[Any, Sources], var: Any) -> Sources:
        if isinstance(var, Literal):
            return frozenset() if not np.any(var.val) else None
        return env.get(var)

    def _through(self, eqn: Any, given: list[Sources]) -> Sources:
        """What an operation makes of sums: a sum, or something else."""
        name = eqn.primitive.name
        if name in AS_IT_IS:
            return given[0]
        if name in SAME_SHAPE:
            same = eqn.invars[0].aval.shape == eqn.outvars[0].aval.shape
            return given[0] if same or given[0] == frozenset() else None
        if name in ("add", "add_any"):
            first, second = given
            if first is None or second is None or first & second:
                return None
            wide = eqn.outvars[0].aval.shape
            parts = zip(given, eqn.invars, strict=True)
            whole = all(v.aval.shape == wide or s == frozenset() for s, v in parts)
            return first | second if whole else None
        if name == "mul":
            ones = [isinstance(v, Literal) and np.all(np.asarray(v.val) == 1) for v in eqn.invars]
            return next((s for s, one in zip(given[::-1], ones, strict=True) if one), None)
        return None


def _inner(eqn: Any) -> Any:
    """The operations of a call within a call, None where it is none."""
    if eqn.primitive.name in ("scan", "while", "cond", "custom_jvp_call", "custom_vjp_call"):
        return None
    for name in ("jaxpr", "call_jaxpr"):
        found = eqn.params.get(name)
        if found is not None:
            return getattr(found, "jaxpr", found)
    return None


def _places(states: Any, numbers: Mapping[int, int]) -> list[int]:
    """The number of the state of each array that some states consist of."""
    return [numbers[id(state)] for state in states for _ in jax.tree.leaves(state.value)]


def _single(output: Any) -> Quantity:
    if len(jax.tree.leaves(output)) != 1:
        raise NIRError("to_nir: expected an update that returns one array")
    return output
