"""Learning rules by name: how the gradient of a loss over a sequence is found."""

from dataclasses import dataclass
from typing import Literal, Protocol, cast

import brainstate
from brainloom_core import Constraint, InputError, PluginError, flag, option_field, whole
from brainloom_core.plugins import made
from brainloom_core.types import Array, PyTree
from brainloom_core.units import show

from .eventprop import check_eventprop
from .objective import Objective
from .online import Online
from .types import ByName

__all__ = ["BPTT", "RULES", "EventProp", "LearningRule", "Online", "get_rule"]


class LearningRule(Protocol):
    """A way to find gradients."""

    def prepare(
        self, objective: Objective, states: dict[str, brainstate.ParamState], x: PyTree, y: PyTree
    ) -> None:
        """Raise, with the reason, if this rule cannot train this; make what `gradients` needs.

        Args:
            objective: The loss of the model on a batch, with what else is measured.
            states: The parameters to train, by name.
            x: Inputs of a batch such as those to come, samples first.
            y: Its targets, samples first.
        """

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


_pieces = Constraint(
    "a whole number >= 1, 'auto' or None", lambda n: n is None or n == "auto" or whole.holds(n)
)


@dataclass(frozen=True)
class BPTT:
    r"""Backpropagation through time.

    Args:
        segment: Number of steps in a piece of the sequence between which states are kept, `"auto"`
            for $\sqrt{T}$, None to keep everything; see `rollout`.
        truncate: Whether gradients end where pieces begin.

    References:
        Werbos (1990), Proceedings of the IEEE 78, 1550, doi:10.1109/5.58337;
        Chen et al. (2016), arXiv:1604.06174 (pieces);
        Williams & Peng (1990), Neural Computation 2, 490, doi:10.1162/neco.1990.2.4.490
        (truncation).
    """

    segment: int | Literal["auto"] | None = option_field(default=None, constraint=_pieces)
    truncate: bool = option_field(default=False, constraint=flag)

    def prepare(
        self, objective: Objective, states: dict[str, brainstate.ParamState], x: PyTree, y: PyTree
    ) -> None:
        """Every model can be trained in this way.

        Args:
            objective: The loss of the model on a batch.
            states: The parameters to train, by name.
            x: Inputs of a batch, samples first.
            y: Its targets, samples first.
        """

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

        def loss() -> tuple[Array, ByName]:
            values = objective(x, y, segment=self.segment, detach=self.truncate)
            return values["loss"], values

        return brainstate.transform.grad(loss, states, has_aux=True, check_states=False)()


class EventProp(BPTT):
    """Exact gradients of spike times, for models whose neurons are `EventPropLIF`.

    The layers carry the rule out themselves, each over the whole sequence; this sees to it that
    nothing else in the model would have another gradient.

    Args:
        segment: Number of steps in a piece of the sequence, as of `BPTT`, None.
        truncate: Whether gradients end where pieces begin, False.

    References:
        Wunderlich & Pehle (2021), Scientific Reports 11, 12829, doi:10.1038/s41598-021-91786-z.
    """

    def prepare(
        self, objective: Objective, states: dict[str, brainstate.ParamState], x: PyTree, y: PyTree
    ) -> None:
        """Refuse a model that is not made of such layers, or would be run step by step."""
        check_eventprop(objective.model)
        if objective.read is not None or objective.watched:
            raise InputError(
                "eventprop takes what the model returns: expected neither read nor regularizers "
                f"of states, got {[objective.read, *objective.watched]}"
            )


bptt = BPTT()
bptt_checkpointed = BPTT(segment="auto")
tbptt = BPTT(segment="auto", truncate=True)
eventprop = EventProp()
d_rtrl = Online("d_rtrl")
eprop = Online("eprop")
pp_prop = Online("pp_prop", {"decay_or_rank": 0.95})

RULES: dict[str, LearningRule] = {
    "bptt": bptt,
    "bptt-checkpointed": bptt_checkpointed,
    "tbptt": tbptt,
    "eventprop": eventprop,
    "d-rtrl": d_rtrl,
    "eprop": eprop,
    "pp-prop": pp_prop,
}
"""Our learning rules by name, any of which is a `rule` of `fit` and `Trainer`."""


def get_rule(rule: str | LearningRule) -> LearningRule:
    """The rule of this name; a rule is returned as it is.

    Args:
        rule: Its name in `RULES`, or that under which a plugin registers one, or a rule.

    Raises:
        InputError: There is no rule of this name.
    """
    if all(hasattr(rule, part) for part in ("prepare", "gradients")):
        return cast(LearningRule, rule)
    if not isinstance(rule, str):
        raise InputError(f"rule: expected one of {', '.join(map(repr, RULES))}, got {show(rule)}")
    if rule in RULES:
        return RULES[rule]
    try:
        found: LearningRule = made("learning rule", rule)
    except PluginError as error:
        raise InputError(
            f"rule: expected one of {', '.join(map(repr, RULES))}, or the name of a plugin's, got "
            f"{show(rule)}. {error}"
        ) from error
    return found
