"""The counterparts of neurons and of membranes."""

from collections.abc import Iterable
from typing import Any

import brainstate
import brainunit as u
import nir
import numpy as np
from brainloom_core import Neuron, ReluGrad
from brainloom_core.types import Arguments
from brainloom_core.units import in_steps, show
from brainloom_neurons import IF, LIF, LIFRef, PerfectIF
from brainloom_training import LeakyRateReadout

from .boundary import CURRENT, GAIN, RESISTANCE, TIME, VOLTAGE, NIRError, plain, quantity
from .cells import FilteredIntegrator, FilteredLIF, Integrator, LeakyIntegrator, Strictly
from .counterpart import Context, Counterpart, ToModule
from .private import named_solver, packed, solver_name, surrogate, unpacked, written

__all__ = ["POPULATIONS"]

# Parameters by their names here: the field of NIR, the unit there, and the one that is shown here.
TAU = ("tau", TIME, u.ms)
FIELDS: dict[type, dict[str, tuple[str, u.Unit, u.Unit]]] = {
    nir.I: {"R": ("r", GAIN, GAIN)},
    nir.LI: {
        "R": ("r", RESISTANCE, RESISTANCE),
        "tau": TAU,
        "V_rest": ("v_leak", VOLTAGE, VOLTAGE),
    },
}
FIELDS[nir.CubaLI] = {
    **FIELDS[nir.LI],
    "tau": ("tau_mem", TIME, u.ms),
    "tau_syn": ("tau_syn", TIME, u.ms),
    "w": ("w_in", u.UNITLESS, u.UNITLESS),
}
SPIKING = {
    "V_th": ("v_threshold", VOLTAGE, VOLTAGE),
    "V_reset": ("v_reset", VOLTAGE, VOLTAGE),
}
FIELDS[nir.LIF] = {**FIELDS[nir.LI], **SPIKING}
FIELDS[nir.CubaLIF] = {**FIELDS[nir.CubaLI], **SPIKING}
FIELDS[nir.IF] = SPIKING
INITIAL = {"V_initializer": VOLTAGE, "g_initializer": CURRENT}


def node_of(kind: type, model: brainstate.nn.Module, context: Context, **more: Any) -> nir.NIRNode:
    """A node with the parameters of a model, and the rest in its metadata."""
    shape = model.in_size
    values = {
        name: plain(getattr(model, ours), unit, shape)
        for ours, (name, unit, _) in FIELDS[kind].items()
        if hasattr(model, ours)
    }
    values |= {name: np.zeros(shape) for name, _, _ in FIELDS[kind].values() if name not in values}
    context.report("units", "kept", "potentials in mV, currents in mA, times in s")
    private = {"model": type(model).__name__, **_kept_apart(model, context)}
    return kind(**{**values, **more}, metadata=packed(private))


def module_of(
    cls: type, kind: type, node: nir.NIRNode, context: Context, **more: Any
) -> brainstate.nn.Module:
    """A model with the parameters of a node, and what its metadata say."""
    private = unpacked(node)
    given = {
        ours: quantity(getattr(node, name), unit, shown)
        for ours, (name, unit, shown) in FIELDS[kind].items()
    }
    given |= more
    context.report("units", "kept", "potentials in mV, currents in mA, times in s")
    given |= _put_back(cls, private, given, context)
    sizes = [np.shape(value) for value in given.values() if np.shape(value)]
    return cls(sizes[0] if sizes else context.shape, **given)


def _kept_apart(model: brainstate.nn.Module, context: Context) -> Arguments:
    """What NIR has no field for, and what becomes of it."""
    private: Arguments = {}
    trained = [
        name for name in model.declared_parameters() if isinstance(vars(model).get(name), _TRAINED)
    ]
    if trained:
        context.report("training", "dropped", f"that {', '.join(trained)} are trained")
    _report_scheme(model, context, private)
    for name, unit in INITIAL.items():
        if name not in model.declared_parameters():
            continue
        value = getattr(model, name)
        if callable(value) and not isinstance(value, u.Quantity):
            context.report("initial state", "dropped", f"{name} is a function, {value!r}")
        else:
            private[name] = written(value, unit)
    if any(name in private for name in INITIAL):
        context.report("initial state", "private", "NIR has none; in the metadata")
    if isinstance(model, Neuron):
        _report_spikes(model, context, private)
    return private


_TRAINED = (brainstate.State, brainstate.nn.Param)


def _report_scheme(model: brainstate.nn.Module, context: Context, private: Arguments) -> None:
    name = solver_name(model.solver)
    if name is None:
        context.report("scheme", "dropped", "solver is a function of its own")
    elif name != "auto":
        context.report("scheme", "private", f"solver={name!r}")
        private["solver"] = name
    else:
        text = "exact here; most other simulators take forward Euler steps, and differ by O(dt)"
        context.report("scheme", "approximated", text)


def _report_spikes(model: brainstate.nn.Module, context: Context, private: Arguments) -> None:
    """What a spiking neuron has besides."""
    private |= {"spk_reset": model.spk_reset, "interpolate": model.interpolate}
    if model.spk_reset == "hard":
        context.report("reset", "kept", "V is set to V_reset")
    else:
        text = "soft: V_th - V_reset is subtracted; other readers set V to v_reset"
        context.report("reset", "private", text)
    if model.interpolate:
        context.report("spike times", "private", "within a step, interpolate=True")
    if isinstance(model.spk_fun, Strictly):
        context.report("threshold", "kept", "a spike where V > V_th")
    else:
        text = "a spike where V >= V_th; other readers take V > v_threshold"
        context.report("threshold", "private", text)
    data = surrogate(model.spk_fun)
    if data is None:
        context.report("surrogate", "dropped", f"spk_fun is {model.spk_fun!r}")
    else:
        context.report("surrogate", "private", f"NIR has none; {model.spk_fun!r}")
        private["spk_fun"] = data
    if "tau_ref" in model.declared_parameters():
        private |= {"tau_ref": written(model.tau_ref, u.ms), "ref_var": model.ref_var}
        text = "NIR has no refractory period; other readers go on at once"
        context.report("refractory", "private", text)


def _put_back(cls: type, private: Arguments, given: Arguments, context: Context) -> Arguments:
    """Arguments besides the fields of NIR, from the metadata or by default."""
    back: Arguments = {}
    if private:
        context.report("metadata", "kept", "written by brainloom, and put back")
    _choose_scheme(private, back, context)
    starts = [name for name in INITIAL if name in cls.declared_parameters()]  # type: ignore[attr-defined]
    for name in starts:
        if name in private:
            back[name] = quantity(private[name], INITIAL[name])
    if "V_initializer" not in back:
        back["V_initializer"] = given.get("V_rest", 0.0 * VOLTAGE)
        context.report("initial state", "approximated", "not in the file: V starts at rest")
    if issubclass(cls, Neuron):
        _choose_spikes(private, back, context)
    return back


def _choose_scheme(private: Arguments, back: Arguments, context: Context) -> None:
    back["solver"] = context.solver or named_solver(private.get("solver", "auto"))
    if back["solver"] == "auto":
        text = "NIR has none: the exact step for inputs held over it"
    else:
        name = solver_name(back["solver"]) or "a function"
        text = f"NIR has none: {name}, as asked for or as the source does"
    context.report("scheme", "approximated" if not private else "kept", text)


def _choose_spikes(private: Arguments, back: Arguments, context: Context) -> None:
    rule = context.spk_reset or private.get("spk_reset", "hard")
    back["spk_reset"] = rule
    if rule == private.get("spk_reset", "hard"):
        text = "V is set to V_reset" if rule == "hard" else "V_th - V_reset is subtracted"
        context.report("reset", "kept", text)
    else:
        text = f"{rule}, as asked for or as the source does; NIR itself sets V to v_reset"
        context.report("reset", "approximated", text)
    back["interpolate"] = private.get("interpolate", False)
    if "spk_fun" in private:
        back["spk_fun"] = surrogate(private["spk_fun"])
    else:
        back["spk_fun"] = Strictly(ReluGrad()) if context.strict else ReluGrad()
        context.report("surrogate", "approximated", "not in the file: ReluGrad()")
        text = "a spike where V > V_th" if context.strict else "a spike where V >= V_th"
        context.report("threshold", "kept", text)
    if "tau_ref" in private:
        back |= {"tau_ref": quantity(private["tau_ref"], u.ms), "ref_var": private["ref_var"]}


# Neurons


def _if_node(model: PerfectIF, context: Context) -> nir.NIRNode:
    return node_of(nir.IF, model, context, r=plain(1.0 / model.C, GAIN, model.in_size))


def _if_module(node: nir.IF, context: Context) -> brainstate.nn.Module:
    r = np.asarray(node.r, np.float64)
    if np.any(r <= 0):
        raise NIRError(f"{context.name}: expected r > 0 in IF, got {r.min():g} at the least")
    return module_of(PerfectIF, nir.IF, node, context, C=quantity(1.0 / r, u.farad, u.mfarad))


def _leaky(kind: type) -> ToModule:
    return lambda model, context: node_of(kind, model, context)


def _lif_module(node: nir.LIF, context: Context) -> brainstate.nn.Module:
    cls = LIFRef if unpacked(node).get("model") == "LIFRef" else LIF
    return module_of(cls, nir.LIF, node, context)


def _reads(cls: type, kind: type) -> ToModule:
    return lambda node, context: module_of(cls, kind, node, context)


# A readout to which spikes add jumps


def _readout_nodes(model: LeakyRateReadout, context: Context) -> Iterable[nir.NIRNode]:
    if len(model.in_size) != 1 or len(model.out_size) != 1:
        raise NIRError(
            f"{context.name}: expected a readout of vectors, got shapes {model.in_size} and "
            f"{model.out_size}"
        )
    why = "a spike adds a jump to the readout, where NIR holds it over the step"
    share = -np.expm1(-np.asarray(in_steps(context.step(why), model.tau)))
    text = f"by jumps here, held over the step there; equal at dt = {show(context.dt)} alone"
    context.report("input", "approximated", text)
    shape = model.out_size
    return [
        nir.Linear(np.asarray(model.weight.value).T),
        nir.LI(
            tau=plain(model.tau, TIME, shape),
            r=np.full(shape, 1.0 / share),
            v_leak=np.zeros(shape),
        ),
    ]


POPULATIONS = (
    Counterpart(LIF, nir.LIF, _leaky(nir.LIF), _lif_module),
    Counterpart(LIFRef, nir.LIF, _leaky(nir.LIF), _lif_module),
    Counterpart(IF, nir.LIF, _leaky(nir.LIF)),
    Counterpart(PerfectIF, nir.IF, _if_node, _if_module),
    Counterpart(FilteredLIF, nir.CubaLIF, _leaky(nir.CubaLIF), _reads(FilteredLIF, nir.CubaLIF)),
    Counterpart(Integrator, nir.I, _leaky(nir.I), _reads(Integrator, nir.I)),
    Counterpart(LeakyIntegrator, nir.LI, _leaky(nir.LI), _reads(LeakyIntegrator, nir.LI)),
    Counterpart(
        FilteredIntegrator, nir.CubaLI, _leaky(nir.CubaLI), _reads(FilteredIntegrator, nir.CubaLI)
    ),
    Counterpart(LeakyRateReadout, nir.LI, _readout_nodes),
)
