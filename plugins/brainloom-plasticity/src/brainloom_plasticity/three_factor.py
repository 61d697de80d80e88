"""Rules with a third factor: what pairs of spikes suggest, something else decides."""

from collections.abc import Callable
from typing import TypeAlias

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import Constraint, InputError, ParameterError, option, param, positive
from brainloom_core.types import Quantity
from brainloom_core.units import show

from .sides import edge_state, post_state, post_trace, pre_trace
from .spike_timing import SpikeTimingRule

__all__ = ["DopamineSTDP", "ThreeFactorSTDP"]

Source: TypeAlias = Callable[..., Quantity] | brainstate.State | None

_is_source = Constraint(
    "a function, a module or a state",
    lambda source: source is None or callable(source) or isinstance(source, brainstate.State),
)


class _Eligible(SpikeTimingRule):
    """Base: pairs of spikes leave an eligibility at the synapse, which decays."""

    A_plus: Quantity = param(default=0.01, doc="eligibility of causal pairs")
    A_minus: Quantity = param(default=0.0105, doc="eligibility of acausal pairs")
    tau_plus: Quantity = param(default=20.0 * u.ms, constraint=positive, doc="time of causal pairs")
    tau_minus: Quantity = param(
        default=20.0 * u.ms, constraint=positive, doc="time of acausal pairs"
    )
    tau_e: Quantity = param(default=1000.0 * u.ms, constraint=positive, doc="time of eligibility")
    eta: Quantity = param(default=1.0 * u.Hz, doc="speed of learning")
    x = pre_trace("trace of presynaptic spikes")
    y = post_trace("trace of postsynaptic spikes")
    e = edge_state("eligibility", slow=True)

    def dx(self, x: Quantity) -> Quantity:
        return -x / self.tau_plus

    def dy(self, y: Quantity) -> Quantity:
        return -y / self.tau_minus

    def de(self, e: Quantity) -> Quantity:
        return -e / self.tau_e

    def on_post(self, e: Quantity, x: Quantity) -> dict[str, Quantity]:
        return {"e": e + self.A_plus * x}

    def on_pre(self, e: Quantity, y: Quantity) -> dict[str, Quantity]:
        return {"e": e - self.A_minus * y}

    def _now(self, name: str) -> Quantity:
        """This step's value of a source: one for all, or one per postsynaptic neuron."""
        source = getattr(self, name)  # a state is read by its declaration
        source = getattr(source, "get_spike", source)
        value = source() if callable(source) else source
        n_post = 0 if self.ends is None else self.ends.n_post
        if isinstance(value, u.Quantity) or np.size(value) not in (1, n_post):
            raise InputError(
                f"{type(self).__name__}.{name}: expected a number, or one for each of the {n_post} "
                f"postsynaptic neurons, got {show(value)}"
            )
        number = jnp.asarray(value, brainstate.environ.dftype()).reshape(-1)
        return number[0] if number.shape == (1,) else number


class ThreeFactorSTDP(_Eligible):
    r"""Pairs of spikes make a synapse eligible, and a third factor $M$ changes it.

    $$
    \tau_e \frac{de}{dt} = -e, \qquad \frac{dw}{dt} = \eta\,e\,M
    $$

    At a postsynaptic spike $e \leftarrow e + A_+ x$, at a presynaptic one $e \leftarrow e - A_- y$,
    with the traces $x$ and $y$ of [`STDP`][brainloom_plasticity.STDP]. $M$ is anything: a
    reward, its error, surprise, the distance of a rate from its target, attention; one for all, or
    one per postsynaptic neuron. It is held for a step.

    The eligibilities decay, and the weights change, in each step: the cost of a step is that of
    all edges.

    Args:
        w_min: The weight of least strength, 0; None for no bound.
        w_max: The weight of strength 1, beyond which none grows, None for no bound; weights with a
            unit need it.
        interactions: `"all"` for pairs of all spikes, `"nearest"` for those of a spike with the
            last one of the other side.
        A_plus: Eligibility $A_+$ of pre before post, 0.01.
        A_minus: Eligibility $A_-$ of post before pre, 0.0105, negative.
        tau_plus: Time constant of $x$, 20 ms.
        tau_minus: Time constant of $y$, 20 ms.
        tau_e: Time constant of the eligibility $\tau_e$, 1 s.
        eta: Speed $\eta$, 1 Hz.
        third: The third factor $M$: a population, for its spikes, another module or a function,
            called without arguments in each step, or a state; without unit.

    Attributes:
        x: Trace of presynaptic spikes $x$, shape `(n_pre,)`.
        y: Trace of postsynaptic spikes $y$, shape `(n_post,)`.
        e: Eligibility $e$, shape `(n_edges,)`.
        w_lost: What rounding has left out of the weights, shape `(n_edges,)`.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range, or does not fit the weights.
        InputError: The third factor has a unit or the wrong shape.

    References:
        Frémaux & Gerstner (2016), Front. Neural Circuits 9, 85, doi:10.3389/fncir.2015.00085;
        Gerstner, Lehmann, Liakoni, Corneil & Brea (2018), Front. Neural Circuits 12, 53,
        doi:10.3389/fncir.2018.00053.

    Examples:
        >>> import brainstate, jax.numpy as jnp
        >>> from brainloom_plasticity import ThreeFactorSTDP
        >>> reward = brainstate.ShortTermState(jnp.zeros(()))
        >>> rule = ThreeFactorSTDP(third=reward)
        >>> reward.value = jnp.ones(())  # in the step in which there is one
    """

    third: Source = option(default=None, constraint=_is_source, doc="third factor")

    def check(self) -> None:
        """Without a third factor there is nothing to learn by."""
        if self.third is None:
            raise ParameterError(
                f"{type(self).__name__}.third: missing. Give a function, a module or a state"
            )

    def signals(self) -> dict[str, Quantity]:
        """The third factor of this step."""
        return {"third": self._now("third")}

    def dw(self, e: Quantity, third: Quantity) -> Quantity:
        return self.eta * e * third


class DopamineSTDP(_Eligible):
    r"""Plasticity under the control of dopamine, which rewards pairs of spikes long after them.

    $$
    \tau_e \frac{de}{dt} = -e, \qquad \tau_d \frac{dd}{dt} = -d, \qquad
    \frac{dw}{dt} = \eta\,e\,(d - b)
    $$

    At a postsynaptic spike $e \leftarrow e + A_+ x$, at a presynaptic one $e \leftarrow e - A_- y$,
    with the traces $x$ and $y$ of [`STDP`][brainloom_plasticity.STDP]; released dopamine is added
    to its concentration $d$. The product is taken in the middle of a step, so that the weights are
    exact up to $\Delta t^2$.

    The eligibilities decay, and the weights change, in each step: the cost of a step is that of
    all edges.

    Args:
        w_min: The weight of least strength, 0; None for no bound.
        w_max: The weight of strength 1, beyond which none grows, None for no bound; weights with a
            unit need it.
        interactions: `"all"` for pairs of all spikes, `"nearest"` for those of a spike with the
            last one of the other side.
        A_plus: Eligibility $A_+$ of pre before post, 0.01.
        A_minus: Eligibility $A_-$ of post before pre, 0.0105, negative.
        tau_plus: Time constant of $x$, 20 ms.
        tau_minus: Time constant of $y$, 20 ms.
        tau_e: Time constant of the eligibility $\tau_e$, 1 s.
        eta: Speed $\eta$, 1 Hz.
        tau_d: Time constant of dopamine $\tau_d$, 200 ms.
        baseline: Concentration $b$ at which weights stay, 0.
        dopamine: What is released in a step, one number for all or one per postsynaptic neuron: a
            population, for its spikes, another module or a function, called without arguments, or
            a state; None where the state `d` is written to instead.

    Attributes:
        x: Trace of presynaptic spikes $x$, shape `(n_pre,)`.
        y: Trace of postsynaptic spikes $y$, shape `(n_post,)`.
        e: Eligibility $e$, shape `(n_edges,)`.
        d: Concentration of dopamine $d$, shape `(n_post,)`.
        w_lost: What rounding has left out of the weights, shape `(n_edges,)`.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range, or does not fit the weights.
        InputError: What is released has a unit or the wrong shape.

    References:
        Izhikevich (2007), Cereb. Cortex 17, 2443, doi:10.1093/cercor/bhl152.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_neurons import LIF
        >>> from brainloom_plasticity import DopamineSTDP
        >>> dopaminergic = LIF(1)
        >>> rule = DopamineSTDP(dopamine=dopaminergic, w_max=1 * u.nS)
        >>> print(rule.tau_d)
        200. ms
    """

    tau_d: Quantity = param(default=200.0 * u.ms, constraint=positive, doc="time of dopamine")
    baseline: Quantity = param(default=0.0, doc="concentration at which weights stay")
    dopamine: Source = option(default=None, constraint=_is_source, doc="what is released")
    d = post_state("concentration of dopamine", slow=True)

    def dd(self, d: Quantity) -> Quantity:
        return -d / self.tau_d

    def on_step(self, d: Quantity) -> dict[str, Quantity]:
        """Add what is released."""
        return {} if self.dopamine is None else {"d": d + self._now("dopamine")}

    def dw(self, e: Quantity, d: Quantity) -> Quantity:
        return self.eta * e * (d - self.baseline)
