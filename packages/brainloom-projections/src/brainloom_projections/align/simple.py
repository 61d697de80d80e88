"""`Projection`: two populations joined, with sizes, spikes and alignment found."""

from collections.abc import Callable
from typing import Any

import brainstate
from brainloom_core import InputError
from brainloom_core import Projection as Base
from brainloom_core.types import Array, Population, Quantity, Time
from brainloom_core.units import show

from ..connect import connected
from ..connection.connection import Connection
from ..connection.edges import Edges
from ..parts.describe import described, in_a_line
from ..parts.parts import Method, Part, Timing
from ..rules.basic import Rule
from ..types import Described, EdgeValue, Side
from .explain import explained
from .post import AlignPostProj
from .pre import AlignPreProj

__all__ = ["Projection"]


class _Shown:
    """An attribute of the projection that does the work; a container may have one of its own."""

    name: str

    def __init__(self, of: str = "") -> None:
        self.of = of

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, projection: Any, owner: type | None = None) -> Any:
        if projection is None:
            return self
        if (holder := self._holder(projection)) is not None:
            return getattr(holder, self.name)
        if self.name in vars(projection):
            return vars(projection)[self.name]
        raise AttributeError(f"{type(projection).__name__} is a container and has no {self.name!r}")

    def __set__(self, projection: brainstate.nn.Module, value: Any) -> None:
        if (holder := self._holder(projection)) is None:
            vars(projection)[self.name] = value
        else:
            setattr(holder, self.name, value)

    def _holder(self, projection: brainstate.nn.Module) -> Any:
        aligned = vars(projection).get("aligned")
        return getattr(aligned, self.of) if aligned is not None and self.of else aligned


class Projection(Base):
    r"""Joins two populations; or, without arguments, the base class and container of projections.

    Sizes are those of the populations, the spikes are `pre.get_spike()`, and of the two ways to
    keep synaptic states,

    $$
    \dot g_j = f(g_j) + \sum_i w_{ij}\,s_i(t) \quad \text{(AlignPost)}, \qquad
    \dot g_i = f(g_i, s_i),\; G_j = \sum_i w_{ij}\,g_i \quad \text{(AlignPre)},
    $$

    the cheapest that is exact is chosen: AlignPost, whose cost follows the spikes, for a synapse
    that is linear in its input, and AlignPre for any other. `explain` says which, and why.

    A step of a network calls projections first, then populations. A call with an argument takes
    it for the spikes. `Projection()` with other projections as attributes calls them in order,
    and a subclass may write an `update` of its own.

    Args:
        pre: The presynaptic population or a view of one, `population[:800]`; or the size, if the
            spikes are given in each call.
        post: The postsynaptic population, or a view of one.
        connectivity: A rule such as `Bernoulli(0.1)`, `Edges`, a `Connection`, or another module
            or function that takes spikes and gives what reaches each postsynaptic neuron.
        synapse: A synapse: described, `Expon.desc(tau=...)`; a class, for its defaults; or an
            instance with the size of the population whose neurons have the states.
        output: A synaptic output: described, a class, or an instance.
        weight: Weights with unit, as for `Connection`, where `connectivity` is a rule or `Edges`.
        stp: Short-term plasticity, described, a class, or an instance with the size of `pre`.
        delay: Delay from a spike to its effect, None for none: a time, at least zero, in steps
            `round(delay / dt)`; a scalar, one per presynaptic neuron, one per edge, or a function
            that draws one for each edge of a rule, such as `Uniform(...)`; may be trainable, a
            `brainstate.ParamState`.
        max_delay: Longest delay, needed where it is trained.
        interpolate: Whether a delay between two steps is taken as it is, False.
        label: Name under which the current is registered, for `sum_current_inputs(label=...)`.
        seed: Seed of random connectivity; None draws one from `brainstate.random`.
        align: `"post"` or `"pre"` to choose the alignment; None for the cheapest that is exact.
        name: Name of the module.

    Attributes:
        aligned: The projection that does the work, an `AlignPostProj` or `AlignPreProj`; None for
            a container.
        comm: Its connectivity.
        syn: Its synapse.
        out: Its output.
        stp: Its short-term plasticity, or None.
        delay: Its line of delays, or None. To assign a time changes it from the next step on;
            what is under way arrives when it would have.
        post: The postsynaptic population, or the view of one.
        pre: The presynaptic population, the view of one, or its size.
        label: The name under which the current is registered, or None.
        weight: The weights of the connectivity, `comm.weight`, which can be assigned.

    Raises:
        TypeError: A part is missing or of the wrong kind.
        UnitError: The units of weights, synapse, output and population do not fit together.
        ValueError: Sizes do not fit, or the alignment that is asked for is not exact.
        ParameterError: The delay has the wrong unit, shape or range.
        InputError: There are no spikes, or they have the wrong shape.

    References:
        Brette et al. (2007), J. Comput. Neurosci. 23, 349, doi:10.1007/s10827-007-0038-6.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import LIF
        >>> from brainloom_synapses import COBA, Expon
        >>> from brainloom_projections import Bernoulli, Projection
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> cell = {"R": 100 * u.Mohm, "V_th": -50 * u.mV, "V_rest": -60 * u.mV,
        ...         "V_reset": -60 * u.mV, "V_initializer": -60 * u.mV}
        >>> pre, post = LIF(100, **cell), LIF(50, **cell)
        >>> proj = Projection(pre, post, Bernoulli(0.1), Expon.desc(tau=5 * u.ms),
        ...                   COBA.desc(E=0 * u.mV), weight=0.6 * u.nS)
        >>> print(proj.explain())
        AlignPost: one state of Expon for each of the 50 postsynaptic neurons.
        Expon is linear in its input, so one state of the summed input is exact.
        Only spikes are delivered.
        >>> _ = brainstate.nn.init_all_states([pre, post, proj])
        >>> proj()
        >>> _ = pre(), post()
    """

    pre = Part()
    comm, syn, out, stp, delay, post, label = (_Shown() for _ in range(7))
    weight = _Shown(of="comm")

    def __init__(
        self,
        pre: Side | None = None,
        post: Population | None = None,
        connectivity: str | Rule | Edges | Connection | Callable[..., Quantity] | None = None,
        synapse: Described | None = None,
        output: Described | None = None,
        *,
        weight: EdgeValue | None = None,
        stp: Described | None = None,
        delay: EdgeValue | None = None,
        max_delay: Time | None = None,
        interpolate: bool = False,
        label: str | None = None,
        seed: int | None = None,
        align: str | None = None,
        name: str | None = None,
    ) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"Projection.name: expected a text, got {show(name)}")
        super().__init__(name=name)
        self.aligned: AlignPostProj | AlignPreProj | None = None
        self._spikes: Callable[[], Array] | None = None
        parts: dict[str, Any] = {
            "pre": pre,
            "post": post,
            "connectivity": connectivity,
            "synapse": synapse,
            "output": output,
        }
        missing = [part for part, value in parts.items() if value is None]
        rest = (weight, stp, delay, max_delay, label, seed, align)
        if len(missing) == len(parts) and all(x is None for x in rest) and interpolate is False:
            return
        if missing:
            raise TypeError(
                f"Projection: {', '.join(missing)} missing. It needs pre, post, connectivity, "
                "synapse and output (for jumps without a synapse use DeltaProj), or nothing at "
                "all, as a container of projections"
            )
        timing = Timing.of(delay, max_delay, interpolate)
        aligned = connected(
            **parts, weight=weight, stp=stp, timing=timing, label=label, seed=seed, align=align
        )
        self._spikes = Method.of(getattr(pre, "get_spike", None))
        self.pre, self.aligned = pre, aligned

    def update(self, *args: Array) -> None:
        """Deliver this step's spikes: those of `pre`, or the given ones; or call the children.

        Args:
            args: The spikes, shape `(*batch, *pre.in_size)`; none for those of `pre`. Of a
                container, what each child is called with.
        """
        if self.aligned is None:
            super().update(*args)
        elif args:
            self.aligned(*args)
        elif self._spikes is not None:
            self.aligned(self._spikes())
        else:
            raise InputError(
                f"Projection: no spikes, and pre, {show(self.pre)}, has no get_spike() to ask for "
                "them. Call the projection with spikes, as in proj(source()); or write "
                "AlignPostProj(source, comm=..., syn=..., out=..., post=...), which calls the "
                "source in each step"
            )

    def explain(self) -> str:
        """Which alignment was chosen, and why, in words."""
        if self.aligned is None:
            held = [type(child).__name__ for child in self.children()]
            return f"A container of {len(held)} projections: {', '.join(held) or 'none'}."
        return explained(self.aligned)

    def __repr__(self) -> str:
        if self.aligned is None:
            return super().__repr__()
        way = type(self.aligned).__name__.removesuffix("Proj")
        named = f" {self.name}" if self.name else ""
        return described(self.aligned, self.pre, f"{type(self).__name__}{named}, {way}")

    def in_a_line(self, names: dict[int, str]) -> str:
        """A short text for the table of a network.

        Args:
            names: Names of populations in the network by their identity.
        """
        if self.aligned is None:
            return f"{type(self).__name__} of {len(list(self.children()))} modules"
        return in_a_line(self.aligned, self.pre, names)
