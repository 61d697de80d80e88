"""Short-term plasticity: what a spike releases depends on the spikes before it."""

import brainstate
import brainunit as u
import jax.numpy as jnp
from brainloom_core import Dynamics, between, full, non_negative, one_of, option, param, state
from brainloom_core.context import current_dt
from brainloom_core.types import Array, Quantity, Shape, Time
from brainloom_core.units import to_number

from .events import plain

__all__ = ["STD", "STP"]


def _nothing(model: Dynamics, shape: Shape) -> Quantity:
    return full(0.0, shape)


def _everything(model: Dynamics, shape: Shape) -> Quantity:
    return full(1.0, shape)


class _Plasticity(Dynamics):
    """What the models share: relaxation without error, and what a graded spike means."""

    signature_layout = ("in_size", "name", ...)
    solver = "exact"

    x = state(_everything, "available resources")
    x_lost = state(_nothing, "what rounding has left out of x", brainstate.ShortTermState)

    def _strength(self, spikes: Array) -> Array:
        """The spikes as floating-point numbers, checked."""
        spikes = self.check_input(plain(spikes), u.UNITLESS, "x")
        return jnp.asarray(u.get_magnitude(spikes), self.x.value.dtype)

    @staticmethod
    def semantics(source: Dynamics | type[Dynamics]) -> dict[str, str]:
        return {"jump": "at a spike, after the states have relaxed over the step"}


class STP(_Plasticity):
    r"""Short-term facilitation and depression, after Tsodyks and Markram.

    $$
    \frac{du}{dt} = -\frac{u}{\tau_f}, \qquad \frac{dx}{dt} = \frac{1 - x}{\tau_d}
    $$

    and at a spike, in this order,

    $$
    u \leftarrow u + U (1 - u), \qquad r = u\,x, \qquad x \leftarrow x - r
    $$

    The release $r$ is what a step returns for a neuron that spikes, 0 for the others; as a
    graded event it multiplies the weights of a projection. Between spikes and at spikes the
    solution is exact for any time step.

    With `towards="zero"` $u$ rests at 0, and the first spike releases $U$, whenever it comes.
    With `towards="U"` it is $du/dt = (U - u) / \tau_f$ instead, $u$ rests at $U$, and the first
    spike, which raises $u$ before it releases, releases $U (2 - U)$. The synapse `tsodyks2_synapse`
    of NEST is the first of the two: its $u$ decays to zero, and its parameter `u` is the value
    just after the first spike, so that it agrees with this model from rest if `u` is set to `U`
    (its default is 0.5 for every `U`).

    A spike may be graded: a value between 0 and 1 is that fraction of a spike, which moves $u$
    and $x$ that fraction of the way and releases that fraction; above 1 the release is
    multiplied, while the states move as for one spike. $u$ and $x$ thus stay between 0 and 1.

    Args:
        in_size: Number of presynaptic neurons, or their shape.
        name: Name of the module.
        U: Utilisation $U$ of the available resources by a spike from rest, 0.15; from 0 to 1;
            scalar or one per neuron.
        tau_f: Time constant of facilitation $\tau_f$, 1500 ms; 0 for none ($u = U$ at every
            spike); scalar or one per neuron.
        tau_d: Time constant of recovery from depression $\tau_d$, 200 ms; 0 for none; scalar or
            one per neuron.
        towards: What $u$ relaxes to: `"zero"` or `"U"`.

    Attributes:
        u: Utilisation $u$, shape `(*batch, *in_size)`; after a step, that after its spikes.
        x: Available resources $x$, 1 at rest, shape `(*batch, *in_size)`.
        u_lost: What rounding has left out of $u$, to be added to it.
        x_lost: What rounding has left out of $x$, to be added to it.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: The spikes have a unit or the wrong shape.

    References:
        Tsodyks, Pawelzik & Markram (1998), Neural Comput. 10, 821,
        doi:10.1162/089976698300017502 (`towards="zero"`); Mongillo, Barak & Tsodyks (2008),
        Science 319, 1543, doi:10.1126/science.1150769 (`towards="U"`).

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_projections import STP
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> stp = STP(1, U=0.05, tau_f=1000 * u.ms, tau_d=100 * u.ms)
        >>> _ = brainstate.nn.init_all_states(stp)
        >>> spikes = jnp.arange(101) % 50 == 0  # 20 Hz
        >>> released = brainstate.transform.for_loop(lambda s: stp(s[None]), spikes)
        >>> print(released[spikes, 0].round(4))
        [0.05   0.0923 0.1259]
    """

    U: Quantity = param(default=0.15, constraint=between(0, 1), doc="utilisation of a first spike")
    tau_f: Quantity = param(default=1500.0 * u.ms, constraint=non_negative, doc="facilitation")
    tau_d: Quantity = param(default=200.0 * u.ms, constraint=non_negative, doc="recovery")
    towards: str = option(default="zero", constraint=one_of("zero", "U"), doc="what u relaxes to")
    u = state(lambda model, shape: full(model._rest(), shape), "utilisation")
    u_lost = state(_nothing, "what rounding has left out of u", brainstate.ShortTermState)

    def update(self, pre_spike: Array) -> Quantity:
        """Advance by one step and return what each spike releases.

        Args:
            pre_spike: Presynaptic spikes, which may be graded, shape `(*batch, *in_size)`.

        Returns:
            What each spike releases, of the same shape.
        """
        strength = self._strength(pre_spike)
        y = self.state_values()
        used, u_lost = _relaxed(y["u"], y["u_lost"], self._rest(), self.tau_f)
        x, x_lost = _relaxed(y["x"], y["x_lost"], 1.0, self.tau_d)
        raised = used + self.U * (1.0 - used)
        release, part = raised * x, _part(strength)
        self.assign_states({"u": used + part * (raised - used), "u_lost": u_lost})
        self.assign_states({"x": x - part * release, "x_lost": x_lost})
        return strength * release

    def _rest(self) -> Array | float:
        return self.U if self.towards == "U" else 0.0


class STD(_Plasticity):
    r"""Short-term depression.

    $$
    \frac{dx}{dt} = \frac{1 - x}{\tau}
    $$

    and at a spike, in this order, $r = x$ and $x \leftarrow x - U x$. The release $r$ is what a
    step returns for a neuron that spikes, 0 for the others. It is relative: the first spike
    releases 1, so that a weight is the amplitude of a first response. (What
    [`STP`][brainloom_projections.STP] with `tau_f=0` and the same $U$ releases is $U r$: to
    exchange one for the other, scale the weights by $U$.) Exact for any time step; graded spikes
    act as in `STP`.

    Args:
        in_size: Number of presynaptic neurons, or their shape.
        name: Name of the module.
        tau: Time constant of recovery $\tau$, 200 ms; 0 for no depression; scalar or one per
            neuron.
        U: Fraction $U$ of the available resources that a spike uses up, 0.07; from 0 to 1;
            scalar or one per neuron.

    Attributes:
        x: Available resources $x$, 1 at rest, shape `(*batch, *in_size)`; after a step, those
            after its spikes.
        x_lost: What rounding has left out of $x$, to be added to it.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: The spikes have a unit or the wrong shape.

    References:
        Abbott, Varela, Sen & Nelson (1997), Science 275, 220, doi:10.1126/science.275.5297.221.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_projections import STD
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> std = STD(1, tau=200 * u.ms, U=0.5)
        >>> _ = brainstate.nn.init_all_states(std)
        >>> spikes = jnp.arange(101) % 50 == 0  # 20 Hz
        >>> released = brainstate.transform.for_loop(lambda s: std(s[None]), spikes)
        >>> print(released[spikes, 0].round(4))
        [1.     0.6106 0.459 ]
    """

    tau: Quantity = param(default=200.0 * u.ms, constraint=non_negative, doc="recovery")
    U: Quantity = param(default=0.07, constraint=between(0, 1), doc="fraction used by a spike")

    def update(self, pre_spike: Array) -> Quantity:
        """Advance by one step and return what each spike releases.

        Args:
            pre_spike: Presynaptic spikes, which may be graded, shape `(*batch, *in_size)`.

        Returns:
            What each spike releases, of the same shape.
        """
        strength = self._strength(pre_spike)
        x, x_lost = _relaxed(self.x.value, self.x_lost.value, 1.0, self.tau)
        self.assign_states({"x": x - _part(strength) * self.U * x, "x_lost": x_lost})
        return strength * x


def _relaxed(value: Array, lost: Array, target: Array | float, tau: Time) -> tuple[Array, Array]:
    """A value after one step on its way to a target, and what rounding has left out of it.

    In single precision the last part of the way is made of changes that are too small to be
    added to the value; they are summed apart until they are not.
    """
    tau = to_number(tau, u.ms)
    dt = to_number(current_dt(), u.ms)
    moves = jnp.asarray(tau) > 0
    share = jnp.where(moves, -jnp.expm1(-dt / jnp.where(moves, tau, 1.0)), 1.0)
    change = lost + share * (target - value - lost)
    new = value + change
    return new, change - (new - value)


def _part(strength: Quantity) -> Array:
    """The fraction of a spike that a graded one is, with a slope of one at 0 and at 1."""
    return jnp.where(strength > 1.0, 1.0, jnp.where(strength < 0.0, 0.0, strength))
