"""From a conductance to a current."""

import brainunit as u
import jax
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError, SynOut
from brainloom_synapses import COBA, CUBA, MgBlock

BLOCK = {  # open part at a potential (mV): with 1 mM and, where known, with 1.2 mM of magnesium
    -80: (0.02442465, 0.02043707),
    -70: (0.04447072, 0.03733566),
    -65: (0.05966815, None),
    -60: (0.07962637, None),
    -50: (0.13854419, None),
    -40: (0.23015532, None),
    -20: (0.50814068, None),
    0: (0.78118162, 0.74842767),
    20: (0.92501803, None),
    40: (0.97708016, None),
}


def current(out: SynOut, V: float) -> float:
    """In mA, of 1 mS at a potential in mV."""
    out.bind_cond(1.0 * u.mS)
    return float(out(V * u.mV).to_decimal(u.mA))


@pytest.mark.parametrize("V", BLOCK)
def test_magnesium_block(float64: None, V: int) -> None:
    """Reversal 100 mV away gives a driving force of 0.1 V wherever the potential is."""
    for cc_Mg, expected in zip((1.0, 1.2), BLOCK[V], strict=True):
        if expected is not None:
            out = MgBlock(E=(V + 100.0) * u.mV, cc_Mg=cc_Mg)
            assert current(out, V) / 0.1 == pytest.approx(expected, abs=6e-9)


def test_half_block_and_largest_inward_current(float64: None) -> None:
    half = -20.525252
    out = MgBlock(E=(half + 100.0) * u.mV, cc_Mg=1.0)
    assert current(out, half) / 0.1 == pytest.approx(0.5, abs=1e-8)
    out = MgBlock(cc_Mg=1.0)
    V = np.arange(-40.0, -10.0, 0.001)
    out.bind_cond(1.0 * u.mS)
    assert V[np.argmax(out(V * u.mV).to_decimal(u.mA))] == pytest.approx(-26.955, abs=1e-3)


def test_defaults_of_the_block() -> None:
    """Units included: 60 mV times the part that is open at 1.2 mM."""
    opened = 1 / (1 + 1.2 / 3.57 * np.exp(0.062 * 60))
    assert current(MgBlock(), -60.0) == pytest.approx(0.06 * opened, rel=1e-6)
    written = MgBlock(E=0.0 * u.mV, cc_Mg=1.2, alpha=62.0 / u.volt, beta=3.57, V_offset=0.0 * u.mV)
    assert current(written, -60.0) == pytest.approx(0.06 * opened, rel=1e-6)
    assert current(MgBlock(cc_Mg=0.0), -60.0) == pytest.approx(0.06, rel=1e-6)
    shifted = MgBlock(E=10.0 * u.mV, V_offset=10.0 * u.mV)
    assert current(shifted, -50.0) == pytest.approx(0.06 * opened, rel=1e-6)


@pytest.mark.parametrize("V", [-1e5, -2e3, 0.0, 1e5])
def test_the_block_has_finite_gradients_at_any_potential(V: float) -> None:
    value, slope = jax.value_and_grad(lambda V: current_of(MgBlock(), V))(V)
    assert np.isfinite(value)
    assert np.isfinite(slope)


def current_of(out: SynOut, V: jax.Array) -> jax.Array:
    out.bind_cond(1.0 * u.mS)
    return out(V * u.mV).to_decimal(u.mA)


def test_reversal_and_scale() -> None:
    coba = COBA(E=-80 * u.mV)
    coba.bind_cond(2.0 * u.nS)
    assert coba(-60.0 * u.mV).to_decimal(u.pA) == pytest.approx(-40.0)
    cuba = CUBA()
    cuba.bind_cond(2.0 * u.mS)
    assert cuba(-60.0 * u.mV).to_decimal(u.mA) == pytest.approx(2.0)
    direct = CUBA(scale=1.0)
    direct.bind_cond(3.0 * u.pA)
    assert direct().to_decimal(u.pA) == pytest.approx(3.0)


def test_errors() -> None:
    with pytest.raises(ParameterError, match=r"COBA\.E: expected a voltage"):
        COBA(E=1.0 * u.mS)
    with pytest.raises(ParameterError, match=r"MgBlock\.alpha: expected .* > 0"):
        MgBlock(alpha=0.062)
    with pytest.raises(ParameterError, match=r"MgBlock\.cc_Mg: expected a number without unit"):
        MgBlock(cc_Mg=1.2 * u.mM)
    with pytest.raises(ParameterError, match=r"MgBlock\.beta: expected a number without unit > 0"):
        MgBlock(beta=0.0)
    with pytest.raises(InputError, match="MgBlock: no conductance is bound"):
        MgBlock()(-60 * u.mV)
