"""`Trainer`: one step of training at a time, for loops of your own; `fit` is such a loop."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import CheckpointError, InputError, ParameterError, duration
from brainloom_core.context import current_dt
from brainloom_core.identity import differences, parts_of, refuse, text_of, versions_of
from brainloom_core.tensors import read, write
from brainloom_core.types import Arguments, Array, ArrayLike, PyTree, Shape, Time
from brainloom_core.units import show

from .checks import (
    check_options,
    check_read,
    check_targets,
    loss_of,
    may_be_checked,
    numbers_of,
)
from .data.checks import check_whole
from .guard import Guard, TrainingError
from .held import Held, is_quantity
from .objective import Objective
from .observation import spiking_layers
from .padding import Padded, lengths_of
from .parameters import conditions, could_be_trained, trainable
from .reach import unreached
from .rolling import carried_states
from .rules import LearningRule, get_rule
from .types import ByName, Measure, Penalty, Read

if TYPE_CHECKING:
    import optax

__all__ = ["Trainer"]


class Trainer:
    r"""A model, a loss and an optimizer: what a training loop needs, one step at a time.

    A step runs the model over a batch from its initial states, finds the gradient of the loss by
    the learning rule, and lets the optimizer change the trainable parameters. The optimizer sees
    plain numbers, those of the parameters in the units that they have; conditions that a model
    declares (a time constant is positive, a threshold above its reset) hold after each step.

    A step whose inputs, loss, gradients or new parameters are not finite changes nothing, nor do
    those after it, until a `TrainingError` has told so: as soon as the numbers are there, without
    waiting for them, at the latest when something is read from the trainer. Layers that behave
    otherwise in training, such as `brainstate.nn.Dropout`, find `fit` in `brainstate.environ`.

    Args:
        model: A module whose call advances it by one step.
        loss: The loss, such as `SpikeCountCrossEntropy()`: a function of outputs over time
            and targets.
        optimizer: An optimizer of optax; `optax.adam(1e-3)`.
        rule: How gradients are found: `"bptt"`, `"bptt-checkpointed"`, `"tbptt"`, `"eventprop"`,
            `"eprop"`, `"d-rtrl"`, `"pp-prop"`, or a rule such as `BPTT(segment=50)`.
        parameters: Names or patterns of the parameters to train; None for all.
        metrics: What else is measured, by name: functions of outputs and targets.
        regularizers: Penalties, by the name of what they are computed from (`"E.spikes"`).
        constraints: Conditions on parameters by name or pattern: `non_negative`,
            `between(0, 1)`, `keep_sign`, or a function from a proposed value to the one to take.
        clip_norm: Largest norm of a gradient, None for any.
        encoder: What makes a sequence, time first, of the inputs of a batch.
        read: What a step of the model gives, see `rollout`; None for what it returns.
        n_steps: Number of steps of a model that is run without inputs.
        batching: `"axis"` gives the states a batch axis, `"vmap"` maps the model over the
            samples, None trains on one sequence at a time.
        dt: Length of a step; by default that of `brainstate.environ`.
        seed: Seed of all that is random in a step.

    Attributes:
        steps: How many steps were made.

    Raises:
        ParameterError: There is nothing to train, or a parameter would get no gradient.
        InputError: The rule cannot train this model or is not known, or another argument is not
            what it is expected to be.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import LeakyRateReadout, Trainer
        >>> readout = LeakyRateReadout(3, 2, tau=10 * u.ms)
        >>> trainer = Trainer(readout, lambda r, y: ((r[-1] - y) ** 2).mean(), dt=1 * u.ms)
        >>> x, y = jnp.ones((8, 20, 3)), jnp.zeros((8, 2))
        >>> first = trainer.step(x, y)["loss"]
        >>> bool(trainer.step(x, y)["loss"] < first)
        True
    """

    def __init__(
        self,
        model: brainstate.nn.Module,
        loss: str | Measure,
        optimizer: "optax.GradientTransformation | None" = None,
        *,
        rule: str | LearningRule = "bptt",
        parameters: str | tuple[str, ...] | None = None,
        metrics: Mapping[str, Measure] | None = None,
        regularizers: Mapping[str, Penalty] | None = None,
        constraints: Mapping[str, object] | None = None,
        clip_norm: float | None = None,
        encoder: Callable[[PyTree], PyTree] | None = None,
        read: Read | None = None,
        n_steps: int | None = None,
        batching: Literal["axis", "vmap"] | None = "axis",
        dt: Time | None = None,
        seed: int = 0,
    ) -> None:
        import optax

        if batching not in ("axis", "vmap", None):
            raise InputError(f"batching: expected 'axis', 'vmap' or None, got {show(batching)}")
        measure = loss_of(loss)
        check_options(
            model, measure, optimizer, metrics, regularizers, constraints, clip_norm, encoder
        )
        check_read(read)
        check_whole("Trainer", 0, seed=seed)
        if n_steps is not None:
            check_whole("Trainer", 1, n_steps=n_steps)
        self.model, self.rule, self.batching = model, get_rule(rule), batching
        self.dt = current_dt() if dt is None else dt
        if not duration.holds(self.dt) or not self.dt.mantissa > 0:
            raise InputError(f"dt: expected a time > 0, got {show(self.dt)}")
        names: Any = (parameters,) if isinstance(parameters, str) else parameters
        names = () if names is None else names
        listed = isinstance(names, (tuple, list, set, frozenset))
        if not listed or not all(isinstance(name, str) for name in names):
            raise InputError(f"parameters: expected names or patterns, got {show(parameters)}")
        self.parameters = trainable(model, *names)
        if not self.parameters:
            raise ParameterError(
                f"{type(model).__name__} has nothing to train: expected a ParamState somewhere; "
                f"make_trainable(model, {could_be_trained(model)!r}) makes one"
            )
        found = conditions(model, constraints)
        self._conditions = {n: it for n, it in found.items() if n in self.parameters}
        optimizer = optax.adam(1e-3) if optimizer is None else optimizer
        if clip_norm is not None:
            optimizer = optax.chain(optax.clip_by_global_norm(clip_norm), optimizer)
        self.optimizer = optimizer
        self.steps = 0
        self._key = jax.random.key(seed)
        self._held = Held(model, self.parameters, optimizer)
        self._short: list[brainstate.State] = []
        self._fitted: tuple[int | None, list[Shape]] | None = None
        self._guard = Guard(self.parameters)
        self._classes: dict[str, int] = {}
        self._wanted: Arguments = {
            "loss": measure,
            "metrics": dict(metrics or {}),
            "penalties": dict(regularizers or {}),
            "encoder": encoder,
            "read": read,
            "n_steps": n_steps,
            "batching": batching,
        }
        self._seed = seed
        self._asked = {"constraints": constraints, "clip_norm": clip_norm, "optimizer": optimizer}
        self._measures: dict[str, Measure] = {"loss": measure, **(metrics or {})}
        self._compiled: dict[tuple[str, int | None], Callable[..., PyTree]] = {}

    def step(self, x: PyTree, y: PyTree, lengths: ArrayLike | None = None) -> dict[str, jax.Array]:
        """Change the parameters by the gradient of a batch.

        Args:
            x: Inputs, samples first: `(B, T, n_in)`, or what the encoder takes; None for none.
            y: Targets, samples first.
            lengths: Number of steps of each sequence that count, shape `(B,)`; None for all.

        Returns:
            The loss and the metrics before the change, and the norm of the gradient.

        Raises:
            TrainingError: This step, or one before it, was not finite.
        """
        values = self._call("train", x, _with(y, lengths))
        self.tell(wait=False)
        self.steps += 1
        return values

    def evaluate(
        self, x: PyTree, y: PyTree, lengths: ArrayLike | None = None
    ) -> dict[str, jax.Array]:
        """The loss and the metrics on a batch; nothing is changed.

        Args:
            x: Inputs, samples first, as of `step`.
            y: Targets, samples first.
            lengths: Number of steps of each sequence that count, shape `(B,)`; None for all.

        Raises:
            TrainingError: The inputs are not finite, or a step before was not.
        """
        return self._told(self.measure(x, y, lengths))

    def measure(
        self, x: PyTree, y: PyTree, lengths: ArrayLike | None = None
    ) -> dict[str, jax.Array]:
        """As `evaluate`, without waiting for the numbers; `tell` says whether all was finite.

        Args:
            x: Inputs, samples first, as of `step`.
            y: Targets, samples first.
            lengths: Number of steps of each sequence that count, shape `(B,)`; None for all.
        """
        return self._call("evaluate", x, _with(y, lengths))

    def predict(self, x: PyTree) -> PyTree:
        """Outputs of the model on a batch, time first.

        Args:
            x: Inputs, samples first, as of `step`.

        Returns:
            Outputs, shape `(T, B, n_out)`.

        Raises:
            TrainingError: The inputs are not finite, or a step before was not.
        """
        return self._told(self._call("predict", x))

    def spiking(self, x: PyTree) -> dict[str, jax.Array]:
        """The share of the steps in which each neuron spikes, a mean over the samples of a batch.

        Args:
            x: Inputs, samples first, as of `step`.

        Returns:
            The shares, of the shape of the population, by the dotted name of each spiking layer.

        Raises:
            InputError: The model has no spiking layer.
            TrainingError: The inputs are not finite, or a step before was not.
        """
        found: dict[str, jax.Array] = self._told(self._call("spiking", x))
        return found

    def numbers(self) -> ByName:
        """The parameters as plain numbers in the units that they have, by name."""
        return self._held.numbers()

    def tell(self, wait: bool = True) -> None:
        """Raise where a step was not finite; `step` does so by itself, when it is known.

        Args:
            wait: Whether to wait for steps that are not over yet, True.

        Raises:
            TrainingError: A step was not finite. All is as before that step, and `steps` too.
        """
        try:
            self._guard.tell(wait)
        except TrainingError as error:
            self.steps = error.step or 0
            raise

    def prepare(self, x: PyTree, y: PyTree, *targets: PyTree) -> None:
        """Find out, before the first step, what would be wrong in it.

        Args:
            x: Inputs of a batch, samples first, as of `step`.
            y: Its targets.
            targets: More of them, such as those of all batches, whose labels are checked.

        Raises:
            InputError: Labels name classes that the model does not have.
        """
        self._program("train", *(numbers_of(name, it) for name, it in (("x", x), ("y", y))))
        self.check_targets(y, *targets)

    def check_targets(self, *targets: PyTree) -> None:
        """Refuse labels of classes that the model does not have, once it was run or prepared.

        Args:
            targets: Targets, samples first.

        Raises:
            InputError: There is such a label.
        """
        for y in targets:
            check_targets(self._measures, self._classes, y)

    def close(self) -> None:
        """Return the states of the model to initial values without a batch axis.

        The model can be simulated then; a further step makes them fit a batch again.
        """
        if self._fitted is not None:
            with self._surroundings():
                brainstate.nn.init_all_states(self.model)
            self._fitted = None

    def memory(self, x: PyTree, y: PyTree) -> int:
        """The bytes that a training step on such a batch needs besides its inputs and states.

        Args:
            x: Inputs, samples first, as of `step`.
            y: Targets, samples first.
        """
        step = self._program("train", x, y)
        with self._surroundings("train"):
            compiled = step.lower(jnp.uint32(self.steps), x, y).compile()
        return int(compiled.memory_analysis().temp_size_in_bytes)

    def save(self, path: str | os.PathLike[str], about: object | None = None) -> None:
        """Write all that later steps depend on, and whatever JSON can hold, to a file.

        The file is of the safetensors format, which holds numbers and no code, with a checksum. It
        replaces an earlier one as a whole, so that a process may be killed at any time.

        Args:
            path: The file.
            about: What else to keep, anything that JSON can hold; None.

        Raises:
            CheckpointError: It cannot be written.
        """
        known = {"kind": "trainer", "make": self.make(), "steps": self.steps, "about": about}
        write(path, self.snapshot(), known)

    def load(self, path: str | os.PathLike[str], *, exactly: bool = True) -> object:
        """Go on from where another trainer of the same make was; returns what was saved about it.

        Args:
            path: The file, which `save` wrote.
            exactly: Whether model, loss, optimizer with its learning rate, step and versions have
                to be those of then; with False only what is trained has to fit.

        Raises:
            CheckpointError: The file is not of such a trainer, or not as it was written; then
                nothing is changed.
        """
        arrays, saved = read(path)
        if not isinstance(saved, dict) or saved.get("kind") != "trainer":
            raise CheckpointError(f"{path}: expected what Trainer.save wrote, got another file")
        self._held.check_fits(arrays, path)  # nothing helps where they do not
        if exactly:
            found = differences(saved["make"], self.make())
            hint = "Give exactly=False to take what was trained all the same"
            refuse(str(path), "it belongs to another trainer", found, hint)
        self.restore(arrays, path)
        self.steps = saved["steps"]
        return saved["about"]

    def make(self) -> dict[str, str]:
        """What decides on the steps besides the data and what is trained, as texts by name."""
        wanted = {**self._wanted, **self._asked, "rule": self.rule, "dt": self.dt}
        found = {name: text_of(value) for name, value in {**wanted, "seed": self._seed}.items()}
        parts = {f"model.{name}": text for name, text in parts_of(self.model).items()}
        versions = {f"version of {name}": it for name, it in versions_of(self.model).items()}
        return found | parts | versions

    def snapshot(self) -> dict[str, np.ndarray]:
        """All that later steps depend on besides their number, as arrays by name.

        Raises:
            TrainingError: A step was not finite.
        """
        self.tell()
        return self._held.snapshot()

    def restore(self, arrays: Mapping[str, np.ndarray], source: object = "restore") -> None:
        """Return to a snapshot.

        Args:
            arrays: The arrays by name, as `snapshot` gives them.
            source: Where they come from, for the text of an error.

        Raises:
            CheckpointError: It is one of another model or optimizer; nothing has been changed.
        """
        self._held.restore(arrays, source)

    # Steps

    def _call(self, kind: str, *args: PyTree) -> PyTree:
        args = tuple(numbers_of(name, it) for name, it in zip("xy", args, strict=False))
        program = self._program(kind, *args)
        known = bool(self._classes)
        self.check_targets(*args[1:])
        with self._surroundings(kind):
            values = program(np.uint32(self.steps), *args)
        if not known:  # they are, now that the program was traced
            self.check_targets(*args[1:])
        return values

    def _told(self, values: PyTree) -> PyTree:
        self.tell()
        return values

    def _surroundings(self, kind: str = "evaluate") -> contextlib.AbstractContextManager[object]:
        """What `brainstate.environ` says while a program of a kind is traced or run."""
        return brainstate.environ.context(dt=self.dt, fit=kind == "train")

    def _program(self, kind: str, *args: PyTree) -> Any:
        """The compiled program of a kind for batches of this size, to which the states are fit."""
        size = None if self.batching is None else _size(args)
        with self._surroundings(kind):
            if (size, self._shapes()) != self._fitted:
                self._fit_states(size)
            if (kind, size) not in self._compiled:
                objective = Objective(self.model, classes=self._classes, **self._wanted)
                build = getattr(self, f"_{kind}")
                self._compiled[kind, size] = build(objective, *args)
            return self._compiled[kind, size]

    def _fit_states(self, size: int | None) -> None:
        """Give the states a batch axis of this size, where they are to have one."""
        batch = {"batch_size": size} if self.batching == "axis" else {}
        brainstate.nn.init_all_states(self.model, **batch)
        self._short = list(carried_states(self.model).values())
        self._fitted = size, self._shapes()

    def _shapes(self) -> list[Shape]:
        """The shapes of the states, which others may have changed since they were made to fit."""
        return [np.shape(leaf) for state in self._short for leaf in jax.tree.leaves(state.value)]

    def _train(self, objective: Objective, x: PyTree, y: PyTree) -> Callable[..., PyTree]:
        """The program of a training step."""
        self.rule.prepare(objective, self.parameters, x, y)

        def gradients(x: PyTree, y: PyTree) -> PyTree:
            return self.rule.gradients(objective, self.parameters, x, y)

        if lost := unreached(lambda x, y: gradients(x, y)[0], x, y):
            raise ParameterError(
                f"{', '.join(lost)}: no gradient gets there, so that training would not change "
                "it. Does the loss depend on it, by floating-point spikes and states? "
                "parameters=... says which to train"
            )

        def step(number: Array, x: PyTree, y: PyTree) -> ByName:
            before = self._held.everything()
            with self._randomness(number):
                found, values = gradients(x, y)
            found = jax.tree.map(u.get_mantissa, found, is_leaf=is_quantity)
            proposed = self._change(found)
            after = self._held.everything()
            well = self._guard.note(
                number,
                inputs=self._inputs(x),
                loss=values["loss"],
                gradient=found,
                parameter={n: (proposed[n], new) for n, new in after["parameters"].items()},
            )
            self._held.put(jax.tree.map(functools.partial(jnp.where, well), after, before))
            squares = [jnp.sum(number**2) for number in jax.tree.leaves(found)]
            return {**values, "gradient_norm": jnp.sqrt(sum(squares, jnp.zeros(())))}

        return brainstate.transform.jit(step)

    def _evaluate(self, objective: Objective, x: PyTree, y: PyTree) -> Callable[..., PyTree]:
        def measure(number: Array, x: PyTree, y: PyTree) -> ByName:
            self._guard.note(number, inputs=self._inputs(x))
            with self._randomness(number):
                return objective(x, y)

        return brainstate.transform.jit(measure)

    def _predict(self, objective: Objective, x: PyTree) -> Callable[..., PyTree]:
        def run(number: Array, x: PyTree) -> PyTree:
            self._guard.note(number, inputs=self._inputs(x))
            with self._randomness(number):
                return objective.outputs(x)

        return brainstate.transform.jit(run)

    def _spiking(self, objective: Objective, x: PyTree) -> Callable[..., PyTree]:
        layers = list(spiking_layers(self.model))

        def run(number: Array, x: PyTree) -> PyTree:
            self._guard.note(number, inputs=self._inputs(x))
            with self._randomness(number):
                found = objective.means(x, [_spikes_of(name) for name in layers])
            return dict(zip(layers, found.values(), strict=True))

        return brainstate.transform.jit(run)

    def _inputs(self, x: PyTree) -> PyTree:
        """Inputs that have to be finite."""
        return x if may_be_checked(self._wanted["encoder"]) else None

    @contextlib.contextmanager
    def _randomness(self, number: Array) -> Iterator[None]:
        """What is drawn depends on the seed and the number of the step alone."""
        generator = brainstate.random.DEFAULT
        before = generator.value
        generator.value = jax.random.fold_in(self._key, number)
        yield
        generator.value = before

    def _change(self, gradients: ByName) -> ByName:
        """Let the optimizer change the parameters, within their conditions; what it proposed."""
        import optax

        numbers, optimizer = self._held.numbers(), self._held.optimizer
        try:
            changes, optimizer.value = self.optimizer.update(gradients, optimizer.value, numbers)
        except TypeError as error:
            raise InputError(
                f"optimizer: it stops with {error}. Is its learning rate a number or a schedule?"
            ) from error
        proposed: ByName = optax.apply_updates(numbers, changes)
        self._held.assign(proposed, within=self._conditions)
        return proposed


def _size(args: tuple[PyTree, ...]) -> int:
    sizes = {np.shape(leaf)[0] if np.ndim(leaf) else 0 for leaf in jax.tree.leaves(args)}
    if len(sizes) != 1 or 0 in sizes:
        raise InputError(
            "expected inputs and targets with samples along the first axis, as many of both, got "
            + ", ".join(f"shape {np.shape(leaf)}" for leaf in jax.tree.leaves(args))
        )
    return sizes.pop()


def _spikes_of(layer: str) -> str:
    """The name of the spikes of a layer, of which one that is the whole model has none."""
    return "spikes" if layer == "model" else f"{layer}.spikes"


def _with(y: PyTree, lengths: ArrayLike | None) -> PyTree:
    """Targets with the lengths of their sequences, where these are given."""
    if lengths is None:
        return y
    n_samples = len(jax.tree.leaves(y)[0])
    return Padded(numbers_of("y", y), lengths_of("lengths", lengths, n_samples))
