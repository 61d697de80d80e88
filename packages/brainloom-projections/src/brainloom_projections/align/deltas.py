"""`DeltaProj`: spikes that make a state of the population jump."""

from collections.abc import Callable

import brainstate
from brainloom_core import (
    Dynamics,
    Neuron,
    View,
)
from brainloom_core.drivers import drives
from brainloom_core.types import Array, Quantity, Time

from ..parts.from_modules import FromModules
from ..parts.parts import Timing, neurons_of
from ..parts.units import state_unit
from ..types import Described

__all__ = ["DeltaProj"]


class DeltaProj(FromModules):
    r"""Projection whose spikes make a state of the postsynaptic population jump.

    $$
    V_j \leftarrow V_j + \sum_i w_{ij}\,s_i
    $$

    after the integration of the step in which the spikes arrive, so that the potential jumps at its
    end. With a delay of $n$ steps a spike with the time $T$ changes it at $T + (n + 1)\,\Delta t$,
    which is also when an input through a synapse, which acts from the beginning of
    that step on, is first seen in the potential. (In NEST the potential jumps at $T + d$, with
    $d \ge \Delta t$: its $d$ is $d - \Delta t$ here.)

    Args:
        prefetch: Where the spikes come from, as in `AlignPostProj`.
        comm: The connectivity; its weights have the unit of the state.
        post: The postsynaptic population.
        label: Name under which the jump is registered, for `sum_delta_inputs(label=...)`.
        stp: Short-term plasticity, described or an instance with the size of the presynaptic
            population, one for each projection.
        delay: Delay from a spike to its effect, None for none: a time, at least zero, in steps
            `round(delay / dt)`; a scalar, one per presynaptic neuron or, with a stored
            `Connection`, one per edge; may be trainable, a `brainstate.ParamState`. A delay of the
            connection is used too.
        max_delay: Longest delay, needed where it is trained.
        interpolate: Whether a delay between two steps is taken as it is, by two parts of each
            spike, False.

    Attributes:
        stp: The short-term plasticity, or None.
        delay: The line of delays, or None.

    Raises:
        ParameterError: The delay has the wrong unit, shape or range.
        TypeError: A part is of the wrong kind.
        UnitError: The weights are not of the kind of the state that jumps.
        ValueError: A size does not fit the population, or `stp` belongs to another projection.
        InputError: No spikes were given, or they have the wrong shape; or the label is none of the
            ports of the population.

    References:
        Brunel (2000), J. Comput. Neurosci. 8, 183, doi:10.1023/A:1008925309027.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import LIF
        >>> from brainloom_projections import Connection, DeltaProj, OneToOne
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> post = LIF(3, V_th=20 * u.mV)
        >>> proj = DeltaProj(comm=Connection(3, 3, OneToOne(), weight=2.0 * u.mV), post=post)
        >>> _ = brainstate.nn.init_all_states(post)
        >>> proj(jnp.array([True, False, True]))
        >>> _ = post()
        >>> print(post.V.value.to_decimal(u.mV))
        [2. 0. 2.]
    """

    def __init__(
        self,
        *prefetch: Callable[..., Quantity] | brainstate.State,
        comm: Callable[..., Quantity],
        post: Dynamics | View,
        label: str | None = None,
        stp: Described | None = None,
        delay: Time | None = None,
        max_delay: Time | None = None,
        interpolate: bool = False,
    ) -> None:
        super().__init__(
            *prefetch,
            comm=comm,
            post=post,
            label=label,
            stp=stp,
            timing=Timing.of(delay, max_delay, interpolate),
        )
        neurons = neurons_of(post)
        if isinstance(neurons, Neuron) and neurons.input_as_declared:
            jumping = neurons.state_of_jump(label)
            what = f"{type(neurons).__name__}.{jumping}, which they add to,"
            self._check_weights(state_unit(neurons, jumping), what)
        drives(self, neurons)

    def update(self, *args: Array) -> None:
        """Deliver the spikes: given, or of the presynaptic modules.

        Args:
            args: The spikes, shape `(*batch, *pre.in_size)`, where there are no presynaptic
                modules; else what the first of these takes, nothing for `pop.get_spike`.
        """
        x = self._delivered(*self._emitted(args))
        self.post.add_delta_input(self.name, x, self.label)
