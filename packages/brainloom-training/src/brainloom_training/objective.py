"""`Objective`: the number that training makes small, as a function of a batch."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import brainstate
import jax
import jax.numpy as jnp
from brainloom_core import InputError
from brainloom_core.types import Array, PyTree
from brainloom_core.units import show

from .arguments import takes
from .losses import OfClasses
from .padding import Masked, of_lengths, unpadded
from .reductions import MeanOverTime, Reduction, Stack
from .rolling import rollout
from .types import ByName, Measure, Penalty, Read

__all__ = ["Objective"]


@dataclass(eq=False)
class Objective:
    """The loss of a model on a batch, with metrics and penalties.

    Args:
        model: The model, whose states exist.
        loss: The loss, `loss(outputs, targets)`.
        metrics: What else is reported, by name; each as a loss.
        penalties: What is added to the loss, by the name of what it is computed from (`"E.spikes"`,
            `"layers.1.V"`), or by any other name where it has a method `penalty(model)`.
        encoder: What makes a sequence of the inputs of a batch, None where they are one.
        read: What a step of the model gives, see `rollout`.
        n_steps: Number of steps of a model without inputs.
        batching: `"axis"` where states have a batch axis, `"vmap"` where the model is mapped over
            the samples, None for a single sequence.
        classes: Filled, while it is traced, with the number of classes that each measure of labels
            finds, by name.
    """

    model: brainstate.nn.Module
    loss: Measure
    metrics: Mapping[str, Measure] = field(default_factory=dict)
    penalties: Mapping[str, Penalty] = field(default_factory=dict)
    encoder: Callable[[PyTree], PyTree] | None = None
    read: Read | None = None
    n_steps: int | None = None
    batching: str | None = None
    classes: dict[str, int] = field(default_factory=dict)
    learner: Any = field(default=None, init=False)  # of an online rule

    def __post_init__(self) -> None:
        self.renew()
        self.watched = {n: n for n, p in self.penalties.items() if not hasattr(p, "penalty")}
        self.measures = {"loss": self.loss, **self.metrics}

    def renew(self) -> None:
        """Take the present states of the model for those to return to."""
        self.reset = resetting(self.model)

    def __call__(
        self, x: PyTree, y: PyTree, *, segment: int | str | None = None, detach: bool = False
    ) -> ByName:
        """Run the model on a batch from its initial states; the loss and all metrics by name."""
        if self.batching == "vmap":
            run = functools.partial(self._values, segment=segment, detach=detach)
            return jax.tree.map(lambda values: values.mean(0), mapped(run, x, y))
        return self._values(x, y, segment=segment, detach=detach)

    def outputs(self, x: PyTree) -> PyTree:
        """Run the model on a batch from its initial states; its outputs, time first."""
        if self.batching == "vmap":
            return jax.tree.map(lambda out: jnp.moveaxis(out, 0, 1), mapped(self._outputs, x))
        return self._outputs(x)

    def means(self, x: PyTree, names: Sequence[str]) -> ByName:
        """Means over time and samples of what some names mean, in a run on a batch."""

        def run(x: PyTree) -> PyTree:
            self.reset()
            return rollout(
                self.model,
                self.sequence(x),
                n_steps=self.n_steps,
                read={name: name for name in names},
                over=MeanOverTime(),
                segment="auto",
            )

        found: ByName = mapped(run, x) if self.batching == "vmap" else run(x)
        one = self.batching is None or x is None
        return found if one else jax.tree.map(lambda values: values.mean(0), found)

    def sequence(self, x: PyTree) -> PyTree:
        """The inputs of a batch over time, time first."""
        if self.encoder is not None:
            return self.encoder(x)
        if self.batching == "axis":
            return jax.tree.map(lambda values: jnp.moveaxis(values, 0, 1), x)
        return x

    def measure(self, name: str, seen: PyTree, y: PyTree) -> Array:
        """The loss or a metric, by name, of what it needs to see of the outputs."""
        return self._measured(name, seen, y, None)

    def measure_outputs(self, name: str, outputs: PyTree, y: PyTree) -> Array:
        """The loss or a metric, by name, of the outputs over time."""
        return self._counted(name, outputs)(outputs, y)

    def _counted(self, name: str, seen: PyTree) -> Measure:
        """The measure of this name, the number of whose classes is noted."""
        measure = self.measures[name]
        if isinstance(measure, OfClasses):
            self.classes[name] = measure.classes(seen)
        return measure

    def _values(self, x: PyTree, y: PyTree, **options: Any) -> ByName:
        watching = {name: self.penalties[name] for name in self.watched}
        y, lengths = unpadded(y)
        self.reset()
        with of_lengths(lengths):
            seen = self._seen(x, self.measures | watching, lengths, **options)
        values = {name: self._measured(name, seen[name], y, lengths) for name in self.measures}
        for name, penalty in self.penalties.items():
            own = hasattr(penalty, "penalty")
            cost = (
                penalty.penalty(self.model) if own else _value(name, penalty, seen[name], lengths)
            )
            values["loss"] = values["loss"] + cost
        return values

    def _measured(self, name: str, seen: PyTree, y: PyTree, lengths: Array | None) -> Array:
        return _value(name, self._counted(name, seen), seen, lengths, y)

    def _outputs(self, x: PyTree) -> PyTree:
        self.reset()
        return rollout(self.model, self.sequence(x), n_steps=self.n_steps, read=self.read)

    def _seen(
        self, x: PyTree, measures: Mapping[str, Measure], lengths: Array | None, **options: Any
    ) -> ByName:
        """What each measure needs to see: the outputs over time, or what it reduces them to."""
        overs = {n: _over(measure) for n, measure in measures.items()}
        parts: Parts = overs
        if lengths is not None:
            parts = {n: it and Masked(it, lengths) for n, it in overs.items()}
        wanted = _Several(parts, self.watched)
        whole = None in wanted.parts.values()
        over: Any = None if whole else wanted
        seen = rollout(
            self.model,
            self.sequence(x),
            n_steps=self.n_steps,
            read={"": self.read, **self.watched} if self.watched else self.read,
            over=over,
            **options,
        )
        return wanted(seen) if whole else seen


Parts = Mapping[str, Reduction | Masked | None]


@dataclass(frozen=True)
class _Several:
    """Several reductions over time at once, by name; None keeps everything."""

    parts: Parts
    watched: Mapping[str, str]

    def __call__(self, outputs: PyTree) -> ByName:
        seen = {name: self._of(name, outputs) for name in self.parts}
        return {n: seen[n] if part is None else part(seen[n]) for n, part in self.parts.items()}

    def start(self, output: PyTree, n_steps: int | None = None) -> ByName:
        return {n: part.start(self._of(n, output), n_steps) for n, part in self._folds()}

    def fold(self, carried: ByName, output: PyTree, i: Array) -> ByName:
        return {n: part.fold(carried[n], self._of(n, output), i) for n, part in self._folds()}

    def result(self, carried: ByName, n_steps: int) -> ByName:
        return {n: part.result(carried[n], n_steps) for n, part in self._folds()}

    def _folds(self) -> list[tuple[str, Reduction | Masked]]:
        return [(name, part) for name, part in self.parts.items() if part is not None]

    def _of(self, name: str, output: PyTree) -> PyTree:
        """What a part is computed from: the output, or what is watched beside it."""
        return output[self.watched.get(name, "")] if self.watched else output


def _over(measure: Measure | None) -> Reduction | None:
    over = getattr(measure, "over", None)
    return None if isinstance(over, Stack) else over


def _value(name: str, measure: Any, seen: PyTree, lengths: Array | None, *targets: PyTree) -> Array:
    """What a measure or a penalty is, of what it needs to see of sequences of these lengths."""
    split = _over(measure) is not None
    if lengths is None:
        if not split and not takes(measure, len(targets) + 1):
            raise InputError(
                f"{name}: expected lengths of the sequences, which {show(measure)} takes: (x, y, "
                "lengths)"
            )
        return measure.of_reduced(seen, *targets) if split else measure(seen, *targets)
    if split and hasattr(measure, "of_masked"):
        return measure.of_masked(seen, *targets, lengths)
    if split:
        return measure.of_reduced(seen, *targets)
    if not takes(measure, len(targets) + 2):
        wanted = "outputs, targets and lengths" if targets else "recorded values and lengths"
        raise InputError(
            f"{name}: expected a function of {wanted}, since sequences have lengths, got "
            f"{show(measure)}. A Loss with a reduction over time does without"
        )
    return measure(seen, *targets, lengths)


def resetting(model: brainstate.nn.Module) -> Callable[[], None]:
    """A function that returns all that a model keeps to its initial values, also while traced.

    Our models compute theirs anew, from parameters that may be trained; a module written by hand
    has its own `reset_state`, or gets the values that its states have now.
    """
    by_hand: list[tuple[brainstate.State, PyTree]] = []
    own = []
    for node in model.nodes(brainstate.nn.Module).values():
        if type(node).reset_state is not brainstate.nn.Module.reset_state:
            own.append(node)
        else:
            held = vars(node).values()
            states = [s for s in held if isinstance(s, brainstate.ShortTermState)]
            by_hand += [(state, state.value) for state in states]
    own.sort(key=lambda node: getattr(node.reset_state, "call_order", -1))

    def reset() -> None:
        for node in own:
            node.reset_state()
        for state, value in by_hand:
            state.value = value

    return reset


def mapped(run: Callable[..., PyTree], *args: PyTree) -> PyTree:
    """A function of one sample over samples along the first axis, each with randomness of its own.

    What it writes to states is dropped.

    Raises:
        InputError: It writes to a state that is to outlive the batch, such as a running mean.
    """
    generator = brainstate.random.DEFAULT
    traced = brainstate.transform.StatefulFunction(run)
    sample = jax.tree.map(lambda values: values[0], args)
    traced.make_jaxpr(*sample)
    states = traced.get_states(*sample)
    written = traced.get_write_states(*sample)
    if any(isinstance(state, brainstate.LongTermState) for state in written):
        raise InputError(
            "batching: expected 'axis' for a model that keeps something from batch to batch, such "
            "as the running means of BatchNorm, got 'vmap', which would drop it"
        )
    values = [state.value for state in states]
    keys = jax.random.split(generator.value, len(jax.tree.leaves(args)[0]))

    def one(key: Array, *sample: PyTree) -> PyTree:
        held = [key if s is generator else v for s, v in zip(states, values, strict=True)]
        return traced.jaxpr_call(held, *sample)[1]

    return jax.vmap(one)(keys, *args)
