"""The kinds of things that plugins provide, in one place."""

import datetime
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..equations import nearest
from ..errors import PluginError

__all__ = ["KINDS", "Kind", "kind_of"]


@dataclass(frozen=True)
class Kind:
    """A kind of things that plugins provide, each kind by a hook of its own.

    Args:
        name: What one of them is called, `"surrogate"`; by it, `get` finds things of the kind.
        plural: What many are called; the hook is `brainloom_` and this.
        what: What it is, in a few words.
        base: The class that each has to be or to derive from, as `"module:attribute"`.
        methods: What each has to have where it need not derive from a class.
        named: Where a name is taken in place of the thing itself.
        checks: What the conformance kit holds things of the kind to.
        api: The versions of the kind's contract that this version of core understands.
        outdated: Of these versions, those that will be dropped: on which day, and what to do.

    Examples:
        >>> from brainloom_core.plugins import KINDS
        >>> KINDS["surrogate"].hook
        'brainloom_surrogates'
    """

    name: str
    plural: str
    what: str
    base: str | None = None
    methods: tuple[str, ...] = ()
    named: str = ""
    checks: str = ""
    api: range = range(1, 2)
    outdated: Mapping[int, tuple[datetime.date, str]] = field(default_factory=dict, compare=False)

    @property
    def hook(self) -> str:
        """Name of the hook."""
        return f"brainloom_{self.plural}"

    @property
    def is_used(self) -> bool:
        """Whether its things are used in programs by their names; cases have those of models."""
        return self.name not in ("case", "kernel")

    def fault(self, thing: object) -> str | None:
        """Why something is not of this kind, None where it is.

        Args:
            thing: What a plugin registers; a function that makes things of the kind will do.
        """
        if self.methods and all(callable(getattr(thing, name, None)) for name in self.methods):
            return None
        base = _found(self.base) if self.base else None
        if base is not None and isinstance(thing, base):
            return None
        if isinstance(thing, type):
            makes = base is None or issubclass(thing, base)
        else:
            makes = callable(thing)
        return None if makes else f"expected {self._expected()}, got {thing!r}"

    def one_of(self, thing: Any) -> Any:
        """A thing of the kind, of what a plugin registers: that itself, or what it makes.

        Args:
            thing: A thing of the kind, or a class or function that makes one without arguments.
        """
        base = _found(self.base) if self.base else None
        is_one = not isinstance(thing, type) and (
            isinstance(thing, base) if base else bool(self.methods) and self.fault(thing) is None
        )
        return thing if is_one else thing()

    def _expected(self) -> str:
        if self.methods:
            return f"something that has {' and '.join(self.methods)}"
        if self.base is None:
            return "a class or a function"
        return f"a class that derives from {self.base.replace(':', '.')}, or a function"


def _found(target: str) -> type | None:
    """The class of a kind; None where the package that has it is not installed."""
    module, _, attribute = target.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ImportError:
        return None
    return found if isinstance(found, type) else None


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind(
                "model",
                "models",
                "a neuron, a synapse, a source of spikes or currents, a projection",
                base="brainstate.nn:Module",
                named="`bl.NAME`, `get_model`",
                checks="equations, states, units, solvers, gradients, execution, texts",
            ),
            Kind(
                "output",
                "outputs",
                "what a synapse does to its target",
                base="brainloom_core:SynOut",
                named="`bl.NAME`",
                checks="parameters, units, gradients, execution, texts",
            ),
            Kind(
                "rule",
                "rules",
                "a connectivity rule",
                base="brainloom_projections:Rule",
                named="`Connection(rule=…)` and `connect(rule=…)`",
                checks="neurons that exist, the same edges for a seed, autapses and multapses",
            ),
            Kind(
                "surrogate",
                "surrogates",
                "a spike function with a derivative of its own",
                base="brainloom_core:Surrogate",
                named="`spk_fun=…` of every neuron",
                checks="step, and a derivative that is finite and largest at the threshold",
            ),
            Kind(
                "plasticity rule",
                "plasticity_rules",
                "a rule that changes weights",
                base="brainloom_plasticity:PlasticityRule",
                named="`PlasticProj(rule=…)`",
                checks="bounds, precision, repetition, and the author's slow reference",
            ),
            Kind(
                "learning rule",
                "learning_rules",
                "a way to find gradients",
                methods=("prepare", "gradients"),
                named="`fit(rule=…)`",
                checks="gradients for all parameters, finite, repeatable and along which it learns",
            ),
            Kind(
                "encoder",
                "encoders",
                "what makes spikes or currents of data",
                named="`get`",
                checks="time first, one length for all, finite, the same for a seed, compiled too",
            ),
            Kind(
                "readout",
                "readouts",
                "what reads the result off a network",
                base="brainstate.nn:Module",
                named="`bl.NAME`",
                checks="as a model",
            ),
            Kind(
                "loss",
                "losses",
                "what is to become small in training",
                base="brainloom_training:Loss",
                named="`fit(loss=…)`",
                checks="being a number, with a finite gradient",
            ),
            Kind(
                "format",
                "formats",
                "a file of recordings, which writes and reads",
                methods=("write", "read"),
                named="`Recording.save(format=…)` and `Recording.load(format=…)`",
                checks="reading what was written: spikes, trials, lags, traces, units, times",
            ),
            Kind(
                "callback",
                "callbacks",
                "what is called with the history after each epoch of training",
                methods=("__call__",),
                named="`fit(on_epoch=…)` and `fit(callbacks=[…])`",
                checks="that training has the same results with it",
            ),
            Kind(
                "case",
                "cases",
                "how the conformance kit makes and drives what has this name",
                base="brainloom_testing:Case",
                named="`brainloom plugin check`",
            ),
            Kind("dataset", "datasets", "a loader of data", named="`get`"),
            Kind(
                "kernel",
                "kernels",
                "an implementation of an operation",
                named="`use_kernel`, `BRAINLOOM_KERNELS`",
                checks="values, derivatives and batches, eager and compiled, in both precisions",
            ),
        )
    }
)
"""The kinds by name."""


def kind_of(name: str) -> Kind:
    """The kind of this name or plural.

    Raises:
        PluginError: There is none.
    """
    for kind in KINDS.values():
        if name in (kind.name, kind.plural, kind.name.replace(" ", "_")):
            return kind
    near = nearest(name, KINDS) if isinstance(name, str) else None
    meant = f". Did you mean {near!r}?" if near else ""
    raise PluginError(f"There is no kind {name!r}; there are {', '.join(KINDS)}{meant}")
