"""`Counterpart`: a module, its node in NIR, and how one becomes the other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import brainstate
import nir
import pluggy
from brainloom_core import function, instance_of, maybe, option_field
from brainloom_core.types import Scheme, Time

from .boundary import NIRError
from .report import Fate, Finding

__all__ = ["Context", "Counterpart", "brainloom_nir_nodes", "hookimpl"]

hookspec = pluggy.HookspecMarker("brainloom_nir")
hookimpl = pluggy.HookimplMarker("brainloom_nir")
"""Marks the function of a module that provides counterparts."""


@dataclass
class Context:
    """What is known where one node is converted, and what is to be reported of it.

    Attributes:
        name: Name of the node.
        shape: Shape of what arrives at the node, without batch axes.
        dt: The step, or None where it is not known.
        solver: Time-stepping scheme that was asked for, or None.
        spk_reset: Reset rule that was asked for, or None.
        strict: Whether imported neurons spike above threshold only, and not at it.
        findings: What was reported.
    """

    name: str
    shape: tuple[int, ...]
    dt: Time | None = None
    solver: Scheme | str | None = None
    spk_reset: str | None = None
    strict: bool = True
    findings: list[Finding] = field(default_factory=list)

    def report(self, what: str, fate: Fate, text: str) -> None:
        """Add a finding on this node.

        Args:
            what: What it is about: `"reset"`, `"units"`, ...
            fate: What becomes of it: `"kept"`, `"approximated"`, `"private"` or `"dropped"`.
            text: How, in words.
        """
        self.findings.append(Finding(self.name, what, fate, text))

    def step(self, why: str) -> Time:
        """The step, or an error that says why it is needed.

        Args:
            why: Why it is needed, the beginning of the error.

        Raises:
            NIRError: The step is not known.
        """
        if self.dt is None:
            raise NIRError(f"{self.name}: {why}. Give the step, for example dt=1 * u.ms")
        return self.dt


ToNode = Callable[[brainstate.nn.Module, Context], nir.NIRNode]
ToModule = Callable[[nir.NIRNode, Context], brainstate.nn.Module]


_class = instance_of(type, "a class")


@dataclass(frozen=True)
class Counterpart:
    """A module, its node in NIR, and how one becomes the other.

    Args:
        module: Class of the module; subclasses are not meant.
        node: Class of the node.
        to_node: Function of a module and a [`Context`][brainloom_nir.Context] that returns a node,
            or several that follow each other; None where a module is only read.
        to_module: Function of a node and a context that returns a module; None where a node is
            only written.

    Examples:
        >>> import nir, numpy as np
        >>> from brainloom_nir import Counterpart, LeakyIntegrator, to_nir
        >>> class Silent(LeakyIntegrator):
        ...     "One that nothing moves."
        >>> def write(module, context):
        ...     context.report("potential", "dropped", "it is always zero")
        ...     return nir.Scale(np.zeros(context.shape))
        >>> export = to_nir(Silent(2), counterparts=[Counterpart(Silent, nir.Scale, write)])
        >>> export.report.dropped
        (Finding(node='silent', what='potential', fate='dropped', text='it is always zero'),)
    """

    module: type = option_field(constraint=_class)
    node: type = option_field(constraint=_class)
    to_node: ToNode | None = option_field(default=None, constraint=maybe(function))
    to_module: ToModule | None = option_field(default=None, constraint=maybe(function))


@hookspec
def brainloom_nir_nodes() -> Iterable[Counterpart]:  # type: ignore[empty-body]
    """Counterparts of the modules of a distribution.

    It is found through an entry point in the group `brainloom_nir`, whose value is a module with
    this function, marked with `hookimpl`.
    """
