"""The neuron of Mihalas and Niebur, and the twenty patterns of its paper."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import brainunit as u
import numpy as np
from brainloom_core import (
    Neuron,
    initializer,
    one_of,
    option,
    param,
    positive,
    state,
)
from brainloom_core.types import Array, Initializer, Quantity, Size, Time

__all__ = ["PATTERNS", "MihalasNiebur", "Pattern"]


class MihalasNiebur(Neuron):
    r"""Generalized integrate-and-fire neuron of Mihalas and Niebur, as in the paper.

    $$
    \begin{aligned}
    C \frac{dV}{dt} &= I + I_1 + I_2 - G\,(V - E_L) \\
    \frac{d\Theta}{dt} &= a\,(V - E_L) - b\,(\Theta - \Theta_\infty) \\
    \frac{dI_j}{dt} &= -k_j I_j
    \end{aligned}
    $$

    spikes when $V \ge \Theta$; then $I_j \leftarrow R_j I_j + A_j$,
    $\Theta \leftarrow \max(\Theta, \Theta_r)$ and $V \leftarrow V_r$. Between spikes the step is
    exact for a current that is constant over it. With `interpolate=True` spikes have times within
    a step. [`PATTERNS`][brainloom_generalized.PATTERNS] has the parameters and the input of each
    of the twenty patterns that the paper shows. (`Gif` of brainloom-neurons has the same equations,
    written with a resistance and a time constant as in brainpy.state.)

    Args:
        in_size: Number of neurons, or the shape of the population.
        C: Membrane capacitance $C$, 100 pF; scalar or one per neuron.
        G: Membrane conductance $G$, 5 nS, so that $G / C$ is 50 / s; scalar or one per neuron.
        E_L: Resting potential $E_L$, -70 mV; scalar or one per neuron.
        V_reset: Reset potential $V_r$, -70 mV; scalar or one per neuron.
        V_th_inf: Threshold at rest $\Theta_\infty$, -50 mV, above `V_reset`; scalar or one per
            neuron.
        V_th_reset: Least threshold after a spike $\Theta_r$, -60 mV, above `V_reset`; scalar or
            one per neuron.
        a: Coupling of the threshold to the potential $a$, 0 / s; scalar or one per neuron.
        b: Rate at which the threshold returns $b$, 10 / s; scalar or one per neuron.
        k1: Rate of decay $k_1$ of the first internal current, 200 / s; scalar or one per neuron.
        k2: Rate of decay $k_2$ of the second internal current, 20 / s; scalar or one per neuron.
        R1: What a spike leaves of the first internal current $R_1$, 0; scalar or one per neuron.
        R2: What a spike leaves of the second internal current $R_2$, 1; scalar or one per neuron.
        A1: What a spike adds to the first internal current $A_1$, 0 pA; scalar or one per neuron.
        A2: What a spike adds to the second internal current $A_2$, 0 pA; scalar or one per
            neuron.
        V_initializer: Initial potential, -70 mV; a constant, an array or a function of the shape.
        V_th_initializer: Initial threshold, -50 mV; a constant, an array or a function of the
            shape.
        I1_initializer: Initial first internal current, 0 pA; a constant, an array or a function
            of the shape.
        I2_initializer: Initial second internal current, 0 pA; a constant, an array or a function
            of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"hard"`, as in the paper, or `"soft"`, which keeps what a step overshoots.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        V_th: Threshold $\Theta$, shape `(*batch, *in_size)`, mV.
        I1: First internal current, shape `(*batch, *in_size)`, pA.
        I2: Second internal current, shape `(*batch, *in_size)`, pA.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Mihalas & Niebur (2009), Neural Comput. 21, 704, doi:10.1162/neco.2008.12-07-680.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_generalized import MihalasNiebur
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = MihalasNiebur(1, a=5 / u.second)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(200 * u.pA), jnp.arange(2000))
        >>> int(spikes.sum())
        10
    """

    input_unit: ClassVar[u.Unit] = u.pA
    references = "brainloom_generalized.references:MIHALAS_NIEBUR"

    C: Quantity = param(default=100.0 * u.pF, constraint=positive, doc="membrane capacitance")
    G: Quantity = param(default=5.0 * u.nS, constraint=positive, doc="membrane conductance")
    E_L: Quantity = param(default=-70.0 * u.mV, doc="resting potential")
    V_reset: Quantity = param(default=-70.0 * u.mV, doc="reset potential")
    V_th_inf: Quantity = param(default=-50.0 * u.mV, doc="threshold at rest", above="V_reset")
    V_th_reset: Quantity = param(
        default=-60.0 * u.mV, doc="least threshold after a spike", above="V_reset"
    )
    a: Quantity = param(default=0.0 / u.second, doc="coupling of the threshold to the potential")
    b: Quantity = param(default=10.0 / u.second, doc="rate at which the threshold returns")
    k1: Quantity = param(default=200.0 / u.second, doc="decay of the first internal current")
    k2: Quantity = param(default=20.0 / u.second, doc="decay of the second internal current")
    R1: Quantity = param(default=0.0, doc="what a spike leaves of the first internal current")
    R2: Quantity = param(default=1.0, doc="what a spike leaves of the second internal current")
    A1: Quantity = param(default=0.0 * u.pA, doc="what a spike adds to the first internal current")
    A2: Quantity = param(default=0.0 * u.pA, doc="what a spike adds to the second internal current")
    V_initializer: Initializer = initializer(default=-70.0 * u.mV)
    V_th_initializer: Initializer = initializer(default=-50.0 * u.mV)
    I1_initializer: Initializer = initializer(default=0.0 * u.pA)
    I2_initializer: Initializer = initializer(default=0.0 * u.pA)
    spk_reset: str = option(default="hard", constraint=one_of("soft", "hard"), doc="reset rule")
    # Slow, since a class 1 neuron comes to its threshold by the last digits of a float32.
    V = state("V_initializer", "membrane potential", slow=True)
    V_th = state("V_th_initializer", "threshold", slow=True)
    I1 = state("I1_initializer", "first internal current", slow=True)
    I2 = state("I2_initializer", "second internal current", slow=True)
    linear = True

    def dV(self, V: Quantity, I1: Quantity, I2: Quantity, I: Quantity) -> Quantity:
        return (I + I1 + I2 - self.G * (V - self.E_L)) / self.C

    def dV_th(self, V_th: Quantity, V: Quantity) -> Quantity:
        return self.a * (V - self.E_L) - self.b * (V_th - self.V_th_inf)

    def dI1(self, I1: Quantity) -> Quantity:
        return -self.k1 * I1

    def dI2(self, I2: Quantity) -> Quantity:
        return -self.k2 * I2

    def threshold(self, V_th: Quantity) -> Quantity:
        return V_th

    def scale(self) -> Quantity:
        return self.V_th_inf - self.V_reset

    def on_spike(
        self, V_th: Quantity, I1: Quantity, I2: Quantity, spk: Array
    ) -> dict[str, Quantity]:
        least = u.math.maximum(V_th, self.V_th_reset)
        return {
            "V_th": V_th + spk * (least - V_th),
            "I1": I1 + spk * (self.R1 * I1 + self.A1 - I1),
            "I2": I2 + spk * (self.R2 * I2 + self.A2 - I2),
        }


@dataclass(frozen=True)
class Pattern:
    """One of the patterns of figure 1 of Mihalas and Niebur: parameters, and what makes it.

    Attributes:
        panel: Letter of the panel.
        a: Coupling of the threshold to the potential, per second.
        A1: What a spike adds to the first internal current, over $C$, in V / s.
        A2: What a spike adds to the second internal current, over $C$, in V / s.
        input: Durations in s and currents over $C$ in V / s, one after the other.
        start: Initial potential and threshold in mV.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_generalized import PATTERNS
        >>> pattern = PATTERNS["phasic bursting"]
        >>> recording = simulate(pattern.neuron(), pattern.duration, dt=0.1 * u.ms,
        ...                      inputs=pattern.current(0.1 * u.ms), record=["spikes"])
        >>> len(recording["spikes"])
        7
    """

    panel: str
    a: float
    A1: float
    A2: float
    input: tuple[tuple[float, float], ...]
    start: tuple[float, float] = field(default=(-70.0, -50.0))

    def neuron(self, in_size: Size = 1, **arguments: Any) -> MihalasNiebur:
        """A population with the parameters of this pattern.

        Args:
            in_size: Number of neurons, or the shape of the population.
            arguments: Others of `MihalasNiebur`, which take precedence.
        """
        C = arguments.get("C", 100.0 * u.pF)
        V, theta = self.start
        own = {
            "a": self.a / u.second,
            "G": (50.0 / u.second * C).in_unit(u.nS),
            "A1": (self.A1 * u.volt / u.second * C).in_unit(u.pA),
            "A2": (self.A2 * u.volt / u.second * C).in_unit(u.pA),
            "V_initializer": V * u.mV,
            "V_th_initializer": theta * u.mV,
        }
        return MihalasNiebur(in_size, **{**own, **arguments})

    @property
    def duration(self) -> Time:
        """How long the input is."""
        return 1000.0 * sum(seconds for seconds, _ in self.input) * u.ms

    def current(self, dt: Time, C: Quantity = 100.0 * u.pF) -> Quantity:
        """The input of each step, for `simulate(..., inputs=...)`.

        Args:
            dt: Time step.
            C: Capacitance of the neurons.
        """
        step = float(dt.to_decimal(u.second))
        ends = np.cumsum([seconds for seconds, _ in self.input])
        steps = np.diff(np.rint(ends / step).astype(int), prepend=0)
        over_C = np.repeat([value for _, value in self.input], steps)
        return (over_C * u.volt / u.second * C).in_unit(u.pA)


_PULSE = ((0.02, 1.5), (0.01, 0.0), (0.02, 1.5))
PATTERNS: Mapping[str, Pattern] = MappingProxyType(
    {
        "tonic spiking": Pattern("A", 0, 0, 0, ((0.2, 1.5),)),
        "class 1": Pattern("B", 0, 0, 0, ((0.5, 1.0 + 1e-6),)),
        "spike frequency adaptation": Pattern("C", 5, 0, 0, ((0.2, 2.0),)),
        "phasic spiking": Pattern("D", 5, 0, 0, ((0.5, 1.5),)),
        "accommodation": Pattern(
            *("E", 5, 0, 0),
            ((0.1, 1.5), (0.5, 0.0), (0.1, 0.5), (0.1, 1.0), (0.1, 1.5), (0.1, 0.0)),
        ),
        "threshold variability": Pattern(
            *("F", 5, 0, 0),
            ((0.02, 1.5), (0.18, 0.0), (0.025, -1.5), (0.025, 0.0), (0.025, 1.5), (0.125, 0.0)),
        ),
        "rebound spike": Pattern("G", 5, 0, 0, ((0.05, 0.0), (0.756, -3.5), (0.194, 0.0))),
        "class 2": Pattern("H", 5, 0, 0, ((0.3, 2.0 + 2e-6),), (-30.0, -30.0)),
        "integrator": Pattern(
            "I", 5, 0, 0, (*_PULSE, (0.25, 0.0), (0.02, 1.5), (0.02, 0.0), (0.02, 1.5), (0.04, 0.0))
        ),
        "input bistability": Pattern(
            "J", 5, 0, 0, ((0.1, 1.5), (0.4, 1.7), (0.1, 1.5), (0.4, 1.7))
        ),
        "hyperpolarization-induced spiking": Pattern("K", 30, 0, 0, ((0.4, -1.0),)),
        "hyperpolarization-induced bursting": Pattern("L", 30, 10, -0.6, ((0.4, -1.0),)),
        "tonic bursting": Pattern("M", 5, 10, -0.6, ((0.5, 2.0),)),
        "phasic bursting": Pattern("N", 5, 10, -0.6, ((0.5, 1.5),)),
        "rebound burst": Pattern("O", 5, 10, -0.6, ((0.1, 0.0), (0.5, -3.5), (0.4, 0.0))),
        "mixed mode": Pattern("P", 5, 5, -0.3, ((0.5, 2.0),)),
        "afterpotentials": Pattern("Q", 5, 5, -0.3, ((0.015, 2.0), (0.185, 0.0))),
        "basal bistability": Pattern(
            "R", 0, 8, -0.1, ((0.01, 5.0), (0.09, 0.0), (0.01, 5.0), (0.09, 0.0))
        ),
        "preferred frequency": Pattern(
            *("S", 5, -3, 0.5),
            (
                *((0.005, 5.0), (0.005, 0.0), (0.005, 4.0), (0.385, 0.0)),
                *((0.005, 5.0), (0.045, 0.0), (0.005, 4.0), (0.345, 0.0)),
            ),
        ),
        "spike latency": Pattern("T", -80, 0, 0, ((0.002, 8.0), (0.048, 0.0))),
    }
)
"""The twenty patterns of figure 1 of Mihalas and Niebur by name.

Parameters and currents are those of table 1 of the paper. It gives no durations, which are as
Detorakis (2017), ReScience 3(1), 7, read them from the figure. For `"class 2"` the neuron starts
where potential and threshold meet.
"""
