"""The introductory programs of brainpy.state's users run with the import changed, no line more.

Four programs of our own, in the calls and the order in which its public documentation introduces
them: a neuron, a synapse and a projection, a network of excitation and inhibition, training. They
are written for `brainpy.state` as `bp`; what they take from braintools there (initializers, an
optimizer, a loss) is brainstate's or written out here. Each ends in numbers known from elsewhere.
"""

from collections.abc import Iterator
from typing import Any

import brainloom as bp
import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

# Layers of brainstate call brainevent by names that it calls old.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def nothing_is_set() -> Iterator[None]:
    """The programs say dt where they need it, and no earlier."""
    brainstate.environ.pop("dt", None)
    with brainstate.random.seed_context(1):
        yield


def interval(drive: float, tau: float = 20.0, tau_ref: float = 5.0) -> float:
    """Of the LIF of all four programs, 10 mV from reset to threshold; ms."""
    return tau_ref + tau * np.log(drive / (drive - 10.0))


# A neuron


def test_first_neuron() -> None:
    with brainstate.environ.context(dt=0.1 * u.ms):
        neuron = bp.LIFRef(
            1,
            R=1.0 * u.ohm,
            tau=20.0 * u.ms,
            V_rest=-60.0 * u.mV,
            V_th=-50.0 * u.mV,
            V_reset=-60.0 * u.mV,
            tau_ref=5.0 * u.ms,
        )
        brainstate.nn.init_all_states(neuron)
    assert str(neuron).startswith("LIFRef(")

    with brainstate.environ.context(dt=0.1 * u.ms):
        times = u.math.arange(0.0 * u.ms, 200.0 * u.ms, brainstate.environ.get_dt())

        def step(t: Any) -> Any:
            with brainstate.environ.context(t=t):
                neuron(25.0 * u.mA)
                return neuron.V.value, neuron.get_spike()

        vs, spikes = brainstate.transform.for_loop(step, times)

    assert vs.shape == (2000, 1)
    # Without V_initializer it starts at 0 mV, above its threshold, and spikes in the first step.
    # Then one every 15.217 ms, on the grid of steps.
    assert float(u.math.sum(spikes)) == 14.0
    steps = np.ceil(10.0 * interval(25.0)) * np.arange(14)
    np.testing.assert_array_equal(np.flatnonzero(spikes[:, 0]), steps)
    assert float(vs.to_decimal(u.mV).min()) == -60.0


# A synapse and a projection


class TwoPopulations(brainstate.nn.Module):
    """One excites the other, which nothing else drives."""

    def __init__(self, n_pre: int = 20, n_post: int = 10) -> None:
        super().__init__()
        self.pre = bp.LIFRef(
            n_pre,
            tau=20.0 * u.ms,
            tau_ref=5.0 * u.ms,
            V_rest=-60.0 * u.mV,
            V_th=-50.0 * u.mV,
            V_reset=-60.0 * u.mV,
        )
        self.post = bp.LIFRef(
            n_post,
            tau=20.0 * u.ms,
            tau_ref=5.0 * u.ms,
            V_rest=-60.0 * u.mV,
            V_th=-50.0 * u.mV,
            V_reset=-60.0 * u.mV,
        )
        self.proj = bp.AlignPostProj(
            comm=brainstate.nn.EventFixedProb(n_pre, n_post, conn_num=0.5, conn_weight=0.5 * u.mS),
            syn=bp.Expon.desc(n_post, tau=5.0 * u.ms),
            out=bp.COBA.desc(E=0.0 * u.mV),
            post=self.post,
        )

    def update(self, t: Any, drive: Any) -> Any:
        with brainstate.environ.context(t=t):
            spikes = self.pre.get_spike() != 0.0
            self.proj(spikes)
            self.pre(drive)
            self.post(0.0 * u.mA)
            return self.post.V.value, self.proj.syn.g.value, spikes


def test_synapse_and_projection() -> None:
    with brainstate.environ.context(dt=0.1 * u.ms):
        net = TwoPopulations()
        brainstate.nn.init_all_states(net)
        times = u.math.arange(0.0 * u.ms, 200.0 * u.ms, brainstate.environ.get_dt())
        V, g, spikes = brainstate.transform.for_loop(lambda t: net.update(t, 30.0 * u.mA), times)

    assert V.shape == g.shape == (2000, 10)
    assert u.get_unit(g) == u.mS
    # All spike at once, each through 10 of 20 synapses of 0.5 mS; what arrives decays in 5 ms.
    since = 0.1 * (np.arange(2000)[:, None] - np.flatnonzero(spikes[:, 0]))
    expected = np.where(since >= 0.0, 50.0 * np.exp(-np.maximum(since, 0.0) / 5.0), 0.0).sum(1)
    numbers = np.asarray(g.to_decimal(u.mS), float)
    np.testing.assert_allclose(numbers.sum(1), expected, rtol=1e-4)
    assert set(np.diff(np.flatnonzero(spikes[:, 0]))) == {np.ceil(10 * interval(30.0))}

    # The potential, once free of where it began, is that of the equation in small steps.
    share, start, fine = numbers[-1] / numbers[-1].sum(), 300, 1e-3 * np.arange(100) + 5e-4
    exact = np.asarray(V[start].to_decimal(u.mV), float)
    for total in expected[start + 1 :]:
        for part in fine:  # R g, as R is 1 ohm
            factor = 1.0 + 1e-3 * share * total * np.exp(-part / 5.0)
            exact = -60.0 / factor + (exact + 60.0 / factor) * np.exp(-factor * 1e-3 / 20.0)
    np.testing.assert_allclose(np.asarray(V[-1].to_decimal(u.mV)), exact, atol=1e-3)


# A network of excitation and inhibition


class EINet(brainstate.nn.Module):
    """One population of 3200 + 800 neurons; its synapses of conductance or of current."""

    def __init__(self, excitation: Any, inhibition: Any, conductance: bool) -> None:
        super().__init__()
        self.n_exc = 3200
        self.n_inh = 800
        self.num = self.n_exc + self.n_inh
        self.N = bp.LIFRef(
            self.num,
            V_rest=-60.0 * u.mV,
            V_th=-50.0 * u.mV,
            V_reset=-60.0 * u.mV,
            tau=20.0 * u.ms,
            tau_ref=5.0 * u.ms,
            V_initializer=brainstate.nn.init.Normal(-55.0, 2.0, unit=u.mV),
        )
        self.E = bp.AlignPostProj(
            comm=brainstate.nn.EventFixedProb(
                self.n_exc, self.num, conn_num=0.02, conn_weight=excitation
            ),
            syn=bp.Expon.desc(self.num, tau=5.0 * u.ms),
            out=bp.COBA.desc(E=0.0 * u.mV) if conductance else bp.CUBA.desc(scale=u.volt),
            post=self.N,
        )
        self.I = bp.AlignPostProj(
            comm=brainstate.nn.EventFixedProb(
                self.n_inh, self.num, conn_num=0.02, conn_weight=inhibition
            ),
            syn=bp.Expon.desc(self.num, tau=10.0 * u.ms),
            out=bp.COBA.desc(E=-80.0 * u.mV) if conductance else bp.CUBA.desc(scale=u.volt),
            post=self.N,
        )

    def update(self, t: Any, inp: Any) -> Any:
        with brainstate.environ.context(t=t):
            spk = self.N.get_spike() != 0.0
            self.E(spk[: self.n_exc])
            self.I(spk[self.n_exc :])
            self.N(inp)
            return self.N.get_spike()


def rate_of(net: EINet, drive: Any, duration: Any) -> float:
    """After 100 ms, in Hz."""
    brainstate.nn.init_all_states(net)
    with brainstate.environ.context(dt=0.1 * u.ms):
        times = u.math.arange(0.0 * u.ms, duration, brainstate.environ.get_dt())
        spikes = brainstate.transform.for_loop(
            lambda t: net.update(t, drive), times, pbar=brainstate.transform.ProgressBar(10)
        )
    assert spikes.shape == (len(times), 4000)
    return float(spikes[1000:].mean()) / 1e-4


def test_network_of_conductances() -> None:
    """Nearly a clock (1 ohm makes small what conductances do): the rate of a mean field."""
    rate = rate_of(EINet(0.6 * u.mS, 6.7 * u.mS, True), 20.0 * u.mA, 200.0 * u.ms)
    expected = 0.05
    for _ in range(100):  # per ms, as it is with the mean conductances that it makes itself
        g_e, g_i = 64 * 0.6e-3 * 5.0 * expected, 16 * 6.7e-3 * 10.0 * expected
        total, drive = 1.0 + g_e + g_i, 20.0 + 60.0 * g_e - 20.0 * g_i
        expected = 1.0 / interval(drive / total, 20.0 / total)
    assert rate == pytest.approx(1e3 * expected, rel=0.02)


def test_network_of_currents() -> None:
    """The one of Vogels and Abbott, at its rate in Brian2 and in NEST: 5.4 to 5.7 Hz."""
    rate = rate_of(EINet(1.62 * u.mS, -9.0 * u.mS, False), 11.0 * u.mA, 400.0 * u.ms)
    assert rate == pytest.approx(5.5, abs=0.7)  # seeds differ by 0.2 Hz in 0.9 s


# Training


class Classifier(brainstate.nn.Module):
    """Inputs through synapses to spiking neurons, and through others to the outputs."""

    def __init__(self, n_in: int, n_rec: int, n_out: int) -> None:
        super().__init__()
        self.i2r = brainstate.nn.Sequential(
            brainstate.nn.Linear(
                n_in,
                n_rec,
                w_init=brainstate.nn.init.KaimingNormal(unit=u.mA),
                b_init=brainstate.nn.init.ZeroInit(unit=u.mA),
            ),
            bp.Expon(n_rec, tau=5.0 * u.ms, g_initializer=brainstate.nn.init.Constant(0.0 * u.mA)),
        )
        self.r = bp.LIF(
            n_rec,
            tau=20.0 * u.ms,
            V_rest=0.0 * u.mV,
            V_reset=0.0 * u.mV,
            V_th=1.0 * u.mV,
            spk_fun=bp.ReluGrad(),
        )
        self.r2o = brainstate.nn.Linear(n_rec, n_out, w_init=brainstate.nn.init.KaimingNormal())
        self.o = bp.Expon(n_out, tau=10.0 * u.ms, g_initializer=brainstate.nn.init.Constant(0.0))

    def update(self, spike: Any) -> Any:
        return self.o(self.r2o(self.r(self.i2r(spike))))


class Adam:
    """As braintools.optim has it: it is given the weights once, and then their gradients."""

    def __init__(self, lr: float) -> None:
        self.lr = lr

    def register_trainable_weights(self, weights: Any) -> None:
        self.weights = weights
        zeros = {key: jax.tree.map(lambda x: 0.0 * x, w.value) for key, w in weights.items()}
        self.moments = brainstate.ShortTermState((jnp.zeros(()), zeros, zeros))

    def update(self, grads: Any) -> None:
        step, first, second = self.moments.value
        step, slopes = step + 1.0, dict(grads)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slopes)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, second, slopes)
        rate = self.lr * jnp.sqrt(1.0 - 0.999**step) / (1.0 - 0.9**step)
        for key, weight in self.weights.items():
            weight.value = jax.tree.map(
                lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8),
                weight.value,
                first[key],
                second[key],
            )
        self.moments.value = (step, first, second)


def test_training() -> None:
    with brainstate.environ.context(dt=1.0 * u.ms):
        n_in, n_rec, n_out = 100, 4, 2
        num_step, num_sample = 200, 128
        freq = 5.0 * u.Hz
        x_data = brainstate.random.rand(num_step, num_sample, n_in)
        x_data = (x_data < freq * brainstate.environ.get_dt()).astype(float)
        y_data = u.math.asarray(brainstate.random.rand(num_sample) < 0.5, dtype=int)

        net = Classifier(n_in, n_rec, n_out)
        optimizer = Adam(lr=3e-3)
        optimizer.register_trainable_weights(net.states(brainstate.ParamState))

        def loss_fn() -> Any:
            preds = brainstate.transform.for_loop(net.update, x_data)
            preds = u.math.mean(preds, axis=0)
            logs = jax.nn.log_softmax(preds)
            return -logs[jnp.arange(num_sample), y_data].mean()

        @brainstate.transform.jit
        def train_step() -> Any:
            brainstate.nn.init_all_states(net, batch_size=num_sample)
            grads, loss = brainstate.transform.grad(
                loss_fn, net.states(brainstate.ParamState), return_value=True
            )()
            optimizer.update(grads)
            return loss

        losses = [float(train_step()) for _ in range(200)]

    assert losses[0] == pytest.approx(np.log(2.0), abs=0.02)  # knowing nothing
    assert losses[-1] < 0.6
