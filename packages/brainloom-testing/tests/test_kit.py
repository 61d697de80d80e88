"""The kit itself: sound models pass, each check catches a model that is broken in its way."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import pytest
from brainloom_core import (
    REQUIRED,
    AlignPost,
    Declared,
    Dynamics,
    Neuron,
    Refractory,
    Synapse,
    SynOut,
    checked,
    finite,
    full,
    initializer,
    option,
    param,
    positive,
    state,
)
from brainloom_testing import Case, checks_for, default_case, parametrize_with_checks, run
from brainloom_testing.checks import CHECKS
from brainloom_testing.checks.constructors import check_bad_arguments_are_refused_in_words
from brainloom_testing.running import drive

pytest_plugins = ["pytester"]

DOC = r"""A leaky neuron.

$$
\tau \frac{dV}{dt} = -V + R\,I
$$

Args:
    in_size: Number of neurons, or the shape of the population.
    tau: Time constant, 5 ms.
    V_th: Threshold, 1 mV.
    V_reset: Reset potential, 0 mV.
    V_rest: Resting potential, 0 mV.
    V_initializer: Initial potential, 0 mV.
    spk_fun: Spike function.
    spk_reset: `"soft"` or `"hard"`.
    name: Name of the module.
    solver: Time-stepping scheme.
    interpolate: Whether spikes have times within a step.
    detach_reset: Whether gradients pass by the reset, None: by that of V.

Attributes:
    V: Membrane potential.

Raises:
    ParameterError: A parameter is wrong.

References:
    Lapicque (1907), J. Physiol. Pathol. Gen. 9, 620.

Examples:
    >>> 1 + 1
    2
"""
SYNAPSE_DOC = r"""A synapse, $\dot g = -g / \tau$.

Args:
    in_size: Number of synapses, or their shape.
    name: Name of the module.
    tau: Time constant, 8 ms.
    solver: Time-stepping scheme.

Attributes:
    g: Conductance.

Raises:
    ParameterError: A parameter is wrong.

References:
    Dayan & Abbott (2001), Theoretical Neuroscience, section 5.8.

Examples:
    >>> 1 + 1
    2
"""


class Sound(Neuron):
    __doc__ = DOC
    tau: Any = param(5.0 * u.ms, positive, "time constant")
    V_th: Any = param(1.0 * u.mV, doc="threshold", above="V_reset")
    V_reset: Any = param(0.0 * u.mV, doc="reset potential")
    V_rest: Any = param(0.0 * u.mV, doc="resting potential")
    V_initializer: Any = initializer(0.0 * u.mV)
    V = state("V_initializer", "membrane potential")
    linear = True

    def dV(self, V: Any, I: Any) -> Any:
        return (self.V_rest - V + 1.0 * u.ohm * I) / self.tau


class SoundRefractory(Refractory, Sound):
    __doc__ = (
        DOC.replace("    V_th:", "    tau_ref: Refractory period, 5 ms.\n    V_th:")
        .replace("    name:", "    ref_var: Whether to keep `refractory`.\n    name:")
        .replace("potential.\n\nRaises", "potential.\n    steps_held: Steps left.\n\nRaises")
    )


class SoundSynapse(AlignPost, Synapse):
    __doc__ = SYNAPSE_DOC
    tau: Any = param(8.0 * u.ms, positive, "time constant")
    g = state(lambda model, shape: full(0.0 * u.mS, shape), "conductance")
    linear = True

    def dg(self, g: Any) -> Any:
        return -g / self.tau


def noise(shape: tuple[int, ...]) -> Any:
    return 0.1 * u.mV * jax.random.uniform(jax.random.key(0), shape)


# Broken in one way each. Those that are run through all checks come first.


class ChangesUnit(Sound):
    __doc__ = DOC

    def update(self, x: Any = None) -> Any:
        spikes = super().update(x)
        vars(self)["V"] = brainstate.HiddenState(self.V.value.in_unit(u.volt))
        return spikes


class ResetsNothing(Sound):
    __doc__ = DOC

    def reset_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        pass


class DiffersInBatch(Sound):
    __doc__ = DOC
    V = state(
        lambda model, shape: Sound.V_initializer.initial(model, shape) + noise(shape),
        "membrane potential",
    )


class LacksReferences(Sound):
    __doc__ = DOC.replace("References:", "Literature:")


class OneStepTooLong(SoundRefractory):
    __doc__ = SoundRefractory.__doc__

    def after_spike(self, y: dict[str, Any]) -> dict[str, Any]:
        new = super().after_spike(y)
        return {**new, "steps_held": new["steps_held"] + (y["spike"] > 0)}


class HasNaNGradient(Sound):
    __doc__ = DOC

    def threshold(self, V: Any) -> Any:
        return self.V_th + 0.0 * u.mV * jnp.sqrt(u.get_mantissa(V - V))


class AcceptsAnyUnit(Sound):
    __doc__ = DOC

    def configure(self, frame: dict[str, Any] | None, values: dict[str, Any]) -> None:
        tau = values["tau"]
        if isinstance(tau, (float, u.Quantity)):
            tau = u.get_mantissa(tau) * u.ms
        super().configure(frame, {**values, "tau": tau})


# Those that only the intended checks see.


class LacksDocuments(Sound):
    """A neuron without an equation.

    Args:
        size: No such parameter.
    """

    R: Any = param(1.0 * u.ohm)


class HidesParameters(Sound):
    __doc__ = DOC

    def __init__(self, in_size: Any) -> None:
        super().__init__(in_size)


class ChecksNothing(Sound):
    __doc__ = DOC

    def configure(self, frame: dict[str, Any] | None, values: dict[str, Any]) -> None:
        Dynamics.configure_frame(self, (2,), (frame or {}).get("name"))
        vars(self).update(values)


class AssignsAnything(Sound):
    __doc__ = DOC

    def _reassign(self, name: str, value: Any) -> None:
        vars(self)[name] = value


class DescribedByText(Sound):
    __doc__ = DOC

    @classmethod
    def desc(cls, *args: Any, **kwargs: Any) -> Any:
        return str(kwargs)


class StartsByItself(Sound):
    __doc__ = DOC

    def update(self, x: Any = None) -> Any:
        if "V" not in vars(self):
            self.init_state()
        return super().update(x)


class ReplacesStates(Sound):
    __doc__ = DOC

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        vars(self).pop("V", None)
        super().init_state(batch_size)


class AcceptsAnyInput(Sound):
    __doc__ = DOC

    def check_input(self, x: Any, unit: Any, state: str) -> Any:
        return u.get_mantissa(x).max() * unit if jnp.ndim(x) else u.get_mantissa(x) * unit


class CountsCalls(Sound):
    __doc__ = DOC
    calls = 0

    def update(self, x: Any = None) -> Any:
        self.calls += 1
        self.V.value = self.V.value + 0.1 * self.calls * u.mV
        return super().update(x)


class IsItsOwnCopy(Sound):
    __doc__ = DOC

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self


class StaysInFloat32(Sound):
    __doc__ = DOC
    V = state(lambda model, shape: jnp.zeros(shape, jnp.float32) * u.mV, "membrane potential")


class LosesSmallSteps(Sound):
    __doc__ = DOC.replace(
        "    solver:", "    tau_w: Time constant of w, 100 ms.\n    solver:"
    ).replace("Raises:", "    w: Adaptation.\n\nRaises:")
    tau_w: Any = param(100.0 * u.ms, positive, "time constant of w")
    linear = True
    w = state(lambda model, shape: jnp.zeros(shape, brainstate.environ.dftype()), "adaptation")

    def dw(self, w: Any) -> Any:
        return -w / self.tau_w


class LetsNoGradientThrough(Sound):
    __doc__ = DOC

    def fires(self, before: dict[str, Any], new: dict[str, Any]) -> Any:
        return jax.lax.stop_gradient(super().fires(before, new))


class HasNoRateUnit(Sound):
    __doc__ = DOC
    linear = True

    def dV(self, V: Any, I: Any) -> Any:
        return -V + 1.0 * u.ohm * I


class HasOneScheme(Sound):
    """Always advances by Euler's rule."""

    def integrate(self, y: dict[str, Any], x: Any) -> dict[str, Any]:
        dt = brainstate.environ.get_dt()
        return {**y, "V": y["V"] + dt * self.dV(y["V"], x)}


class SaysTooMuch(Sound):
    __doc__ = DOC
    linear = True

    def dV(self, V: Any, I: Any) -> Any:
        return super().dV(V, I) - V**2 / u.mV / self.tau


class LosesOrder(Sound):
    """Its derivative is off by a term that falls with dt more slowly than any scheme's error."""

    linear = True

    def dV(self, V: Any, I: Any) -> Any:
        dt = brainstate.environ.get_dt()
        bump = u.mV * u.get_magnitude(dt / self.tau) ** 0.25
        return super().dV(V, I) + bump / self.tau


class SpikesAtRest(Sound):
    __doc__ = DOC

    def threshold(self) -> Any:
        return self.V_reset - 1.0 * u.mV


class RunsAway(Sound):
    """Quadratic, with an overshoot that its soft reset keeps."""

    linear = False

    def dV(self, V: Any, I: Any) -> Any:
        return ((V - self.V_rest) * (V - 0.5 * u.mV) / u.mV + 1.0 * u.ohm * I) / self.tau


class IsCutOff(RunsAway):
    """The same with what the check asks for."""

    caps_overshoot = True


class NeverDecays(SoundSynapse):
    __doc__ = SYNAPSE_DOC

    linear = True

    def dg(self, g: Any) -> Any:
        return 0.0 * g / self.tau


class ActsAfterItsDecay(SoundSynapse):
    __doc__ = SYNAPSE_DOC

    def mean_conductance(self) -> Any:
        means = self.step_means(self.state_values(), brainstate.environ.get_dt())
        return means["g"] * jnp.exp(-u.get_magnitude(brainstate.environ.get_dt() / self.tau))


class ForgetsFunctions(Sound):
    __doc__ = DOC

    def sum_delta_inputs(self, init: Any, *args: Any, **options: Any) -> Any:
        kept = {key: inp for key, inp in self._delta_inputs.items() if not callable(inp)}
        self._delta_inputs = kept
        return super().sum_delta_inputs(init, *args, **options)


class Saturates(SoundSynapse):
    __doc__ = SYNAPSE_DOC

    def conductance(self, g: Any) -> Any:
        return g / (1.0 + g / u.mS)


class DrivesUnbound(SynOut):
    """An output, $I = 0$."""

    def __call__(self, *args: Any) -> Any:
        return 0.0 * u.mA


class IgnoresBatch(Dynamics):
    """A source of nothing, of one member."""

    def update(self) -> Any:
        return jnp.zeros(self.in_size)


def showing_a_wrong_result() -> type:
    """A class in a function, out of reach of doctest."""

    class ShowsWrongResult(Sound):
        __doc__ = DOC.replace("    2\n", "    3\n")

    return ShowsWrongResult


def setting_a_time_step() -> type:
    """Another one."""

    class SetsTimeStep(Sound):
        r"""Sets it.

        >>> import brainstate
        >>> brainstate.environ.set(dt=7.0, something=1)
        """

    return SetsTimeStep


class IsDeaf(Sound):
    __doc__ = DOC

    linear = True

    def dV(self, V: Any, I: Any) -> Any:
        return -V / self.tau


class ReadsOut(Declared):
    """A readout, as its sizes say."""

    signature_layout = ("in_size", "out_size", ...)
    signature_frame = {"in_size": REQUIRED, "out_size": REQUIRED}
    gain: Any = param(unit=u.UNITLESS, doc="gain")


class Chooses(Declared):
    """Needs what only its author knows."""

    mode: Any = option(doc="a choice")


class Undocumented:
    """Nothing but this sentence."""

    def __init__(self) -> None:
        pass


PLUGIN_TEST = """
from brainloom_testing import Case, parametrize_with_checks

class Undocumented:
    "Nothing but this sentence."

    def __init__(self):
        pass

REASONS = {"docstring_has_sections": "in writing", "docstring_lists_arguments": "passes"}

@parametrize_with_checks([Case(Undocumented, expected_failures=REASONS)])
def test_conformance(case, check):
    check(case)
"""

EXPONENTIAL = ("exp_euler", "exp_strang", "exp_rosenbrock")

FAIL_ALONE: dict[type, set[str]] = {
    ResetsNothing: {"reset_state_restores"},
    DiffersInBatch: {"batch_equals_single_runs", "vmap_equals_batch"},
    LacksReferences: {"docstring_has_sections"},
    OneStepTooLong: {
        "refractory_period_adds_to_interval",
        "refractory_period_holds_potential",
    },
    HasNaNGradient: {"float64_gradients_are_finite", "gradients_are_finite"},
    AcceptsAnyUnit: {"wrong_units_raise"},
}
FAIL_TOO: dict[type, set[str]] = {
    LosesSmallSteps: {"slow_states_in_float32"},
    ChangesUnit: {"states_keep_units"},
    LacksDocuments: {
        "declarations_are_documented",
        "docstring_has_equation",
        "docstring_has_sections",
        "docstring_lists_arguments",
        "docstring_lists_states",
        "examples_run",
    },
    showing_a_wrong_result(): {"examples_run"},
    HidesParameters: {"signature_follows_declarations"},
    ChecksNothing: {
        "bad_arguments_are_refused_in_words",
        "broken_constraints_raise",
        "broken_relations_raise",
        "non_finite_values_raise",
        "wrong_shapes_raise",
        "wrong_sizes_raise",
        "wrong_units_raise",
    },
    AssignsAnything: {"assignments_are_checked"},
    DescribedByText: {"descriptors_compare_by_meaning", "descriptors_see_every_element"},
    StartsByItself: {"use_before_init_raises"},
    ReplacesStates: {"init_state_repeats"},
    AcceptsAnyInput: {
        "unexpected_batch_raises",
        "wrong_input_length_raises",
        "wrong_input_unit_raises",
    },
    CountsCalls: {"jit_equals_eager"},
    IsItsOwnCopy: {"copies_behave_alike"},
    StaysInFloat32: {"float64_is_kept"},
    LetsNoGradientThrough: {"input_gradient_is_not_zero"},
    HasNoRateUnit: {"derivatives_have_rate_units"},
    HasOneScheme: {f"order_of_{name}" for name in (*EXPONENTIAL, "rk2", "rk4")},
    SaysTooMuch: {"linear_is_declared", *(f"order_of_{name}" for name in EXPONENTIAL)},
    LosesOrder: {f"order_of_{name}" for name in ("euler", "sequential_euler", "izhikevich2003")},
    SpikesAtRest: {"is_quiet_at_rest"},
    RunsAway: {"overshoot_does_not_run_away"},
    NeverDecays: {"decays_to_zero"},
    ActsAfterItsDecay: {"events_deliver_one_charge"},
    ForgetsFunctions: {"jumps_are_one_by_any_way"},
    Saturates: {"response_is_linear"},
    DrivesUnbound: {"unbound_output_raises"},
    IgnoresBatch: {"spikes_have_batch_shape"},
}


def checks_by_name(case: Case) -> dict[str, Callable[[Case], None]]:
    return {check.__name__.removeprefix("check_"): check for check in checks_for(case)}


@pytest.mark.parametrize("cls", [SoundRefractory, SoundSynapse])
def test_sound_models_pass(cls: type) -> None:
    assert [str(result) for result in run(default_case(cls)) if not result.good] == []


@pytest.mark.parametrize("cls", FAIL_ALONE)
def test_only_the_intended_checks_fail(cls: type) -> None:
    assert {result.check for result in run(default_case(cls)) if result.error} == FAIL_ALONE[cls]


@pytest.mark.parametrize(
    ("cls", "name"), [(cls, name) for cls, names in FAIL_TOO.items() for name in sorted(names)]
)
def test_the_intended_check_fails(cls: type, name: str) -> None:
    case = default_case(cls)
    with pytest.raises(AssertionError, match=cls.__name__):
        checks_by_name(case)[name](case)


IN_TEST_KINDS = {
    "current_follows_conductance",
    "projection_jit_equals_eager",
    "projection_keeps_float64",
    "projection_reset_restores",
    "spikes_reach_the_target",
}


def test_each_check_catches_something() -> None:
    caught = set().union(*FAIL_ALONE.values(), *FAIL_TOO.values(), IN_TEST_KINDS)
    assert {entry.name for entry in CHECKS} == caught


def test_broken_equations_leave_checks_of_declarations_alone() -> None:
    case = default_case(ChangesUnit)
    for name in ("docstring_lists_states", "signature_follows_declarations", "wrong_units_raise"):
        checks_by_name(case)[name](case)


@pytest.mark.parametrize(
    ("cls", "kind"),
    [
        (Sound, "neuron"),
        (SoundSynapse, "synapse"),
        (DrivesUnbound, "output"),
        (IgnoresBatch, "source"),
        (ReadsOut, "readout"),
        (dict, "other"),
    ],
)
def test_kind_follows_from_the_base_class(cls: type, kind: str) -> None:
    assert Case(cls).kind == kind


def test_an_overshoot_may_run_away_where_it_is_cut_off() -> None:
    for case in (default_case(IsCutOff), default_case(RunsAway, spk_reset="hard")):
        checks_by_name(case)["overshoot_does_not_run_away"](case)
    case = default_case(RunsAway)
    with pytest.raises(AssertionError, match=r"Write caps_overshoot = True"):
        checks_by_name(case)["overshoot_does_not_run_away"](case)


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"expected one of neuron, .* got 'neurone'"):
        Case(Sound, kind="neurone")


def test_a_default_case_fills_what_has_no_default() -> None:
    assert default_case(ReadsOut).given == {"in_size": 3, "out_size": 2, "gain": 1.0}
    assert default_case(ReadsOut, in_size=7).given["in_size"] == 7


def test_a_default_case_says_what_it_cannot_guess() -> None:
    with pytest.raises(TypeError, match=r"Chooses needs mode.*default_case\(Chooses, mode="):
        default_case(Chooses)


def test_arguments_from_a_function_are_made_for_each_model() -> None:
    case = Case(Sound, lambda: {"in_size": 2, "V_th": object()})
    assert case.given["V_th"] is not case.given["V_th"]


def test_the_given_input_is_used() -> None:
    assert drive(Case(Sound, {"in_size": 2}, input=3.0 * u.mA)) == 3.0 * u.mA
    assert drive(default_case(Sound)) == 2.0 * u.mA  # 1.6 mA reach threshold in 50 steps


def test_a_neuron_that_no_current_drives_is_told_to_bring_one() -> None:
    with pytest.raises(AssertionError, match=r"Give one: .*input="):
        checks_by_name(default_case(IsDeaf))["jit_equals_eager"](default_case(IsDeaf))


def test_an_unknown_expected_failure_is_an_error() -> None:
    case = Case(Sound, {"in_size": 2}, expected_failures={"decays_to_zero": "not a synapse"})
    with pytest.raises(ValueError, match="no check of this case is called decays_to_zero"):
        checks_for(case)
    with pytest.raises(ValueError, match=r"There are: .*states_keep_units"):
        parametrize_with_checks([case])


def test_results_tell_expected_from_unexpected() -> None:
    reasons = {"docstring_has_sections": "in writing", "docstring_lists_arguments": "passes"}
    results = {r.check: r for r in run(Case(Undocumented, expected_failures=reasons))}
    failing = results["docstring_has_sections"]
    assert failing.good
    assert "lacks Raises, References, Examples (expected to fail: in writing)" in str(failing)
    assert not results["docstring_lists_arguments"].good
    assert not results["examples_run"].good
    assert str(results["docstring_lists_arguments"]).startswith("Undocumented-docstring_lists")


def test_expected_failures_are_strict_in_pytest(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PLUGIN_TEST)
    result = pytester.runpytest("-rA")
    result.assert_outcomes(passed=1, xfailed=1, failed=2)
    result.stdout.fnmatch_lines_random(
        [
            "XFAIL *::test_conformance?Undocumented-docstring_has_sections? - in writing",
            "FAILED *::test_conformance?Undocumented-docstring_lists_arguments?*",
            "?XPASS(strict)? passes",
            "FAILED *::test_conformance?Undocumented-examples_run?*",
        ]
    )


def test_the_kit_runs_without_pytest() -> None:
    code = "import sys, brainloom_testing; sys.exit('pytest' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_examples_leave_no_settings_behind() -> None:
    before = brainstate.environ.all()
    case = default_case(setting_a_time_step())
    checks_by_name(case)["examples_run"](case)
    assert brainstate.environ.all() == before


class Careless(brainstate.nn.Module):
    """A layer of somebody else, whose constructor is written by hand and looks at nothing.

    Args:
        gain: A number.
    """

    def __init__(self, gain: Any = 1.0) -> None:
        super().__init__()
        self.gain = gain


class Careful(Careless):
    """The same, with its argument checked by declaration."""

    @checked(gain=finite)
    def __init__(self, gain: Any = 1.0) -> None:
        super().__init__(gain)


def test_constructors_of_others_are_held_to_their_arguments() -> None:
    with pytest.raises(AssertionError, match=r"4 times: Careless\(gain=nan\): is taken"):
        check_bad_arguments_are_refused_in_words(Case(Careless, kind="other"))
    check_bad_arguments_are_refused_in_words(Case(Careful, kind="other"))
