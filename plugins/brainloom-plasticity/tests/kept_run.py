"""A run with all that a checkpoint has to hold, as a program that can be killed, and as parts."""

import sys

import brainloom_core as core
import brainloom_core.run.loop as loop
import brainstate
import brainunit as u
from brainloom_core import Network, Normal, Uniform
from brainloom_neurons import LIFRef, PoissonInput, PoissonSpike
from brainloom_plasticity import STDP, PlasticProj
from brainloom_projections import STP, AlignPostProj, Bernoulli, Connection
from brainloom_synapses import COBA, Expon

DT = 0.1 * u.ms
CHUNK = 50
DURATION = 400 * u.ms
RECORD = ["P.spikes", "E.spikes", "E.rate"]


def build(tau=5.0, n=40, weight=0.1):
    net = Network()
    net.P = PoissonSpike(40, freqs=60 * u.Hz)
    net.E = LIFRef(
        n,
        R=1 * u.ohm,
        V_th=-50 * u.mV,
        V_reset=-60 * u.mV,
        V_rest=-60 * u.mV,
        V_initializer=Normal(-58 * u.mV, 2 * u.mV),
    )
    net.N = PoissonInput(net.E.prefetch("V"), None, 10, 50 * u.Hz, 2 * u.mV)
    net.PE = AlignPostProj(
        net.P.get_spike,
        comm=Connection(
            net.P,
            net.E,
            Bernoulli(0.3),
            weight * u.mS,
            delay=Uniform(0.1 * u.ms, 2 * u.ms),
            seed=1,
        ),
        syn=Expon.desc(tau=tau * u.ms),
        out=COBA.desc(E=0 * u.mV),
        post=net.E,
        stp=STP.desc(),
    )
    net.EE = PlasticProj(
        net.E,
        net.E,
        Bernoulli(0.3),
        Expon.desc(tau=5 * u.ms),
        COBA.desc(E=0 * u.mV),
        rule=STDP(A_plus=0.05, A_minus=0.05, w_max=0.2 * u.mS),
        weight=0.1 * u.mS,
        delay=1 * u.ms,
        seed=2,
    )
    return net


def simulate(net, path=None, seed=None):
    brainstate.random.seed(3)
    kept = {} if path is None else {"checkpoint": path, "every": 5 * u.ms}
    return core.simulate(net, DURATION, dt=DT, record=RECORD, seed=seed, progress=False, **kept)


if __name__ == "__main__":
    loop.CHUNK_STEPS = CHUNK
    if sys.argv[1] == "simulate":
        recording = simulate(build(), sys.argv[2], seed=int(sys.argv[3]) or None)
    else:
        recording = core.resume(sys.argv[2], build(), progress=False)
    print(recording.hash())
