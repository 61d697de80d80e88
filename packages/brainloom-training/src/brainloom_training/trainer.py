"""`Trainer`: one step of training at a time, for loops of your own; `fit` is such a loop."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError, ParameterError
from brainloom_core.units import same_dimension, show, with_unit

from .checkpoint import CheckpointError, load_arrays, save_arrays
from .objective import Objective
from .parameters import conditions, trainable
from .reach import unreached
from .rollout import kept_states
from .rules import LearningRule, get_rule

__all__ = ["Trainer"]


class Trainer:
    r"""A model, a loss and an optimizer: what a training loop needs, one step at a time.

    A step runs the model over a batch from its initial states, finds the gradient of the loss by
    the learning rule, and lets the optimizer change the trainable parameters. The optimizer sees
    plain numbers, those of the parameters in the units that they have; conditions that a model
    declares (a time constant is positive, a threshold above its reset) hold after each step.

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
        InputError: The rule cannot train this model, or is not known.

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
        model: Any,
        loss: Callable[..., Any],
        optimizer: Any = None,
        *,
        rule: str | LearningRule = "bptt",
        parameters: str | tuple[str, ...] | None = None,
        metrics: Mapping[str, Callable[..., Any]] | None = None,
        regularizers: Mapping[str, Any] | None = None,
        constraints: Mapping[str, Any] | None = None,
        clip_norm: float | None = None,
        encoder: Callable[[Any], Any] | None = None,
        read: Any = None,
        n_steps: int | None = None,
        batching: Literal["axis", "vmap"] | None = "axis",
        dt: Any = None,
        seed: int = 0,
    ) -> None:
        import optax

        if batching not in ("axis", "vmap", None):
            raise InputError(f"batching: expected 'axis', 'vmap' or None, got {show(batching)}")
        self.model, self.rule, self.batching = model, get_rule(rule), batching
        self.dt = brainstate.environ.get_dt() if dt is None else dt
        if not same_dimension(self.dt, u.ms) or not float(u.get_mantissa(self.dt)) > 0:
            raise InputError(f"dt: expected a time > 0, got {show(self.dt)}")
        names = (parameters,) if isinstance(parameters, str) else parameters or ()
        self.parameters = trainable(model, *names)
        if not self.parameters:
            raise ParameterError(
                f"{type(model).__name__} has nothing to train: expected a ParamState somewhere; "
                "make_trainable(model, 'E.tau') makes one"
            )
        kept = conditions(model, constraints)
        self._conditions = {n: keep for n, keep in kept.items() if n in self.parameters}
        optimizer = optax.adam(1e-3) if optimizer is None else optimizer
        if clip_norm is not None:
            optimizer = optax.chain(optax.clip_by_global_norm(clip_norm), optimizer)
        self.optimizer = optimizer
        self.steps = 0
        self._key = jax.random.key(seed)
        self._optimizer_state = brainstate.LongTermState(optimizer.init(self._numbers()))
        self._held: list[brainstate.State] = []
        self._fitted: Any = None
        self._wanted = {
            "loss": loss,
            "metrics": dict(metrics or {}),
            "penalties": dict(regularizers or {}),
            "encoder": encoder,
            "read": read,
            "n_steps": n_steps,
            "batching": batching,
        }
        self._compiled: dict[Any, Any] = {}

    def step(self, x: Any, y: Any) -> dict[str, jax.Array]:
        """Change the parameters by the gradient of a batch.

        Args:
            x: Inputs, samples first: `(B, T, n_in)`, or what the encoder takes; None for none.
            y: Targets, samples first.

        Returns:
            The loss and the metrics before the change, and the norm of the gradient.
        """
        values = self._call("train", x, y)
        self.steps += 1
        return values

    def evaluate(self, x: Any, y: Any) -> dict[str, jax.Array]:
        """The loss and the metrics on a batch; nothing is changed.

        Args:
            x: Inputs, samples first, as of `step`.
            y: Targets, samples first.
        """
        return self._call("evaluate", x, y)

    def predict(self, x: Any) -> Any:
        """Outputs of the model on a batch, time first.

        Args:
            x: Inputs, samples first, as of `step`.

        Returns:
            Outputs, shape `(T, B, n_out)`.
        """
        return self._call("predict", x)

    def memory(self, x: Any, y: Any) -> int:
        """The bytes that a training step on such a batch needs besides its inputs and states.

        Args:
            x: Inputs, samples first, as of `step`.
            y: Targets, samples first.
        """
        step = self._program("train", x, y)
        with brainstate.environ.context(dt=self.dt):
            compiled = step.lower(jnp.uint32(self.steps), x, y).compile()
        return int(compiled.memory_analysis().temp_size_in_bytes)

    def save(self, path: str | os.PathLike[str], about: Any = None) -> None:
        """Write all that later steps depend on, and whatever JSON can hold, to a file.

        The file is of the safetensors format, which holds numbers and no code. It replaces an
        earlier one as a whole, so that a process may be killed at any time.

        Args:
            path: The file.
            about: What else to keep, anything that JSON can hold; None.
        """
        save_arrays(path, self.snapshot(), {"steps": self.steps, "about": about})

    def load(self, path: str | os.PathLike[str]) -> Any:
        """Go on from where another trainer of the same make was; returns what was saved about it.

        Args:
            path: The file, which `save` wrote.

        Raises:
            CheckpointError: The file is not of such a trainer; nothing has been changed.
        """
        arrays, saved = load_arrays(path)
        self.restore(arrays, path)
        self.steps = saved["steps"]
        return saved["about"]

    def snapshot(self) -> dict[str, np.ndarray]:
        """All that later steps depend on besides their number, as arrays by name."""
        return _named(self._everything())[0]

    def restore(self, arrays: Mapping[str, np.ndarray], source: Any = "restore") -> None:
        """Return to a snapshot.

        Args:
            arrays: The arrays by name, as `snapshot` gives them.
            source: Where they come from, for the text of an error.

        Raises:
            CheckpointError: It is one of another model or optimizer; nothing has been changed.
        """
        named, tree = _named(self._everything())
        mine, theirs = (
            {(name, array.shape, str(array.dtype)) for name, array in found.items()}
            for found in (named, arrays)
        )
        if differing := sorted({name for name, *_ in mine ^ theirs}):
            raise CheckpointError(
                f"{source}: it belongs to another model or optimizer, with another {differing[0]}"
            )
        found = jax.tree.unflatten(tree, [jnp.asarray(arrays[name]) for name in named])
        self._assign(found["parameters"])
        self._optimizer_state.value = found["optimizer"]
        for name, state in self._others().items():
            state.value = found["states"][name]

    # Steps

    def _call(self, kind: str, *args: Any) -> Any:
        program = self._program(kind, *args)
        with brainstate.environ.context(dt=self.dt):
            return program(jnp.uint32(self.steps), *args)

    def _program(self, kind: str, *args: Any) -> Any:
        """The compiled program of a kind for batches of this size, to which the states are fit."""
        size = None if self.batching is None else _size(args)
        with brainstate.environ.context(dt=self.dt):
            if (size, self._shapes()) != self._fitted:
                self._fit_states(size)
            if (kind, size) not in self._compiled:
                build = getattr(self, f"_{kind}")
                self._compiled[kind, size] = build(Objective(self.model, **self._wanted), *args)
            return self._compiled[kind, size]

    def _fit_states(self, size: int | None) -> None:
        """Give the states a batch axis of this size, where they are to have one."""
        batch = {"batch_size": size} if self.batching == "axis" else {}
        brainstate.nn.init_all_states(self.model, **batch)
        self._held = list(kept_states(self.model).values())
        self._fitted = size, self._shapes()

    def _shapes(self) -> list[Any]:
        """The shapes of the states, which others may have changed since they were made to fit."""
        return [np.shape(leaf) for state in self._held for leaf in jax.tree.leaves(state.value)]

    def _train(self, objective: Objective, x: Any, y: Any) -> Callable[..., Any]:
        """The program of a training step."""
        self.rule.prepare(objective, self.parameters, x, y)

        def gradients(x: Any, y: Any) -> Any:
            return self.rule.gradients(objective, self.parameters, x, y)

        if lost := unreached(lambda x, y: gradients(x, y)[0], x, y):
            raise ParameterError(
                f"{', '.join(lost)}: no gradient gets there, so that training would not change "
                "it. Does the loss depend on it, by floating-point spikes and states? "
                "parameters=... says which to train"
            )

        def step(number: Any, x: Any, y: Any) -> dict[str, Any]:
            with self._randomness(number):
                found, values = gradients(x, y)
            found = jax.tree.map(u.get_mantissa, found, is_leaf=_is_quantity)
            self._change(found)
            squares = [jnp.sum(number**2) for number in jax.tree.leaves(found)]
            return {**values, "gradient_norm": jnp.sqrt(sum(squares, jnp.zeros(())))}

        return brainstate.transform.jit(step)

    def _evaluate(self, objective: Objective, x: Any, y: Any) -> Callable[..., Any]:
        def measure(number: Any, x: Any, y: Any) -> dict[str, Any]:
            with self._randomness(number):
                return objective(x, y)

        return brainstate.transform.jit(measure)

    def _predict(self, objective: Objective, x: Any) -> Callable[..., Any]:
        def run(number: Any, x: Any) -> Any:
            with self._randomness(number):
                return objective.outputs(x)

        return brainstate.transform.jit(run)

    @contextlib.contextmanager
    def _randomness(self, number: Any) -> Iterator[None]:
        """What is drawn depends on the seed and the number of the step alone."""
        generator = brainstate.random.DEFAULT
        before = generator.value
        generator.value = jax.random.fold_in(self._key, number)
        yield
        generator.value = before

    def _change(self, gradients: dict[str, Any]) -> None:
        """Let the optimizer change the parameters, within their conditions."""
        import optax

        numbers = self._numbers()
        changes, state = self.optimizer.update(gradients, self._optimizer_state.value, numbers)
        self._optimizer_state.value = state
        self._assign(optax.apply_updates(numbers, changes), within=self._conditions)

    # Parameters as plain numbers

    def _numbers(self) -> dict[str, Any]:
        values = {name: state.value for name, state in self.parameters.items()}
        return jax.tree.map(
            lambda value: jnp.asarray(u.get_mantissa(value)), values, is_leaf=_is_quantity
        )

    def _assign(self, numbers: dict[str, Any], within: Mapping[str, Any] | None = None) -> None:
        for name, state in self.parameters.items():
            new = jax.tree.map(
                lambda value, number: with_unit(number, u.get_unit(value)),
                state.value,
                numbers[name],
                is_leaf=_is_quantity,
            )
            if within is not None and name in within:
                new = jax.tree.map(within[name], state.value, new, is_leaf=_is_quantity)
            state.value = new

    # Checkpoints

    def _everything(self) -> dict[str, Any]:
        """All that later steps depend on, besides their number."""
        others = {name: state.value for name, state in self._others().items()}
        held = self._optimizer_state.value
        return {"parameters": self._numbers(), "optimizer": held, "states": others}

    def _others(self) -> dict[str, brainstate.State]:
        """States that are neither trained nor set to their initial values before each batch."""
        states = self.model.states().items()
        return {
            ".".join(map(str, path)): state
            for path, state in states
            if not isinstance(state, (brainstate.ParamState, brainstate.ShortTermState))
        }


def _size(args: tuple[Any, ...]) -> int:
    sizes = {np.shape(leaf)[0] if np.ndim(leaf) else 0 for leaf in jax.tree.leaves(args)}
    if len(sizes) != 1 or 0 in sizes:
        raise InputError(
            "expected inputs and targets with samples along the first axis, as many of both, got "
            + ", ".join(f"shape {np.shape(leaf)}" for leaf in jax.tree.leaves(args))
        )
    return sizes.pop()


def _named(tree: Any) -> tuple[dict[str, np.ndarray], Any]:
    """The leaves of a tree as arrays by name, in order, and its structure."""
    leaves, structure = jax.tree.flatten_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}, structure


def _is_quantity(value: Any) -> bool:
    return isinstance(value, u.Quantity)
