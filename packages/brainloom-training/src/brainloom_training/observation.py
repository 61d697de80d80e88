"""`observe`: what a model does on one batch, forward and backward, layer by layer."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError
from brainloom_core.context import current_dt
from brainloom_core.types import Array, PyTree, SpikeFunction
from jax.interpreters import partial_eval

from .rolling import carried_states, in_step
from .types import ByName, Measure, Parameters

__all__ = [
    "Layer",
    "Observation",
    "Run",
    "dotted",
    "initialize",
    "named",
    "observe",
    "short_states",
    "slope_of",
    "spike_functions",
    "spiking_layers",
    "trained_states",
]

Path = tuple[Any, ...]


@dataclass
class Layer:
    """What a spiking layer did: arrays are `(T, batch, n)`.

    Attributes:
        name: Its dotted path in the model.
        module: The layer.
        V: Potential at the end of each step, a number in the unit of the state.
        z: What the spike function saw: the distance to threshold in units of the scale.
        start: The same before the first step, `(batch, n)`.
        spikes: Spikes of each step.
        gradient: Derivative of the loss by the potential with which each step begins.
        growth: Factor by which a small change of the layer's states grows in a step, on average.
    """

    name: str
    module: brainstate.nn.Module
    V: np.ndarray
    z: np.ndarray
    start: np.ndarray
    spikes: np.ndarray
    gradient: np.ndarray
    growth: float

    @property
    def share(self) -> np.ndarray:
        """Spikes of each neuron, of those that it could have: 1 for one in every step, `(n,)`."""
        held = 0.0
        if hasattr(self.module, "steps_held"):
            held = np.round(u.get_magnitude(self.module.tau_ref / current_dt()))
        return np.minimum(self.spikes.mean((0, 1)) * np.ravel(held + 1.0), 1.0)


@dataclass
class Observation:
    """What a model did on one batch.

    Attributes:
        layers: Its spiking layers, in the order of the model.
        parameters: Values of its parameters by dotted path, numbers in their units.
        gradients: Derivatives of the loss by them.
        unused: Names of those whose gradient is zero whatever the inputs are.
        outputs: What it returned, `(T, *batch, n_out)`, a number.
        targets: What it should have.
        loss: The loss.
        model: The model.
        initial: The values of its states before the first step, by dotted path.
        final: Those after the last.
        replay: The spikes of a layer when some parameters, or the inputs, are multiplied.
        feeding: Names of the parameters that act on a layer without a spike in between.
    """

    layers: list[Layer]
    parameters: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]
    unused: list[str]
    outputs: PyTree
    targets: PyTree
    loss: float
    model: brainstate.nn.Module
    initial: ByName
    final: ByName
    replay: Callable[[str, list[str], np.ndarray], np.ndarray]
    feeding: Callable[[str], list[str]]


def observe(
    model: brainstate.nn.Module,
    loss: Measure,
    xs: PyTree,
    ys: PyTree,
    parameters: Parameters | None = None,
) -> Observation:
    """Run a model over a batch from its initial states, forward and backward.

    The states are initialised for the batch, and are the initial ones again in the end.
    """
    initialize(model, xs)
    run = Run(model, loss, xs, ys, trained_states(model, parameters))
    ((value, (final, (outputs, seen))), (gradients, probes)), unused = run.backward()
    growth = _once(run.growth)
    short = short_states(model)
    layers = [
        Layer(
            name=name,
            module=module,
            **{key: _flat(module, entry) for key, entry in seen[name].items()},
            start=_flat(module, np.asarray(_distance(module))[None])[0],
            gradient=_flat(module, probes[name]),
            growth=float(rate),
        )
        for (name, module), rate in zip(run.layers.items(), growth, strict=True)
    ]
    return Observation(
        layers=layers,
        parameters=named(run.parameters),
        gradients=named(gradients),
        unused=unused,
        outputs=np.asarray(u.get_mantissa(outputs)),
        targets=ys,
        loss=float(value),
        model=model,
        initial={name: state.value for name, state in short.items()},
        final={name: final[run.place(state)] for name, state in short.items()},
        replay=run.replay,
        feeding=run.feeding,
    )


def spiking_layers(model: brainstate.nn.Module) -> dict[str, brainstate.nn.Module]:
    """The modules with a potential and a spike function, by dotted path, in their order."""
    found = {
        dotted(path): module
        for path, module in _shortest(model.nodes).items()
        if all(hasattr(module, part) for part in ("get_spike", "spk_fun", "V"))
    }
    if not found:
        raise InputError(f"{type(model).__name__} has no spiking layer (get_spike, spk_fun, V)")
    return found


def short_states(model: brainstate.nn.Module) -> dict[str, brainstate.State]:
    """What a model should forget between two batches, by dotted path."""
    kinds = (brainstate.HiddenState, brainstate.ShortTermState)
    states = _shortest(model.states)
    return {dotted(path): state for path, state in states.items() if isinstance(state, kinds)}


def _shortest(find: Callable[..., Any]) -> dict[Path, Any]:
    """What `model.nodes` or `model.states` finds, each under the shortest of its paths."""
    deepest = max(map(len, find()), default=0)
    found: dict[int, tuple[Path, Any]] = {}
    for depth in range(1, deepest + 1):
        for path, it in find(allowed_hierarchy=(0, depth)).items():
            found.setdefault(id(it), (path, it))
    return dict(found.values())


def dotted(path: Path) -> str:
    """The path of a module or a state as one word: `layers.1`."""
    return ".".join(str(part) for part in path) or "model"


def initialize(model: brainstate.nn.Module, xs: PyTree) -> None:
    """Initialise the states of a model for the batch of a sequence `(T, *batch, n)`."""
    first = np.shape(jax.tree.leaves(xs)[0])
    brainstate.nn.init_all_states(model, batch_size=first[1] if len(first) > 2 else None)


class Run:
    """A model and a batch as pure functions of parameters, of probes and of small changes."""

    def __init__(
        self,
        model: brainstate.nn.Module,
        loss: Measure,
        xs: PyTree,
        ys: PyTree,
        trained: dict[str, brainstate.State],
    ) -> None:
        self.model, self.loss, self.ys, self.trained = model, loss, ys, trained
        self.xs = jax.tree.map(jnp.asarray, xs)
        self.length = len(jax.tree.leaves(self.xs)[0])
        self.layers = spiking_layers(model)
        self.parameters = {name: state.value for name, state in trained.items()}
        self.states, self.step = self._pure()

    def _observed(self, i: Array, x: PyTree) -> PyTree:
        """One step: what the model returns, and what its layers have then."""
        with in_step(i):
            outputs = self.model(*(x if isinstance(x, tuple) else (x,)))
        return outputs, {
            name: {"V": u.get_mantissa(it.V.value), "z": _distance(it), "spikes": it.get_spike()}
            for name, it in self.layers.items()
        }

    def _pure(self) -> tuple[tuple[brainstate.State, ...], Callable[..., PyTree]]:
        """The states, and a step as a function from their values to new ones and the record."""
        function = brainstate.transform.StatefulFunction(self._observed)
        first = jax.tree.map(lambda x: x[0], self.xs)

        def step(values: PyTree, i: Array, x: PyTree) -> PyTree:
            new, record = function.jaxpr_call(values, i, x)
            pairs = zip(values, new, strict=True)
            return tuple(old if it is None else it for old, it in pairs), record  # None: only read

        return function.get_states(jnp.asarray(0), first), step

    def run(
        self,
        parameters: ByName,
        probes: dict[str, Array] | None = None,
        factor: Array | float = 1.0,
        step: Callable[..., PyTree] | None = None,
    ) -> PyTree:
        """The states in the end and the record of all steps, probes added to V as steps begin."""
        places = {name: self.place(it.V) for name, it in self.layers.items()}
        step = step or self.step

        def advance(values: PyTree, given: PyTree) -> PyTree:
            i, x, probe = given
            values = list(values)
            for name, added in (probe or {}).items():
                at = places[name]
                values[at] = jax.tree.map(lambda V: V + added, values[at])  # noqa: B023
            return step(tuple(values), i, jax.tree.map(lambda leaf: leaf * factor, x))

        start = [state.value for state in self.states]
        for name, value in parameters.items():
            start[self.place(self.trained[name])] = value
        return jax.lax.scan(advance, tuple(start), (jnp.arange(self.length), self.xs, probes))

    def backward(self) -> tuple[PyTree, list[str]]:
        """Loss and record with their derivatives by parameters and by probes; what is unused."""
        potentials = {name: u.get_mantissa(it.V.value) for name, it in self.layers.items()}
        zeros = {n: jnp.zeros((self.length, *V.shape), V.dtype) for n, V in potentials.items()}
        graded = jax.jit(jax.value_and_grad(self._graded, argnums=(0, 1), has_aux=True))
        given = (self.parameters, zeros, 1.0)
        traced = graded.trace(*given)
        return traced.lower().compile(_QUICK)(*given), self._unused(traced)

    def _unused(self, traced: Any) -> list[str]:
        """Parameters on whose gradient nothing that enters has an influence."""
        leaves, tree = jax.tree.flatten(traced.out_info)
        _, (places, _) = jax.tree.unflatten(tree, range(len(leaves)))
        jaxpr = traced.jaxpr.jaxpr
        wanted = {
            name: [i == place for i in range(len(leaves))] for name, place in named(places).items()
        }
        return [n for n, it in wanted.items() if not any(partial_eval.dce_jaxpr(jaxpr, it)[1])]

    def _graded(
        self, parameters: ByName, probes: dict[str, Array] | None, factor: Array | float
    ) -> PyTree:
        final, record = self.run(parameters, probes, factor)
        return u.get_magnitude(self.loss(record[0], self.ys)), (final, record)

    def value(self, parameters: ByName) -> Array:
        """The loss."""
        return self._graded(parameters, None, 1.0)[0]

    def growth(self) -> Array:
        """Mean factor by which a change of each layer grows in a step, the other layers held."""
        leaves, tree = jax.tree.flatten(tuple(state.value for state in self.states))
        masks = {i: mask for i, mask in enumerate(self._masks()) if mask.any()}

        def step(carried: PyTree, given: PyTree) -> PyTree:
            values, changes = carried

            def advance(own: list[Array]) -> tuple[list[Array], list[Array]]:
                merged = list(values)
                for i, value in zip(masks, own, strict=True):
                    merged[i] = value
                new = jax.tree.leaves(self.step(jax.tree.unflatten(tree, merged), *given)[0])
                return [new[i] for i in masks], new

            now = [values[i] for i in masks]
            _, new = advance(now)
            push: Callable[..., PyTree] = jax.vmap(
                lambda change: jax.jvp(advance, (now,), (change,), has_aux=True)[1]
            )
            changes, lengths = _normed(push(changes), masks.values())
            return (new, changes), jnp.log(lengths)

        keys = jax.random.split(jax.random.key(0), len(masks))
        shapes = [(len(self.layers), *leaves[i].shape) for i in masks]
        start = [jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]
        start = [x.astype(leaves[i].dtype) for i, x in zip(masks, start, strict=True)]
        changes, _ = _normed(start, masks.values())
        logs = jax.lax.scan(step, (leaves, changes), (jnp.arange(self.length), self.xs))[1]
        return jnp.exp(logs[self.length // 4 :].mean(0))  # after the transient

    def _masks(self) -> list[np.ndarray]:
        """For each array of the states whether it may change with each of the layers."""
        kept = {id(state) for state in carried_states(self.model).values()}
        own = [{id(state) for state in it.states().values()} for it in self.layers.values()]
        free = [kept - set().union(*own) | mine for mine in own]
        return [
            np.array([id(state) in ids for ids in free])
            & bool(jnp.issubdtype(jnp.result_type(leaf), jnp.inexact))
            for state in self.states
            for leaf in jax.tree.leaves(state.value)
        ]

    def feeding(self, name: str) -> list[str]:
        """Parameters whose change reaches the potential of a layer while spikes pass none on."""
        with spike_functions([(layer, _without_slope) for layer in self.layers.values()]):
            _, step = self._pure()
            closed = jax.make_jaxpr(
                lambda p, dp: jax.jvp(
                    lambda p: self.run(p, step=step)[1][1][name]["V"], (p,), (dp,)
                )[1]
            )(self.parameters, self.parameters)
        used = partial_eval.dce_jaxpr(closed.jaxpr, [True])[1][-len(named(self.parameters)) :]
        return [n for n, is_used in zip(named(self.parameters), used, strict=True) if is_used]

    def replay(self, name: str, scaled: list[str], factors: np.ndarray) -> np.ndarray:
        """Spikes per neuron and step of a layer for each factor of parameters, or of the inputs."""

        def rate(factor: Array) -> Array:
            leaves, tree = jax.tree.flatten(self.parameters)
            names = named(self.parameters)
            leaves = [v * factor if n in scaled else v for n, v in zip(names, leaves, strict=True)]
            _, (_, seen) = self.run(
                jax.tree.unflatten(tree, leaves), None, 1.0 if scaled else factor
            )
            return seen[name]["spikes"].mean()

        return np.asarray(_once(lambda: jax.lax.map(rate, jnp.asarray(factors))))

    def place(self, state: brainstate.State) -> int:
        """Where a state stands among those of the step."""
        return next(i for i, it in enumerate(self.states) if it is state)


# To be run once: to optimise it would take longer.
_QUICK: dict[str, Any] = {"xla_backend_optimization_level": 0}


def _once(function: Callable[[], PyTree]) -> PyTree:
    """The result of a function, compiled for a single call."""
    return jax.jit(function, compiler_options=_QUICK)()


def named(parameters: ByName) -> dict[str, np.ndarray]:
    """The arrays in the values of parameters, by dotted name, numbers in their units."""
    found = jax.tree_util.tree_flatten_with_path(parameters)[0]
    return {
        ".".join(part for key in path if (part := _part(key))): np.asarray(value)
        for path, value in found
    }


def _part(key: object) -> str:
    """The word for one part of the path to an array, none for that within a quantity."""
    return str(getattr(key, "key", "")) if isinstance(key, jax.tree_util.DictKey) else ""


def trained_states(
    model: brainstate.nn.Module, parameters: Parameters | None
) -> dict[str, brainstate.State]:
    """The states that are trained, by dotted path."""
    if parameters is None:
        states = _shortest(model.states)
        parameters = {p: s for p, s in states.items() if isinstance(s, brainstate.ParamState)}
    return {dotted(p if isinstance(p, tuple) else (p,)): s for p, s in dict(parameters).items()}


@contextlib.contextmanager
def spike_functions(pairs: list[tuple[brainstate.nn.Module, SpikeFunction]]) -> Iterator[None]:
    """Give layers other spike functions for a while: pairs of both."""
    own = [(layer, layer.spk_fun) for layer, _ in pairs]
    try:
        for layer, function in pairs:
            layer.spk_fun = function
        yield
    finally:
        for layer, kept in own:
            layer.spk_fun = kept


def slope_of(spk_fun: SpikeFunction, z: Array | np.ndarray) -> Array:
    """The derivative of a spike function."""
    z = jnp.asarray(z)
    return jax.jvp(spk_fun, (z,), (jnp.ones_like(z),))[1]


def _distance(layer: brainstate.nn.Module) -> Array:
    """What the spike function of a layer sees."""
    with spike_functions([(layer, lambda z: z)]):
        return layer.get_spike(layer.V.value)


def _without_slope(z: Array) -> Array:
    return jax.lax.stop_gradient((z >= 0).astype(z.dtype))


def _normed(changes: list[Array], masks: Iterable[Array | np.ndarray]) -> tuple[list[Array], Array]:
    """Changes, one for each layer, cut to what is free and of length one; and their lengths."""
    n = len(changes[0])

    def along(factor: Array | np.ndarray, x: Array) -> Array:
        return x * factor.reshape(n, *(1,) * (x.ndim - 1)).astype(x.dtype)

    changes = [along(mask, x) for mask, x in zip(masks, changes, strict=True)]
    lengths = jnp.sqrt(sum(jnp.sum(x.reshape(n, -1) ** 2, 1) for x in changes))
    lengths = jnp.maximum(lengths, np.finfo(lengths.dtype).tiny)
    return [along(1.0 / lengths, x) for x in changes], lengths


def _flat(module: brainstate.nn.Module, values: np.ndarray) -> np.ndarray:
    """As `(T, batch, n)`."""
    return values.reshape(len(values), -1, int(np.prod(module.in_size)))
