"""The benchmarks COBA, CUBA and COBAHH of Brette et al. (2007), after Vogels & Abbott (2005).

4000 neurons, leaky integrate-and-fire or, in COBAHH, of Hodgkin-Huxley type, four fifths of them
excitatory, each pair connected with probability 0.02. Nothing drives them from outside: the
activity sustains itself from the initial conditions.

References:
    Brette et al. (2007), J. Comput. Neurosci. 23, 349, doi:10.1007/s10827-007-0038-6;
    Vogels & Abbott (2005), J. Neurosci. 25, 10786, doi:10.1523/JNEUROSCI.3508-05.2005.
"""

import json
from dataclasses import dataclass
from importlib.resources import files

import brainstate
import brainunit as u
import numpy as np
from brainloom_core import Network, Recording, simulate
from brainloom_core.types import Arguments, Initializer, Population, Quantity, Shape, Time
from brainloom_neurons import LIFRef, TraubMiles
from brainloom_projections import Bernoulli, Projection
from brainloom_synapses import COBA, CUBA, Expon

__all__ = ["NETWORKS", "CobaHHNetwork", "CobaNetwork", "CubaNetwork", "Outcome", "run"]

DT, SETTLING = 0.1 * u.ms, 100.0 * u.ms


class _Network(Network):
    """Two populations in one, the first four fifths of which are excitatory."""

    def __init__(self, neurons: Population, exc: Arguments, inh: Arguments) -> None:
        super().__init__()
        (n,) = neurons.in_size
        self.n_exc = n * 4 // 5
        self.neurons = neurons
        rule = Bernoulli(0.02)
        self.exc = Projection(neurons[: self.n_exc], neurons, rule, **exc)
        self.inh = Projection(neurons[self.n_exc :], neurons, rule, **inh)


class CobaNetwork(_Network):
    """Conductance-based synapses: 6 nS (excitatory, 0 mV) and 67 nS (inhibitory, -80 mV).

    Args:
        n: Number of neurons.
        coupling: Factor on all weights; 0 uncouples the neurons.
    """

    def __init__(self, n: int = 4000, coupling: float = 1.0) -> None:
        neurons = _leaky(n, V_rest=-60.0 * u.mV, V_initializer=_first_potential)
        super().__init__(neurons, **_conductances(coupling))


class CubaNetwork(_Network):
    """Current-based synapses: 16.2 pA (excitatory) and -90 pA (inhibitory).

    Args:
        n: Number of neurons.
        coupling: Factor on all weights; 0 uncouples the neurons.
    """

    def __init__(self, n: int = 4000, coupling: float = 1.0) -> None:
        current = {"output": CUBA.desc(scale=1.0)}
        silent = 0.0 * u.pA
        super().__init__(
            _leaky(
                n,
                V_rest=-49.0 * u.mV,
                V_initializer=lambda shape: brainstate.random.uniform(-60.0, -50.0, shape) * u.mV,
            ),
            exc={
                "weight": coupling * 16.2 * u.pA,
                "synapse": Expon.desc(tau=5.0 * u.ms, g_initializer=silent),
                **current,
            },
            inh={
                "weight": coupling * -90.0 * u.pA,
                "synapse": Expon.desc(tau=10.0 * u.ms, g_initializer=silent),
                **current,
            },
        )


class CobaHHNetwork(_Network):
    """The synapses of `CobaNetwork`, and neurons of Hodgkin-Huxley type, whose gates start at 0.

    The scheme is part of the benchmark: with the exponential Euler method and steps of 0.1 ms the
    neurons fire at 36 Hz, with `solver="exp_strang"` at 44 Hz, and with shorter steps at 46 Hz.

    Args:
        n: Number of neurons.
        coupling: Factor on all weights; 0 uncouples the neurons.
        solver: Scheme of the neurons, that of the reference.
    """

    def __init__(self, n: int = 4000, coupling: float = 1.0, solver: str = "exp_euler") -> None:
        neurons = TraubMiles(
            n,  # membranes of 20000 square micrometres
            gNa=20.0 * u.uS,
            gK=6.0 * u.uS,
            gL=10.0 * u.nS,
            C=200.0 * u.pF,
            V_initializer=_first_potential,
            m_initializer=0.0,
            h_initializer=0.0,
            n_initializer=0.0,
            solver=solver,
        )
        super().__init__(neurons, **_conductances(coupling))


def _leaky(n: int, V_rest: Quantity, V_initializer: Initializer) -> LIFRef:
    return LIFRef(
        n,
        R=0.1 * u.Gohm,  # a leak of 10 nS, with 200 pF a time constant of 20 ms
        tau=20.0 * u.ms,
        tau_ref=5.0 * u.ms,
        V_th=-50.0 * u.mV,
        V_reset=-60.0 * u.mV,
        V_rest=V_rest,
        V_initializer=V_initializer,
        spk_reset="hard",
    )


def _conductances(coupling: float) -> dict[str, Arguments]:
    """Weights, synapses and outputs of the excitatory and the inhibitory projection."""
    return {
        "exc": {
            "weight": coupling * 6.0 * u.nS,
            "synapse": Expon.desc(
                tau=5.0 * u.ms, g_initializer=lambda shape: _normal(40.0, 15.0, u.nS, shape)
            ),
            "output": COBA.desc(E=0.0 * u.mV),
        },
        "inh": {
            "weight": coupling * 67.0 * u.nS,
            "synapse": Expon.desc(
                tau=10.0 * u.ms, g_initializer=lambda shape: _normal(200.0, 120.0, u.nS, shape)
            ),
            "output": COBA.desc(E=-80.0 * u.mV),
        },
    }


def _first_potential(shape: Shape) -> Quantity:
    return _normal(-65.0, 5.0, u.mV, shape)


NETWORKS = {"coba": CobaNetwork, "cuba": CubaNetwork, "cobahh": CobaHHNetwork}


@dataclass(frozen=True)
class Measure:
    """One measured number beside its reference interval."""

    name: str
    value: float
    low: float
    high: float

    @property
    def agrees(self) -> bool:
        """Whether the value lies in the interval."""
        return self.low <= self.value <= self.high


@dataclass(frozen=True)
class Outcome:
    """A run of a demo network: what was recorded and how it compares."""

    recording: Recording
    measures: tuple[Measure, ...]

    @property
    def agrees(self) -> bool:
        """Whether every number lies in its reference interval."""
        return all(measure.agrees for measure in self.measures)


def run(
    network: str = "coba",
    *,
    seed: int = 1,
    duration: Time = 1000.0 * u.ms,
    coupling: float = 1.0,
    progress: bool | None = None,
) -> Outcome:
    """Simulate `"coba"`, `"cuba"` or `"cobahh"` and compare it with the reference.

    Rate, CV and synchrony are measured after the first 100 ms. The reference interval is the
    mean over many seeds of a Brian2 simulation ± 3 standard deviations between seeds, widened
    for the error of that mean: where one more seed must fall.
    """
    brainstate.random.seed(seed)
    net = NETWORKS[network](coupling=coupling)
    recorded = simulate(net, duration, dt=DT, record={network: "neurons.spikes"}, progress=progress)
    spikes = recorded[network].between(SETTLING, recorded.end)
    values = {
        "rate_hz": float(spikes.rate().to_decimal(u.Hz)),
        "cv": spikes.isi_cv(),
        "synchrony": spikes.synchrony(),
    }
    return Outcome(
        recorded, tuple(Measure(k, v, *_interval(network, k)) for k, v in values.items())
    )


def reference() -> dict[str, dict[str, list[float]]]:
    """Values per seed of the reference simulations, by network and measure."""
    text = files(__package__).joinpath("brette2007.json").read_text()
    return json.loads(text)["networks"]


def _interval(network: str, measure: str) -> tuple[float, float]:
    seeds = np.asarray(reference()[network][measure])
    half = 3.0 * seeds.std(ddof=1) * np.sqrt(1.0 + 1.0 / len(seeds))
    return float(seeds.mean() - half), float(seeds.mean() + half)


def _normal(mean: float, std: float, unit: u.Unit, shape: Shape) -> Quantity:
    return (mean + std * brainstate.random.randn(*shape)) * unit
