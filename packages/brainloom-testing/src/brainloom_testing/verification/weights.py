"""What a rule that changes weights can be held to: the same for one synapse, by hand."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import brainunit as u
import numpy as np

from ..running import in_float64
from ..things.plasticity import START, TOLERANCE, SlowReference, learned
from .records import Kind, Record

__all__ = ["Strengths"]


@dataclass(frozen=True)
class Strengths:
    """Strengths after random spikes, against a slow reference of one synapse.

    Args:
        slow: A function of the first strength, of the times of presynaptic and of postsynaptic
            spikes in ms, ascending whole numbers up to 120, that returns the last strength.
        arguments: Constructor arguments of the rule; `w_max` is 1 mS.
        source: Where the rule comes from.
        reason: Why the tolerance is what it is.
        kind: Kind of reference, of `KINDS`.
    """

    slow: SlowReference
    arguments: dict[str, Any]
    source: str
    reason: str = "float64: some hundred updates of numbers of order 1"
    kind: Kind = "closed form"

    def records(self, cls: Callable[..., Any]) -> Iterable[Record]:
        """One record, of the synapse that is furthest off."""
        with in_float64():
            name, found = learned(lambda: cls(w_max=1.0 * u.mS, **self.arguments), 1.0 * u.mS)
        errors = []
        for (i, j), strength in np.ndenumerate(found.strength):
            pre, post = np.flatnonzero(found.pre[:, i]), np.flatnonzero(found.post[:, j])
            errors.append(abs(float(self.slow(START, pre, post)) - float(strength)))
        facts = "synapse by synapse", self.kind, max(errors), TOLERANCE, ""
        yield Record(name, *facts, self.source, self.reason)
