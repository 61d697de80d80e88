"""`CurrentProj`: a conductance that is there already."""

from collections.abc import Callable

import brainstate
import brainunit as u
from brainloom_core import (
    Descriptor,
    Dynamics,
    Synapse,
    SynOut,
    View,
)
from brainloom_core.drivers import drives
from brainloom_core.types import Array, Quantity, Time

from ..connection.connection import Connection
from ..parts.from_modules import FromModules
from ..parts.parts import Port, Timing, key_in, made, neurons_of
from ..parts.units import check_output_unit, state_unit, weight_unit
from ..types import Described

__all__ = ["CurrentProj"]


class CurrentProj(FromModules):
    r"""Projection of a conductance that is computed elsewhere.

    $$
    I_j = \mathrm{out}\Big(\sum_i w_{ij}\,g_i,\; V_j\Big)
    $$

    It has no synapse of its own: the values that come from `prefetch`, usually the state of a
    synapse with one state per presynaptic neuron, go through the connectivity to the output, and
    act, as they are, during the step. (`synapse.mean_conductance` as the source gives the mean
    over the step instead of the value at its start.)

    Args:
        prefetch: Where the conductance comes from, such as `synapse.prefetch("g")`: functions,
            modules or states, each called with the result of the one before; a call of the
            projection passes its arguments to the first.
        comm: The connectivity: takes one value per presynaptic neuron, gives what reaches each
            postsynaptic one.
        out: A synaptic output, described or as an instance.
        post: The postsynaptic population.
        label: Name under which the current is registered, for `sum_current_inputs(label=...)`.
        delay: Delay of the conductance, None for none: a time, at least zero; a scalar, one per
            presynaptic neuron or, with a stored `Connection`, one per edge; may be trainable, a
            `brainstate.ParamState`. A delay of the connection is used too.
        max_delay: Longest delay, needed where it is trained.
        interpolate: Whether a delay between two steps is taken as it is, True; otherwise it is
            `round(delay / dt)` steps.

    Attributes:
        out: The output.
        delay: The line of delays, or None.

    Raises:
        ParameterError: The delay has the wrong unit, shape or range.
        TypeError: A part is of the wrong kind.
        UnitError: The output does not give what the population takes.
        ValueError: A size does not fit the population, or the output belongs to another
            projection.
        InputError: There is no conductance, it has the wrong shape, or the projection is called
            twice before the population.

    References:
        Lytton (1996), Neural Comput. 8, 501, doi:10.1162/neco.1996.8.3.501.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import LIF
        >>> from brainloom_synapses import COBA, Expon
        >>> from brainloom_projections import AllToAll, Connection, CurrentProj
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> syn, post = Expon(4, tau=5 * u.ms), LIF(2, V_th=20 * u.mV)
        >>> proj = CurrentProj(syn.prefetch("g"), comm=Connection(4, 2, AllToAll(), weight=0.5),
        ...                    out=COBA(E=10 * u.mV), post=post)
        >>> _ = brainstate.nn.init_all_states([syn, proj, post])
        >>> _ = syn(1.0 * u.mS)
        >>> proj()
        >>> _ = post()
        >>> print((post.V.value > 0 * u.mV))
        [ True  True]
    """

    _arrives = "conductance"

    def __init__(
        self,
        *prefetch: Callable[..., Quantity] | brainstate.State,
        comm: Callable[..., Quantity],
        out: Described,
        post: Dynamics | View,
        label: str | None = None,
        delay: Time | None = None,
        max_delay: Time | None = None,
        interpolate: bool = True,
    ) -> None:
        super().__init__(
            *prefetch,
            comm=comm,
            post=post,
            label=label,
            timing=Timing.of(delay, max_delay, interpolate),
        )
        right = isinstance(out, SynOut)
        if isinstance(out, Descriptor):
            right = issubclass(out.cls, SynOut)
        self._check_kind("out", right, out, "a synaptic output")
        self.out = made(out, self.name, "out")
        check_output_unit("CurrentProj", self.out, self._total_unit(), post)
        self._port = Port(self.out)
        self._port.attach(post, key_in(post, self), label)
        drives(self, neurons_of(post))

    def update(self, *args: Array) -> None:
        """Deliver the conductance: given, or of the modules.

        Args:
            args: The conductance, shape `(*batch, *pre.in_size)`, where there are no presynaptic
                modules; else what the first of these takes, nothing for one that is a state.
        """
        self._port.require_free(self.name)
        args = self._emitted(args)
        if isinstance(self.comm, Connection) and isinstance(args[0], u.Quantity):
            g = args[0]
            self._port.bind(self._delivered(g.mantissa) * (1.0 * g.unit))
        else:
            self._port.bind(self._delivered(*args))

    def _total_unit(self) -> u.Unit | None:
        last = self.modules[-1] if self.modules else None
        source, item = getattr(last, "module", None), getattr(last, "item", None)
        known = isinstance(source, Synapse) and isinstance(item, str)
        g, weight = state_unit(source, str(item)) if known else None, weight_unit(self.comm)
        return None if g is None or weight is None else u.get_unit((1.0 * g) * (1.0 * weight))
