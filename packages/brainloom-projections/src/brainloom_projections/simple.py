"""`Projection`: two populations joined, with sizes, spikes and alignment found."""

from collections.abc import Callable
from typing import Any

from brainloom_core import AlignPost, Descriptor, Dynamics, InputError, Synapse, SynOut
from brainloom_core import Projection as Base
from brainloom_core.units import show

from .arrivals import Arrivals
from .connection import Connection, is_function
from .edges import Edges
from .parts import Method
from .projections import AlignPostProj, AlignPreProj
from .rules import Rule

__all__ = ["Projection"]


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
        pre: The presynaptic population, or its size if the spikes are given in each call.
        post: The postsynaptic population.
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
        delay: Its line of delays, or None.
        post: The postsynaptic population.

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

    def __init__(
        self,
        pre: Any = None,
        post: Any = None,
        connectivity: Any = None,
        synapse: Any = None,
        output: Any = None,
        *,
        weight: Any = None,
        stp: Any = None,
        delay: Any = None,
        max_delay: Any = None,
        interpolate: bool = False,
        label: str | None = None,
        seed: int | None = None,
        align: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.aligned: Any = None
        self._spikes: Callable[[], Any] | None = None
        parts = {
            "pre": pre,
            "post": post,
            "connectivity": connectivity,
            "synapse": synapse,
            "output": output,
        }
        missing = [part for part, value in parts.items() if value is None]
        if len(missing) == len(parts) and weight is None and stp is None:
            return
        if missing:
            raise TypeError(
                f"Projection: {', '.join(missing)} missing. It needs pre, post, connectivity, "
                "synapse and output (for jumps without a synapse use DeltaProj), or nothing at "
                "all, as a container of projections"
            )
        if not isinstance(post, Dynamics):
            raise TypeError(f"Projection.post: expected a population, got {show(post)}")
        if align not in (None, "pre", "post"):
            raise ValueError(f"Projection.align: expected 'pre', 'post' or None, got {align!r}")
        self._spikes = Method.of(getattr(pre, "get_spike", None))
        self._pre = show(pre)
        drawn = delay if is_function(delay) else None
        comm = self._comm(pre, post, connectivity, weight, drawn, seed)
        synapse = self._described("synapse", synapse, Dynamics)
        output = self._described("output", output, SynOut)
        stp = None if stp is None else self._described("stp", stp, Dynamics)
        chosen = self._alignment(synapse, post) if align is None else align
        shared = {
            "comm": comm,
            "post": post,
            "label": label,
            "stp": stp,
            "delay": delay if drawn is None else None,
            "max_delay": max_delay,
            "interpolate": interpolate,
        }
        if chosen == "post":
            self._check_exact(synapse)
            if isinstance(synapse, Descriptor) != isinstance(output, Descriptor):
                synapse = self._instance(synapse, in_size=post.in_size)
                output = self._instance(output)
            self.aligned = AlignPostProj(syn=synapse, out=output, **shared)
        else:
            self.aligned = AlignPreProj(syn=synapse, out=output, **shared)

    def update(self, *args: Any) -> None:
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
                f"Projection: no spikes, and pre, {self._pre}, has no get_spike() to ask for them. "
                "Call the projection with spikes, as in proj(source()); or write "
                "AlignPostProj(source, comm=..., syn=..., out=..., post=...), which calls the "
                "source in each step"
            )

    def explain(self) -> str:
        """Which alignment was chosen, and why, in words."""
        if self.aligned is None:
            held = [type(child).__name__ for child in self.children()]
            return f"A container of {len(held)} projections: {', '.join(held) or 'none'}."
        syn = type(self.syn).__name__
        size = " x ".join(map(str, self.syn.in_size))
        linear = isinstance(self.syn, AlignPost)
        if isinstance(self.aligned, AlignPostProj):
            lines = [
                f"AlignPost: one state of {syn} for each of the {size} postsynaptic neurons.",
                f"{syn} is linear in its input, so one state of the summed input is exact.",
                "Only spikes are delivered.",
            ]
        else:
            why = (
                f"{syn} is linear in its input, so AlignPost would be exact and cheaper."
                if linear
                else f"{syn} is not linear in its input, so a neuron's inputs cannot be summed."
            )
            lines = [
                f"AlignPre: one state of {syn} for each of the {size} presynaptic neurons.",
                why,
                "All synapses that a neuron makes see the same spikes, so that to share a state is "
                "exact.",
                "Conductances are delivered, in every step.",
            ]
        if self.stp is not None:
            kind = type(self.stp).__name__
            lines.append(f"{kind}: one state for each presynaptic neuron scales its spikes.")
        if isinstance(self.delay, Arrivals):
            lines.append(
                "Delays of edges: what is under way is kept for each postsynaptic neuron and step."
            )
        elif self.delay is not None:
            lines.append(
                "Delays of neurons: what is under way is kept for each presynaptic neuron and step."
            )
        return "\n".join(lines)

    @property
    def comm(self) -> Any:
        """The connectivity."""
        return self._part("comm")

    @property
    def syn(self) -> Any:
        """The synapse."""
        return self._part("syn")

    @property
    def out(self) -> Any:
        """The output."""
        return self._part("out")

    @property
    def stp(self) -> Any:
        """The short-term plasticity, or None."""
        return self._part("stp")

    @property
    def delay(self) -> Any:
        """The line of delays, or None."""
        return self._part("delay")

    @property
    def post(self) -> Any:
        """The postsynaptic population."""
        return self._part("post")

    def _part(self, name: str) -> Any:
        if self.aligned is None:
            raise AttributeError(f"{type(self).__name__} is a container and has no {name!r}")
        return getattr(self.aligned, name)

    @staticmethod
    def _comm(pre: Any, post: Any, connectivity: Any, weight: Any, delay: Any, seed: Any) -> Any:
        if isinstance(connectivity, (Rule, Edges)):
            if weight is None:
                raise TypeError(
                    "Projection.weight: missing. A rule says who is connected to whom; give the "
                    "weight of the connections, for example weight=0.6 * u.nS"
                )
            return Connection(pre, post, connectivity, weight, delay=delay, seed=seed)
        if not callable(connectivity):
            raise TypeError(
                "Projection.connectivity: expected a rule such as Bernoulli(0.1), Edges, a "
                f"Connection or another module, got {show(connectivity)}"
            )
        rest = {"weight": weight, "seed": seed, "delay": delay}
        if given := [name for name, value in rest.items() if value is not None]:
            raise TypeError(
                f"Projection.{given[0]}: it belongs to a rule; this connectivity has its own"
            )
        size = getattr(connectivity, "in_size", None)
        pre_size = getattr(pre, "out_size", pre)
        pre_size = tuple(pre_size) if isinstance(pre_size, (tuple, list)) else (pre_size,)
        if size is not None and tuple(size) != pre_size:
            raise ValueError(
                f"Projection.connectivity: its size {tuple(size)} is not that of the presynaptic "
                f"population, {pre_size}"
            )
        return connectivity

    @staticmethod
    def _described(part: str, given: Any, kind: type) -> Any:
        """A class stands for its description; anything else must be one, or an instance."""
        described = given.desc() if isinstance(given, type) and hasattr(given, "desc") else given
        found = described.cls if isinstance(described, Descriptor) else type(described)
        if not issubclass(found, kind):
            raise TypeError(
                f"Projection.{part}: expected a description such as {_EXAMPLES[part]}, got "
                f"{show(given)}"
            )
        return described

    @staticmethod
    def _instance(part: Any, **defaults: Any) -> Any:
        return part.with_defaults(**defaults)() if isinstance(part, Descriptor) else part

    @staticmethod
    def _alignment(synapse: Any, post: Any) -> str:
        """The cheapest exact one; an instance must also have the size that it needs."""
        described = isinstance(synapse, Descriptor)
        linear = issubclass(synapse.cls if described else type(synapse), AlignPost)
        fits = described or tuple(synapse.in_size) == tuple(post.in_size)
        return "post" if linear and fits else "pre"

    @staticmethod
    def _check_exact(synapse: Any) -> None:
        cls = synapse.cls if isinstance(synapse, Descriptor) else type(synapse)
        if issubclass(cls, Synapse) and not issubclass(cls, AlignPost):
            raise ValueError(
                f"Projection.align: {cls.__name__} is not linear in its input, so that 'post' "
                "would be wrong; leave it out, or write 'pre'"
            )


_EXAMPLES = {
    "synapse": "Expon.desc(tau=5 * u.ms)",
    "output": "COBA.desc(E=0 * u.mV)",
    "stp": "STP.desc(U=0.2)",
}
