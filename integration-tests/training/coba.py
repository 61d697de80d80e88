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

import functools
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
TARGETS = np.array([5.0, 20.0, 10.0, 40.0])  # Hz, of a quarter of the excitatory neurons each
STEPS, RATE = 60, 0.5  # the latter in nS
DT, DURATION, SETTLING = 0.5 * u.ms, 250.0 * u.ms, 50.0 * u.ms
DRIVE = 200.0 * u.pA


def potentials(shape: tuple[int, ...]) -> Any:
    """Initial potentials, others in each step of training and each simulation."""
    return brainstate.random.normal(-55.0, 3.0, shape) * u.mV


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
            V_initializer=potentials,
            spk_reset="hard",
            spk_fun=InvSquareGrad(20.0),  # a wider one lets gradients explode,
        )
        self.exc = self._projection(self.n_exc, 1.0, tau=5.0 * u.ms, E=0.0 * u.mV)
        self.inh = self._projection(NEURONS - self.n_exc, 10.0, tau=10.0 * u.ms, E=-80.0 * u.mV)

    def _projection(self, n_pre: int, weight: float, tau: Any, E: Any) -> bl.AlignPostProj:
        weights = bl.Uniform(0.5 * weight * u.nS, 1.5 * weight * u.nS)  # one for each edge
        comm = bl.Connection(n_pre, self.neurons, bl.Bernoulli(DENSITY), weight=weights)
        syn, out = bl.Expon.desc(tau=tau, g_initializer=0.0 * u.nS), bl.COBA.desc(E=E)
        return bl.AlignPostProj(comm=comm, syn=syn, out=out, post=self.neurons)

    def update(self) -> None:
        """Deliver the spikes of the last step, then advance the neurons."""
        spikes = self.neurons.get_spike()
        self.exc(spikes[: self.n_exc])
        self.inh(spikes[self.n_exc :])
        self.neurons(DRIVE)

    def group_rates(self, counts: Any, duration: Any) -> Any:
        """Rates of the groups in Hz, from how often each neuron spiked."""
        groups = counts[: self.n_exc].reshape(len(TARGETS), -1)
        return groups.mean(-1) / duration.to_decimal(u.second)

    @property
    def connections(self) -> list[bl.Connection]:
        return [self.exc.comm, self.inh.comm]


def loss(net: Coba, spikes: Any, targets: Any) -> Any:
    """Mean square of the logarithm of the ratio of rates, each raised by 1 Hz, after settling."""
    settled = spikes[round(SETTLING / DT) :]
    rates = net.group_rates(settled.sum(0), DURATION - SETTLING)
    return (jnp.log((rates + 1.0) / (targets + 1.0)) ** 2).mean()


def simulated_rates(net: Coba, duration: Any = 2000.0 * u.ms, dt: Any = 0.1 * u.ms) -> Any:
    """Rates of the groups in Hz in a simulation from new initial potentials."""
    with brainstate.environ.context(dt=dt):
        brainstate.nn.init_all_states(net)
    recorded = bl.simulate(net, duration, dt=dt, record="neurons.spikes")["neurons.spikes"]
    (counts,) = recorded.between(SETTLING, duration).counts()
    return net.group_rates(counts, duration - SETTLING)


def run(seed: int, steps: int = STEPS) -> Figures:
    """Train, and simulate before and after; the largest error of a rate, relative to its target."""
    brainstate.random.seed(seed)
    net = Coba()
    before = simulated_rates(net)
    edges = [(c.edges.pre.copy(), c.edges.post.copy()) for c in net.connections]
    trainer = Trainer(
        net,
        functools.partial(loss, net),
        optax.adam(optax.cosine_decay_schedule(RATE, steps)),
        read="neurons.spikes",
        n_steps=round(DURATION / DT),
        batching=None,
        constraints={"*.weight": non_negative},
        dt=DT,
        seed=seed,
    )
    for _ in range(steps):
        final = trainer.step(None, TARGETS)["loss"]
    after = simulated_rates(net)
    weights = [c.weight.value.to_decimal(u.nS) for c in net.connections]
    same = all(
        np.array_equal(c.edges.pre, pre) and np.array_equal(c.edges.post, post)
        for c, (pre, post) in zip(net.connections, edges, strict=True)
    )
    return {
        "loss": float(final),
        "error_before": float(np.max(np.abs(before / TARGETS - 1.0))),
        "error": float(np.max(np.abs(after / TARGETS - 1.0))),
        **{f"{target:g}_Hz": float(rate) for target, rate in zip(TARGETS, after, strict=True)},
        "edges_kept": float(same),
        "smallest_weight_nS": float(min(w.min() for w in weights)),
        "weights_at_zero": float(np.mean(np.concatenate(weights) == 0.0)),
    }


if __name__ == "__main__":
    command(__doc__ or "", run)
