"""A plugin of wrong models: what `brainloom verify` is for.

Each is one of ours with one mistake of the kind that slips into a model. `BUGS` says which check
has to find it.
"""

import brainstate
import brainunit as u
from brainloom_core import SOLVERS
from brainloom_core.plugins import hookimpl
from brainloom_neurons import HH, LIF, AdExIF, CubaLIF, ExpIF, Gif, LIFRef, WangBuzsakiHH
from brainloom_projections import STP
from brainloom_synapses import AMPA, DualExpon, Expon, MgBlock


class LeakTenTimesTooSmall(HH):
    def dV(self, V, m, h, n, I):
        return super().dV(V, m, h, n, I) - 0.9 * self.gL * (self.EL - V) / self.C


class ResetsSwapped(LIF):
    def reset_potential(self, y, spk):
        if self.spk_reset == "soft":
            return u.math.where(spk > 0, self.V_reset, y["V"])
        return y["V"] - (self.V_th - self.V_reset) * spk


class RefractoryStepShort(LIFRef):
    def after_spike(self, y):
        new = super().after_spike(y)
        return {**new, "steps_held": new["steps_held"] - (y["spike"] > 0)}


class RefractoryStepLong(LIFRef):
    def after_spike(self, y):
        new = super().after_spike(y)
        return {**new, "steps_held": new["steps_held"] + (y["spike"] > 0)}


class ResetToRest(LIF):
    def reset_potential(self, y, spk):
        return u.math.where(spk > 0, self.V_rest, y["V"])


class JumpOfAdaptationLost(AdExIF):
    def on_spike(self, w, spk):
        return {"w": w}


class OvershootReachesAdaptation(AdExIF):
    caps_overshoot = False


class SlopeFactorMissing(ExpIF):
    def _onset(self, V):
        return super()._onset(V) / (self.delta_T / u.mV)


class GatesFrozen(HH):
    """Declares what HH declares, a scheme of second order."""

    def integrate(self, y, x):
        dt = brainstate.environ.get_dt()
        return {**y, **SOLVERS["exp_euler"](self.drifts(x), y, dt)}


class TimeConstantTwice(LIF):
    linear = True

    def dV(self, V, I):
        return super().dV(V, I) / 2.0


class GainOnePercentOff(LIF):
    linear = True

    def dV(self, V, I):
        return super().dV(V, 1.01 * I)


class ThresholdOff(LIF):
    def threshold(self):
        return self.V_th + 1.0 * u.mV


class ThresholdAdaptsTheWrongWay(Gif):
    linear = True

    def dV_th(self, V_th, V):
        return -self.a * (V - self.V_rest) - self.b * (V_th - self.V_th_inf)


class TimeConstantsExchanged(CubaLIF):
    linear = True

    def dV(self, V, g, I):
        return super().dV(V, g, I) * self.tau / self.tau_syn

    def dg(self, g):
        return super().dg(g) * self.tau_syn / self.tau


class SpeedOfGatesForgotten(WangBuzsakiHH):
    def dh(self, h, V):
        return super().dh(h, V) / self.phi


class HeldOverTheStep(Expon):
    """What drives the membrane is the value at the start of the step."""

    def mean_conductance(self):
        return self.g.value


class PulseOfWholeSteps(AMPA):
    def _phases(self, y):
        dt = brainstate.environ.get_dt()
        on = u.math.where(y["pulse_left"] > 0.0 * u.ms, dt, 0.0 * dt)
        return on, dt - on


class NormalisationForgotten(DualExpon):
    def _gain(self):
        return self.amplitude * (self.tau_decay - self.tau_rise) / self.tau_rise


class BlockUpsideDown(MgBlock):
    def update(self, g, V):
        return g * (self.E - V) / (1.0 + self.cc_Mg / self.beta * u.math.exp(self.alpha * V))


class FirstReleaseDependsOnItsTime(STP):
    """Starts at U and relaxes to 0."""

    def init_state(self, *args, **kwargs):
        super().init_state(*args, **kwargs)
        self.u.value = self.u.value + self.U


BUGS = {
    LeakTenTimesTooSmall: "rest: V",
    ResetsSwapped: "soft reset",
    RefractoryStepShort: "refractory period, soft reset",
    RefractoryStepLong: "refractory period, hard reset",
    ResetToRest: "intervals (dt 0.1, hard)",
    JumpOfAdaptationLost: "spike times (dt 0.1, hard)",
    OvershootReachesAdaptation: "spike times (dt 0.1, hard)",
    SlopeFactorMissing: "V (dt 0.1, hard)",
    GatesFrozen: "order of convergence, declared 2",
    TimeConstantTwice: "V below threshold (dt 0.1)",
    GainOnePercentOff: "V below threshold (dt 0.1)",
    ThresholdOff: "intervals (dt 0.1, hard)",
    ThresholdAdaptsTheWrongWay: "spike times (dt 0.1, hard)",
    TimeConstantsExchanged: "V after a synaptic jump (dt 0.1)",
    SpeedOfGatesForgotten: "f-I (dt 0.1)",
    HeldOverTheStep: "exact mean",
    PulseOfWholeSteps: "conductance (dt 1)",
    NormalisationForgotten: "conductance (dt 0.1)",
    BlockUpsideDown: "block by 1 mM",
    FirstReleaseDependsOnItsTime: "transient at 20 Hz (dt 1)",
}


@hookimpl
def brainloom_models():
    return {bug.__name__: f"{__name__}:{bug.__name__}" for bug in BUGS}
