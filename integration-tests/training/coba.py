"""Train the COBA network, the object that is simulated, to a pattern of rates.

    python coba.py --seeds 5 --output coba.json

Excitatory and inhibitory leaky integrate-and-fire neurons with conductances, sparsely and randomly
connected, under a constant current: the network of Brette et al. (2007) with a tenth of the neurons
and as many synapses for each. Backpropagation through 250 ms changes the conductance of each
edge until four groups of the excitatory neurons have rates of their own. No edge comes or goes, and
conductances stay at least zero, so that Dale's law holds. Then `simulate` runs the network for
2 s, from other initial potentials and with shorter steps.

References:
    Brette et al. (2007), doi:10.1007/s10827-007-0038-6.
"""

from typing import Any

import brainloom as bl
import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import optax
from brainloom_core import InvSquareGrad, non_negative
from brainloom_training import Trainer
from common import Figures, command

NEURONS, DENSITY = 400, 0.2
TARGETS = np.array([5.0, 20.0, 10.0, 40.0])  # Hz
STEPS, RATE = 150, 0.3
DT, DURATION, SETTLING = 0.5 * u.ms, 250.0 * u.ms, 50.0 * u.ms
DRIVE = 200.0 * u.pA


def normal(mean: float, std: float, unit: Any) -> Any:
    return lambda shape: brainstate.random.normal(mean, std, shape) * unit


def spread(mean: float) -> Any:
    """Conductances around a mean, as of one edge each."""
    return lambda shape: brainstate.random.uniform(0.5 * mean, 1.5 * mean, shape) * u.nS


class Coba(brainstate.nn.Module):
    """400 neurons, the first four fifths of which are excitatory."""

    def __init__(self) -> None:
        super().__init__()
        self.n_exc = NEURONS * 4 // 5
        self.neurons = bl.LIFRef(
            NEURONS,
            R=0.1 * u.Gohm,
            tau=20.0 * u.ms,
            tau_ref=5.0 * u.ms,
            V_th=-50.0 * u.mV,
            V_reset=-60.0 * u.mV,
            V_rest=-60.0 * u.mV,
            V_initializer=normal(-55.0, 3.0, u.mV),
            spk_reset="hard",
            spk_fun=SURROGATE,
        )
        self.exc = self._projection(self.n_exc, 1.0, tau=5.0 * u.ms, E=0.0 * u.mV)
        self.inh = self._projection(NEURONS - self.n_exc, 10.0, tau=10.0 * u.ms, E=-80.0 * u.mV)

    def _projection(self, n_pre: int, weight: float, tau: Any, E: Any) -> bl.AlignPostProj:
        comm = bl.Connection(n_pre, self.neurons, bl.Bernoulli(DENSITY), weight=spread(weight))
        syn, out = bl.Expon.desc(tau=tau, g_initializer=0.0 * u.nS), bl.COBA.desc(E=E)
        return bl.AlignPostProj(comm=comm, syn=syn, out=out, post=self.neurons)

    def update(self) -> None:
        """Deliver the spikes of the last step, then advance the neurons."""
        spikes = self.neurons.get_spike()
        self.exc(spikes[: self.n_exc])
        self.inh(spikes[self.n_exc :])
        self.neurons(DRIVE)

    def group_rates(self, counts: Any, duration: Any) -> Any:
        """Rates in Hz of the groups, from the spike counts of the neurons."""
        groups = counts[..., : self.n_exc].reshape(*counts.shape[:-1], len(TARGETS), -1)
        return groups.mean(-1) / duration.to_decimal(u.second)

SURROGATE = InvSquareGrad(5.0)
