"""Exponential synapses against their closed forms."""

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_synapses import DualExpon, Expon

# tau_rise, tau_decay (ms), time of the peak (ms), factor that makes the peak 1.
KERNELS = [
    (0.5, 5.0, 1.279214, 1.435055),
    (0.2, 1.7, 0.485082, 1.507579),
    (0.5, 2.0, 0.924196, 2.116535),
    (1.0, 10.0, 2.558428, 1.435055),
    (2.0, 100.0, 7.983720, 1.105215),
    (0.25, 1.5, 0.537528, 1.717163),
]


def response(synapse: Expon | DualExpon, steps: int, dt: float, mean: bool = False) -> np.ndarray:
    """Conductance (mS) after each step, for one spike of weight 1 mS in the first."""
    with brainstate.environ.context(dt=dt * u.ms):
        brainstate.nn.init_all_states(synapse)

        def step(i: jnp.ndarray) -> jnp.ndarray:
            g = synapse(jnp.where(i == 0, 1.0, 0.0) * u.mS)
            return synapse.mean_conductance() if mean else g

        run = brainstate.transform.jit(
            lambda: brainstate.transform.for_loop(step, jnp.arange(steps))
        )
        return np.asarray(run().to_decimal(u.mS))[:, 0]


@pytest.mark.parametrize("dt", [0.01, 0.1, 1.0])
def test_exponential_decay_is_exact(dt: float) -> None:
    g = response(Expon(1, tau=5 * u.ms), 50, dt)
    np.testing.assert_allclose(g, np.exp(-np.arange(50) * dt / 5.0), rtol=2e-5)


@pytest.mark.parametrize(("rise", "decay", "peak_time", "factor"), KERNELS)
def test_dual_exponential_kernel(
    rise: float, decay: float, peak_time: float, factor: float
) -> None:
    synapse = DualExpon(1, tau_decay=decay * u.ms, tau_rise=rise * u.ms)
    g = response(synapse, 2000, 0.01)
    t = np.arange(2000) * 0.01
    exact = factor * (np.exp(-t / decay) - np.exp(-t / rise))
    # float32 rounding, 6e-8 per step, accumulated over the decay.
    np.testing.assert_allclose(g, exact, atol=5e-5)
    assert g.max() == pytest.approx(1.0, abs=1e-4)
    assert t[g.argmax()] == pytest.approx(peak_time, abs=0.011)


def test_dual_exponential_without_normalisation_and_with_amplitude() -> None:
    plain = response(
        DualExpon(1, tau_decay=5 * u.ms, tau_rise=0.5 * u.ms, normalize=False), 100, 0.1
    )
    scaled = response(
        DualExpon(1, tau_decay=5 * u.ms, tau_rise=0.5 * u.ms, amplitude=3.0), 100, 0.1
    )
    np.testing.assert_allclose(scaled, 3.0 * 1.435055 * plain, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_mean_conductance_has_the_exact_area(dt: float) -> None:
    """Summed over all steps, the means give the area of the kernel, whatever dt is."""
    area = response(Expon(1, tau=5 * u.ms), round(150 / dt), dt, mean=True).sum() * dt
    assert area == pytest.approx(5.0, rel=2e-5)
    synapse = DualExpon(1, tau_decay=5 * u.ms, tau_rise=0.5 * u.ms)
    area = response(synapse, round(150 / dt), dt, mean=True).sum() * dt
    assert area == pytest.approx(1.435055 * 4.5, rel=2e-5)


def test_conductance_takes_the_unit_of_its_initial_value() -> None:
    brainstate.environ.set(dt=0.1 * u.ms)
    current = brainstate.nn.init_all_states(Expon(2, g_initializer=0.0 * u.mA))
    assert u.get_unit(current(1.0 * u.mA)) == u.mA
    plain = brainstate.nn.init_all_states(Expon(2, g_initializer=0.0))
    np.testing.assert_array_equal(plain(1.0), [1.0, 1.0])
