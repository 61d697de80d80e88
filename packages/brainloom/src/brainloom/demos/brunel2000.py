"""The sparse random network of Brunel (2000), model A, whose states of activity are known.

References:
    Brunel (2000), J. Comput. Neurosci. 8, 183, doi:10.1023/A:1008925309027.
"""

import brainunit as u
from brainloom_core import Network, View
from brainloom_core.types import Quantity, Time
from brainloom_neurons import LIFRef, PoissonInput
from brainloom_projections import Connection, DeltaProj, FixedInDegree

__all__ = ["POINTS", "BrunelNetwork"]

# Synchronous regular, asynchronous irregular, and synchronous irregular with fast and slow
# oscillations: strength of inhibition, and external rate.
POINTS = {"SR": (3.0, 2.0), "AI": (5.0, 2.0), "SI fast": (6.0, 4.0), "SI slow": (4.5, 0.9)}


class BrunelNetwork(Network):
    """Excitatory and inhibitory neurons, four to one, with delta synapses and one delay.

    Each neuron has excitatory inputs from a tenth of the excitatory neurons and inhibitory ones
    from a tenth of the others, drawn with repetition, and as much Poisson input as it takes to
    hold the mean potential at `eta` times the threshold.

    Args:
        g: Strength of an inhibitory synapse relative to an excitatory one.
        eta: External rate relative to that which would just reach the threshold.
        n: Number of neurons, 12500 in the paper.
        J: Jump of the potential at an excitatory spike.
        delay: Delay of all synapses up to the step at whose end the potential jumps. With steps of
            0.1 ms the default makes the 1.5 ms of the paper, with which the period of the
            synchronous states grows.
    """

    def __init__(
        self,
        g: float,
        eta: float,
        n: int = 12500,
        J: Quantity = 0.1 * u.mV,
        delay: Time = 1.4 * u.ms,
    ) -> None:
        super().__init__()
        V_th, tau = 20.0 * u.mV, 20.0 * u.ms
        self.n_exc = n * 4 // 5
        self.neurons = LIFRef(
            n,
            R=1.0 * u.Mohm,
            tau=tau,
            tau_ref=2.0 * u.ms,
            V_th=V_th,
            V_reset=10.0 * u.mV,
            V_rest=0.0 * u.mV,
            V_initializer=0.0 * u.mV,
            spk_reset="hard",
        )
        self.exc = self._projection(self.neurons[: self.n_exc], J, delay)
        self.inh = self._projection(self.neurons[self.n_exc :], -g * J, delay)
        rate = (eta * V_th / (self.n_exc // 10 * J * tau)).in_unit(u.Hz)
        state = self.neurons.prefetch("V")
        self.external = PoissonInput(state, None, self.n_exc // 10, rate, J)

    def _projection(self, pre: View, weight: Quantity, delay: Time) -> DeltaProj:
        rule = FixedInDegree(pre.in_size[0] // 10, allow_multapses=True)
        comm = Connection(pre, self.neurons, rule, weight=weight, trainable=False)
        return DeltaProj(pre.get_spike, comm=comm, post=self.neurons, delay=delay)
