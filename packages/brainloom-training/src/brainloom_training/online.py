"""Online learning rules, which carry eligibility traces forward in place of the past."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import brainstate
import jax
import jax.numpy as jnp
from brainloom_core import InputError, ParameterError, option_field, text
from brainloom_core.types import Array, PyTree
from brainloom_core.units import show

from .objective import Objective
from .padding import Padded
from .products import products_through
from .rolling import in_step
from .types import ByName

__all__ = ["Online"]


@dataclass(frozen=True)
class Online:
    r"""A rule of `braintrace`: gradients are found on the way forward, without keeping the past.

    Each trained weight has an eligibility trace, and the memory does not grow with the length of
    a sequence. The loss is that of the outputs of each step, averaged over time:
    $\frac{1}{T} \sum_t L(y_t)$. Trained are weights whose products the rule can see, those of
    `Linear`, `LeakyRateReadout` and `LeakySpikeReadout`; other parameters are refused.

    It needs `python -m pip install "brainloom-training[online]"`.

    Args:
        algorithm: Name in `braintrace`: `"eprop"`, `"d_rtrl"`, `"pp_prop"`, ...
        options: Its options.

    References:
        Bellec et al. (2020), Nature Communications 11, 3625, doi:10.1038/s41467-020-17236-y
        (e-prop); `braintrace` describes the others.
    """

    algorithm: str = option_field(constraint=text)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.options, Mapping):
            raise ParameterError(
                f"Online.options: expected a mapping from names, got {show(self.options)}"
            )

    def prepare(
        self, objective: Objective, states: dict[str, brainstate.ParamState], x: PyTree, y: PyTree
    ) -> None:
        """Build the learner, and refuse what it cannot train.

        Args:
            objective: The loss of the model on a batch.
            states: The parameters to train, by name.
            x: Inputs of a batch such as those to come, samples first.
            y: Its targets, samples first.

        Raises:
            InputError: The objective asks for something that is not the output of a step.
            ParameterError: It would not train one of the parameters.
        """
        braintrace = _braintrace()
        self._check(objective, y)
        xs = objective.sequence(x)
        batch = {"batch_size": xs.shape[1]} if objective.batching == "axis" else {}
        with products_through(braintrace.matmul), in_step(0):
            learner = braintrace.compile(
                objective.model, self.algorithm, xs[0], **batch, **self.options
            )
        blind = {".".join(map(str, path)) for path, _ in learner.report.excluded_weights}
        if lost := sorted(blind & states.keys()):
            raise ParameterError(
                f"{', '.join(lost)}: {self.algorithm} would not train it. It sees the weights of "
                "brainloom_training.Linear (not those of brainstate.nn.Linear) and of the "
                "readouts; parameters=... says which to train, and 'bptt' trains anything"
            )
        objective.renew()
        objective.learner = learner

    def gradients(
        self, objective: Objective, states: dict[str, brainstate.ParamState], x: PyTree, y: PyTree
    ) -> tuple[ByName, ByName]:
        """Gradients by name of parameter, and the values of loss and metrics.

        Args:
            objective: The loss of the model on a batch, with what else is measured.
            states: The parameters to train, by name.
            x: Inputs of a batch, samples first.
            y: Its targets, samples first.
        """
        xs = objective.sequence(x)
        learner = objective.learner
        objective.reset()
        learner.reset_state(xs.shape[1] if objective.batching == "axis" else None)

        def step(x: PyTree, i: Array) -> tuple[PyTree, PyTree]:
            with in_step(i):
                output = learner(x)
            one = jax.tree.map(lambda value: value[None], output)
            return objective.measure_outputs("loss", one, y), output

        with products_through(_braintrace().matmul):
            found, losses, outputs = learner.etrace_grad(
                xs,
                jnp.arange(len(xs)),
                step_fn=step,
                weights=states,
                has_aux=True,
                return_value=True,
            )
        metrics = {name: objective.measure_outputs(name, outputs, y) for name in objective.metrics}
        return found, {"loss": losses.mean(), **metrics}

    def _check(self, objective: Objective, y: PyTree) -> None:
        refused = {
            "lengths of sequences": isinstance(y, Padded),
            "batching='vmap'": objective.batching == "vmap",
            "read": objective.read is not None,
            "regularizers": bool(objective.penalties),
            "n_steps": objective.n_steps is not None,
        }
        if named := [name for name, given in refused.items() if given]:
            raise InputError(
                f"{self.algorithm} cannot be used with {', '.join(named)}: it takes what the model "
                "returns in each step, and nothing else. 'bptt' can"
            )


def _braintrace() -> ModuleType:
    try:
        import braintrace
    except ImportError as error:
        raise ImportError(
            "online learning rules need braintrace: "
            'python -m pip install "brainloom-training[online]"'
        ) from error
    return braintrace
