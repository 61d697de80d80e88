"""Synaptic conductances that are linear in their input: filters of the arriving jumps."""

import math
from types import SimpleNamespace

import brainunit as u
from brainloom_core import (
    ANY_UNIT,
    AlignPost,
    Synapse,
    initializer,
    one_of,
    option,
    param,
    positive,
    state,
)
from brainloom_core.types import Initializer, Quantity, Values
from brainloom_core.units import log1prel

__all__ = ["Alpha", "Delta", "DualExpon", "Expon"]


class Expon(AlignPost, Synapse):
    r"""Exponential synapse.

    $$
    \frac{dg}{dt} = -\frac{g}{\tau}, \qquad g \leftarrow g + x \ \text{at a spike}
    $$

    A spike of weight $x$ gives a peak of $x$, at once, and an area of $x\,\tau$. Exact.

    Args:
        in_size: Number of synapses (for AlignPost, of postsynaptic neurons), or their shape.
        name: Name of the module.
        tau: Decay time constant $\tau$, 8 ms; scalar or one per synapse.
        g_initializer: Initial conductance, 0 mS; its unit, whichever it is, is that of $g$.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        g: Conductance just after this step's spikes, shape `(*batch, *in_size)`, mS.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape.

    References:
        Dayan & Abbott (2001), Theoretical Neuroscience, section 5.8; Brette et al. (2007),
        J. Comput. Neurosci. 23, 349, doi:10.1007/s10827-007-0038-6.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_synapses import Expon
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> synapse = Expon(1, tau=5 * u.ms)
        >>> _ = brainstate.nn.init_all_states(synapse)
        >>> _ = synapse(2.0 * u.mS)
        >>> print(f"{synapse().to_decimal(u.mS)[0]:.4f}")
        1.6375
    """

    tau: Quantity = param(default=8.0 * u.ms, constraint=positive, doc="decay time constant")
    g_initializer: Initializer = initializer(default=0.0 * u.mS, unit=ANY_UNIT)
    g = state("g_initializer", "conductance")
    linear = True

    def dg(self, g: Quantity) -> Quantity:
        return -g / self.tau

    def conductance(self, g: Quantity) -> Quantity:
        return g

    @staticmethod
    def semantics(source: Synapse | type[Synapse]) -> dict[str, str]:
        return {**Synapse.semantics(source), "normalization": "peak 1 per unit of weight"}


class DualExpon(AlignPost, Synapse):
    r"""Double-exponential synapse: rises with one time constant, decays with another.

    $$
    g = A\,c\,(g_d - g_r), \qquad
    \frac{dg_r}{dt} = -\frac{g_r}{\tau_r}, \qquad \frac{dg_d}{dt} = -\frac{g_d}{\tau_d}
    $$

    where a spike of weight $x$ adds $x$ to $g_r$ and to $g_d$. With `normalize` the peak of $g$
    is $A\,x$, at $\frac{\tau_r \tau_d}{\tau_d - \tau_r} \ln\frac{\tau_d}{\tau_r}$ after the spike:
    $c = \frac{\tau_d}{\tau_d - \tau_r} (\tau_r / \tau_d)^{\tau_r / (\tau_r - \tau_d)}$;
    otherwise $c = 1$. What is kept and integrated is $g_r$ and $g$ itself, in the same equations
    written as a chain, which has no difference of large numbers:

    $$
    \tau_d \frac{dg}{dt} = k\,g_r - g, \qquad k = A\,c\,\frac{\tau_d - \tau_r}{\tau_r}
    $$

    With `normalize`, $k = A\,(\tau_r / \tau_d)^{\tau_d / (\tau_r - \tau_d)}$, which is $A\,e$ where
    the time constants are equal: then this is the normalised [`Alpha`][brainloom_synapses.Alpha].
    Without, the response vanishes there, as the difference does. Exact.

    Args:
        in_size: Number of synapses (for AlignPost, of postsynaptic neurons), or their shape.
        name: Name of the module.
        tau_decay: Decay time constant $\tau_d$, 10 ms; scalar or one per synapse.
        tau_rise: Rise time constant $\tau_r$, 1 ms; scalar or one per synapse.
        amplitude: Peak conductance per unit of weight $A$, 1; scalar or one per synapse.
        normalize: Whether the peak is normalised, True.
        g_initializer: Initial value of $g_r$ and $g_d$, 0 mS, so that $g$ starts at 0; its unit
            is that of $g$.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        g_rise: Rising part $g_r$, shape `(*batch, *in_size)`, mS.
        g: Conductance just after this step's spikes, shape `(*batch, *in_size)`, mS.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape.

    References:
        Roth & van Rossum (2009), Modeling synapses, in Computational Modeling Methods for
        Neuroscientists, doi:10.7551/mitpress/9780262013277.003.0007.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_synapses import DualExpon
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> synapse = DualExpon(1, tau_decay=5 * u.ms, tau_rise=0.5 * u.ms)
        >>> _ = brainstate.nn.init_all_states(synapse)
        >>> _ = synapse(1.0 * u.mS)
        >>> g = brainstate.transform.for_loop(lambda i: synapse(), jnp.arange(100))
        >>> print(f"{g.max().to_decimal(u.mS):.3f}")
        1.000
    """

    jump_states = ("g_rise",)

    tau_decay: Quantity = param(default=10.0 * u.ms, constraint=positive, doc="decay time constant")
    tau_rise: Quantity = param(default=1.0 * u.ms, constraint=positive, doc="rise time constant")
    amplitude: Quantity = param(default=1.0, doc="peak per unit of weight")
    normalize: bool = option(
        default=True, constraint=one_of(True, False), doc="whether the peak is normalised"
    )
    g_initializer: Initializer = initializer(default=0.0 * u.mS, unit=ANY_UNIT)
    g_rise = state("g_initializer", "rising part")
    g = state(lambda model, shape: 0.0 * model.g_rise.value, "conductance")
    linear = True

    def dg_rise(self, g_rise: Quantity) -> Quantity:
        return -g_rise / self.tau_rise

    def dg(self, g_rise: Quantity, g: Quantity) -> Quantity:
        return (self._gain() * g_rise - g) / self.tau_decay

    def conductance(self, g: Quantity) -> Quantity:
        return g

    @property
    def g_decay(self) -> Quantity:
        """Decaying part of the difference, as `g_decay.value`: found from what is kept."""
        share = 1.0 / self.amplitude
        if self.normalize:
            excess = self._excess()
            share = -share * excess * u.math.exp(-(1.0 + excess) * log1prel(excess))
        return SimpleNamespace(value=self.g_rise.value + share * self.g.value)

    def _excess(self) -> Quantity:
        """The relative difference of the time constants."""
        return u.get_magnitude((self.tau_rise - self.tau_decay) / self.tau_decay)

    def _gain(self) -> Quantity:
        """The factor k between the two stages."""
        if not self.normalize:
            return self.amplitude * u.get_magnitude(
                (self.tau_decay - self.tau_rise) / self.tau_rise
            )
        return self.amplitude * u.math.exp(log1prel(self._excess()))

    @staticmethod
    def semantics(source: Synapse | type[Synapse]) -> dict[str, str]:
        normalized = "peak amplitude (1) per unit of weight"
        plain = "peak of the difference of two exponentials, below 1 per unit of weight"
        kind = normalized if _is_normalized(source) else plain
        return {**Synapse.semantics(source), "normalization": kind}


class Alpha(AlignPost, Synapse):
    r"""Alpha-function synapse.

    $$
    \tau \frac{dh}{dt} = -h, \qquad \tau \frac{dg}{dt} = c\,h - g, \qquad
    h \leftarrow h + x \ \text{at a spike}
    $$

    A spike of weight $x$ gives $g = c\,x\,\frac{t}{\tau} e^{-t / \tau}$: a peak of $c\,x / e$ at
    $\tau$ after it, and an area of $c\,x\,\tau$. $c = 1$, or $e$ with `normalize`, which makes the
    peak $x$. Exact.

    Args:
        in_size: Number of synapses (for AlignPost, of postsynaptic neurons), or their shape.
        name: Name of the module.
        tau: Time constant $\tau$, 8 ms; scalar or one per synapse.
        normalize: Whether the peak is normalised, False.
        g_initializer: Initial value of $g$ and $h$, 0 mS; its unit is that of $g$.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        h: Rising stage just after this step's spikes, shape `(*batch, *in_size)`, mS.
        g: Conductance, shape `(*batch, *in_size)`, mS.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape.

    References:
        Rall (1967), J. Neurophysiol. 30, 1138, doi:10.1152/jn.1967.30.5.1138.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_synapses import Alpha
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> synapse = Alpha(1, tau=5 * u.ms, normalize=True)
        >>> _ = brainstate.nn.init_all_states(synapse)
        >>> _ = synapse(1.0 * u.mS)
        >>> g = brainstate.transform.for_loop(lambda i: synapse(), jnp.arange(100))
        >>> print(f"{g[49].to_decimal(u.mS)[0]:.3f}")
        1.000
    """

    jump_states = ("h",)

    tau: Quantity = param(default=8.0 * u.ms, constraint=positive, doc="time constant")
    g_initializer: Initializer = initializer(default=0.0 * u.mS, unit=ANY_UNIT)
    normalize: bool = option(
        default=False, constraint=one_of(True, False), doc="whether the peak is normalised"
    )
    h = state("g_initializer", "rising stage")
    g = state("g_initializer", "conductance")
    linear = True

    def dh(self, h: Quantity) -> Quantity:
        return -h / self.tau

    def dg(self, h: Quantity, g: Quantity) -> Quantity:
        gain = math.e if self.normalize else 1.0
        return (gain * h - g) / self.tau

    def conductance(self, g: Quantity) -> Quantity:
        return g

    @staticmethod
    def semantics(source: Synapse | type[Synapse]) -> dict[str, str]:
        peak = "1" if _is_normalized(source) else "1/e"
        return {**Synapse.semantics(source), "normalization": f"peak {peak} per unit of weight"}


class Delta(AlignPost, Synapse):
    r"""Synapse without a time course: its conductance is what arrives in the step.

    $$
    g = x
    $$

    It acts for one step, so that its charge, $x\,\Delta t$, grows with the step: for jumps of the
    potential that do not depend on `dt` use a projection that adds them, such as `DeltaProj`.
    Useful for input that is already a current or a rate, and as the limit of the others.

    Args:
        in_size: Number of synapses (for AlignPost, of postsynaptic neurons), or their shape.
        name: Name of the module.
        g_initializer: Conductance before the first step, 0 mS; its unit is that of $g$.

    Attributes:
        g: What arrived in this step, shape `(*batch, *in_size)`, mS.

    Raises:
        ParameterError: A parameter has the wrong unit or shape.
        InputError: An input has the wrong unit or shape.

    References:
        Gerstner, Kistler, Naud & Paninski (2014), Neuronal Dynamics, section 1.3,
        doi:10.1017/CBO9781107447615.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_synapses import Delta
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> synapse = Delta(1)
        >>> _ = brainstate.nn.init_all_states(synapse)
        >>> synapse.add_delta_input("spikes", 2.0 * u.mS)
        >>> [float(synapse().to_decimal(u.mS)[0]) for _ in range(2)]
        [2.0, 0.0]
    """

    solver = "auto"
    g_initializer: Initializer = initializer(default=0.0 * u.mS, unit=ANY_UNIT)
    g = state("g_initializer", "what arrived in this step")

    def integrate(self, y: Values, x: Quantity) -> dict[str, Quantity]:
        return {"g": 0.0 * super().integrate(y, x)["g"]}

    @staticmethod
    def semantics(source: Synapse | type[Synapse]) -> dict[str, str]:
        return {
            "jump": "is the conductance of the step in which it arrives, and no longer",
            "normalization": "peak 1 per unit of weight, for one step",
        }


def _is_normalized(source: Synapse | type[Synapse]) -> bool:
    """The option of a model, or the default of a class."""
    return bool(getattr(source.normalize, "default", source.normalize))
