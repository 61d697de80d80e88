"""Verification: oracles agree with published numbers, references find their model, all pass."""

import hashlib
import json
import math

import brainunit as u
import numpy as np
import pytest
from brainloom_core import Neuron, Synapse, initializer, list_models, param, state
from brainloom_testing import Case

pytest.importorskip("scipy")

from brainloom_testing.verification import (
    Accuracy,
    Defaults,
    Intervals,
    Record,
    Response,
    failed,
    references_of,
    register_references,
    report,
    run,
    solve,
    verify,
)
from brainloom_testing.verification.catalogue import exponential as adex_tables
from brainloom_testing.verification.catalogue import leaky as leaky_tables
from brainloom_testing.verification.catalogue import plasticity as plasticity_tables
from brainloom_testing.verification.catalogue import reduced as reduced_tables
from brainloom_testing.verification.oracles import (
    conductance,
    integrate_and_fire,
    rate_of,
    reduced,
    synapses,
)
from brainloom_testing.verification.quantities import numbers, parse_unit, quantity
from brainloom_testing.verification.references import interval_error
from brainloom_testing.verification.traces import TraceError, load_traces, parse_traces

ML_I = {"g_Ca": 4.0, "V3": 12.0, "V4": 17.4, "phi": 1.0 / 15.0}


class Leaky(Neuron):
    """A leaky neuron of a third party."""

    tau = param(default=10.0 * u.ms)
    R = param(default=1.0 * u.ohm)
    V_th = param(default=1.0 * u.mV)
    V_reset = param(default=-0.5 * u.mV)
    V_initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer")
    linear = True

    def dV(self, V, I):
        return (self.R * I - V) / self.tau


class Offset(Leaky):
    references = (
        Intervals(
            lambda I, p: p["tau"] * math.log((I + 0.5) / (I - 1.0)),
            {"tau": (10.0, "ms")},
            (2.0, 3.0),
            "mA",
            100.0,
            "by hand",
            (Accuracy(0.1, 0.0, 0.1, "on the grid", {"spk_reset": "hard"}),),
        ),
    )


class Derived(Offset):
    """Has the references of its base."""


class Different(Offset):
    references = ()


class Decaying(Synapse):
    """A synapse of a third party."""

    tau = param(default=5.0 * u.ms)
    g_initializer = initializer(default=0.0 * u.mS)
    g = state("g_initializer")
    linear = True
    references = (
        Response(
            synapses.superposed(synapses.exponential),
            {"tau": (5.0, "ms")},
            ((1.0, 2.0),),
            "mS",
            10.0,
            {0.1: (1e-9, "exact")},
            "by hand",
        ),
    )

    def dg(self, g):
        return -g / self.tau


class Slowing(Decaying):
    """Not linear, but as it inherits, held to the answer of a linear one."""

    linear = False

    def dg(self, g):
        return -g / self.tau / (1.0 + g / (1.0 * u.mS))


# Oracles


@pytest.mark.parametrize(
    ("equations", "current", "rate", "duration", "changes"),
    [
        (conductance.HH, 10.0, 68.324, 150.0, {}),
        (conductance.HH, 20.0, 86.470, 150.0, {}),
        (conductance.WANG_BUZSAKI, 1.0, 59.702, 100.0, {}),
        (conductance.WANG_BUZSAKI, 5.0, 189.625, 50.0, {}),
        (conductance.TRAUB_MILES, 1.0, 45.958, 150.0, {}),
        (conductance.TRAUB_MILES, 5.0, 132.85, 60.0, {}),
        (conductance.MORRIS_LECAR, 100.0, 11.725, 700.0, {}),
        (conductance.MORRIS_LECAR, 50.0, 13.237, 500.0, ML_I),
    ],
)
def test_oracles_have_the_rates_of_the_tables(equations, current, rate, duration, changes) -> None:
    spikes = solve(equations, [(duration, current)], None, changes).spikes
    assert rate_of(spikes) == pytest.approx(rate, rel=2e-4)


def test_lsoda_and_dop853_agree() -> None:
    times = np.linspace(0.0, 40.0, 81)
    one, other = (
        solve(conductance.HH, [(40.0, 10.0)], times, method=method)
        for method in ("DOP853", "LSODA")
    )
    assert np.abs(one.states - other.states).max() < 1e-4
    assert np.abs(one.spikes - other.spikes).max() < 1e-6


@pytest.mark.parametrize("name", adex_tables.NAUD)
def test_adex_oracle_has_the_published_spikes(name: str) -> None:
    count, times = adex_tables.NAUD_SPIKES[name]
    row = adex_tables.NAUD[name]
    p = numbers(adex_tables.adex(row))
    spikes = solve(integrate_and_fire.ADEX, [(500.0, row[-1])], None, p).spikes
    assert len(spikes) == count
    np.testing.assert_allclose(spikes[: len(times)], times, atol=6e-4)


def test_izhikevich_oracle_counts_the_spikes_of_the_table() -> None:
    for name in ("RS", "FS"):
        p = numbers(reduced_tables._class(reduced_tables.CLASSES[name], -65.0))
        spikes = solve(reduced.IZHIKEVICH, [(1000.0, 10.0)], None, p).spikes
        assert len(spikes) == reduced_tables.BY_EQUATIONS[name]


def test_closed_form_of_the_leaky_neuron_gives_the_table() -> None:
    p = {**numbers(leaky_tables.PD14), "tau_ref": 2.0}
    found = [1000.0 / integrate_and_fire.lif_interval(I, p) for I in leaky_tables.T1_CURRENTS]
    np.testing.assert_allclose(found, leaky_tables.T1_RATES, rtol=5e-6)


def test_solution_and_closed_form_of_the_leaky_neuron_agree() -> None:
    p = {**numbers(leaky_tables.UNEQUAL), "tau_ref": 3.0}
    solution = solve(integrate_and_fire.LIF, [(200.0, 600.0)], None, p)
    first = integrate_and_fire.first_passage(600.0, p, p["V_initializer"])
    period = integrate_and_fire.lif_interval(600.0, p)
    expected = first + period * np.arange(len(solution.spikes))
    np.testing.assert_allclose(solution.spikes, expected, atol=1e-7)


def test_solution_has_a_state_for_every_time() -> None:
    p = {**numbers(leaky_tables.UNEQUAL), "tau_ref": 3.0}
    times = np.linspace(0.0, 60.0, 121)
    solution = solve(integrate_and_fire.LIF, [(30.0, 600.0), (30.0, 0.0)], times, p)
    assert solution.states.shape == (1, 121)
    held = (times > solution.spikes[0]) & (times < solution.spikes[0] + 3.0)
    assert np.all(solution.states[0][held] == p["V_reset"])


def test_escape_rate_tends_to_the_rate_without_noise() -> None:
    p = {**numbers(leaky_tables.UNEQUAL), "rho_0": 10.0, "delta_u": 0.02}
    expected = 1000.0 / integrate_and_fire.lif_interval(600.0, p)
    assert integrate_and_fire.escape_rate(600.0, p) == pytest.approx(expected, rel=2e-2)


PEAKS = {  # rise, decay: time of the peak, factor that makes it 1
    (0.5, 5.0): (1.279214, 1.435055),
    (0.2, 1.7): (0.485082, 1.507579),
    (0.5, 2.0): (0.924196, 2.116535),
    (1.0, 10.0): (2.558428, 1.435055),
    (2.0, 100.0): (7.983720, 1.105215),
    (0.25, 1.5): (0.537528, 1.717163),
}


@pytest.mark.parametrize("constants", PEAKS)
def test_double_exponential_oracle_has_the_published_peak(constants: tuple[float, float]) -> None:
    time, height = synapses.peak_of_dual_exponential(*constants)
    assert time == pytest.approx(PEAKS[constants][0], abs=6e-7)
    assert 1.0 / height == pytest.approx(PEAKS[constants][1], abs=6e-7)


def test_alpha_oracle_has_the_published_width_and_area() -> None:
    p = {"tau": 3.0}
    times = 3.0 * np.array([0.231961, 1.0, 2.678347])
    np.testing.assert_allclose(synapses.normalized_alpha(times, p)[0], [0.5, 1.0, 0.5], atol=1e-6)
    area = synapses.normalized_alpha(np.array([200.0]), p)[1]
    assert area == pytest.approx(3.0 * 2.718282, rel=1e-6)


def test_integrals_of_the_oracles_are_those_of_their_conductances() -> None:
    """By Simpson's rule, with spikes and ends of pulses at the ends of its intervals."""
    times = np.arange(0.0, 40.0001, 0.005)
    spikes = ((1.0, 1.0), (21.0, 1.0))
    kernels = {
        synapses.exponential: {"tau": 5.0},
        synapses.alpha: {"tau": 5.0},
        synapses.dual_exponential: {"tau_rise": 0.5, "tau_decay": 5.0},
    }
    answers = [(synapses.superposed(kernel), p) for kernel, p in kernels.items()]
    answers.append((synapses.pulses, {"alpha": 0.98, "beta": 0.18, "T": 0.5, "T_dur": 0.5}))
    answers.append((synapses.NMDA, {"tau_decay": 100.0, "tau_rise": 2.0, "alpha": 0.5}))
    for answer, p in answers:
        g, area = answer(times, spikes, p)
        before = np.where(np.isclose(times, 1.0) | np.isclose(times, 21.0), 0.0, g)
        left, middle, right = g[:-2:2], g[1:-1:2], before[2::2]
        found = np.cumsum((left + 4.0 * middle + right) / 6.0 * 0.01)
        jumps = np.isclose(times[2::2], 1.0) | np.isclose(times[2::2], 21.0)
        off = np.abs(np.diff(found) - np.diff(area[2::2]))[~jumps[1:]]
        assert off.max() < 1e-8


def test_plasticity_oracle_has_the_published_amplitudes() -> None:
    for (U, tau_d, tau_f), row in plasticity_tables.STEADY.items():
        p = {"U": U, "tau_d": tau_d, "tau_f": tau_f}
        for rate, amplitude in zip(plasticity_tables.STEADY_RATES, row, strict=True):
            times = np.arange(1, 16 * rate) * 1000.0 / rate
            assert synapses.plastic(times, p)[-1] == pytest.approx(amplitude, abs=1e-6)


# Quantities and measures


def test_units_by_name() -> None:
    assert parse_unit("mV/ms") == u.mV / u.ms
    assert parse_unit("1/ms") == u.ms**-1
    assert parse_unit(None) == u.UNITLESS
    assert quantity((2.0, "nS")) == 2.0 * u.nS
    assert quantity("hard") == "hard"
    assert numbers({"a": (2.0, "nS"), "b": 0.5, "c": "hard", "d": True}) == {"a": 2.0, "b": 0.5}


def test_spike_times_are_compared_per_interval() -> None:
    expected = np.array([10.0, 20.0, 30.0])
    assert interval_error(expected + 0.1, expected, 40.0) == pytest.approx(0.1)
    assert interval_error(expected * 1.01, expected, 40.0) == pytest.approx(0.1)
    assert interval_error(expected[:2], expected, 30.3) == pytest.approx(0.1)
    assert interval_error(expected[:1], expected, 40.0) == math.inf
    assert interval_error(np.empty(0), expected, 40.0) == math.inf


def test_a_record_passes_within_its_tolerance() -> None:
    good = Record("M", "V", "ODE", 1.0, 1.0, "mV", "source", "reason")
    bad = Record("M", "V", "ODE", math.nan, 1.0, "mV", "source", "reason")
    assert failed([good, bad]) == [bad]
    written = report([good, bad])
    assert (written["passed"], written["failed"]) == (1, 1)
    assert written["records"][1]["error"] is None
    json.dumps(written, allow_nan=False)


# References


def test_the_nearest_class_with_references_counts() -> None:
    assert references_of(Offset) == ("Offset", Offset.references)
    assert references_of(Derived) == ("Offset", Offset.references)
    assert references_of(Different) == ("Different", ())
    assert references_of(Leaky) == ("Leaky", ())


def test_references_are_found_by_name_and_by_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brainloom_testing.verification.registry._REGISTERED", {})
    reference = Defaults({"tau": (10.0, "ms")}, "by hand")
    register_references("Leaky", [reference])
    assert references_of(Leaky) == ("Leaky", (reference,))
    place = "brainloom_testing.verification.catalogue.leaky:REFERENCES"
    other = type("Other", (Leaky,), {"references": place, "__doc__": "Another."})
    assert references_of(other) == ("Other", tuple(leaky_tables.REFERENCES))


def test_a_model_of_a_third_party_passes() -> None:
    records = verify(Derived, kinds=("closed form", "generic"))
    assert not failed(records)
    assert {"exact step", "hard reset", "intervals (dt 0.1, hard)"} <= {r.check for r in records}
    assert {record.model for record in records} == {"Derived"}


def test_a_synapse_of_a_third_party_passes() -> None:
    records = verify(Decaying)
    assert not failed(records)
    assert [record.check for record in records] == [
        "conductance (dt 0.1)",
        "mean conductance (dt 0.1)",
        "exact conductance",
        "exact mean",
        "finite under strong input",
    ]


def test_a_synapse_that_is_another_fails_its_references_and_keeps_its_order() -> None:
    assert [record.check for record in failed(verify(Slowing))] == [
        "conductance (dt 0.1)",
        "mean conductance (dt 0.1)",
    ]


def test_a_default_that_differs_from_the_paper_is_named() -> None:
    (record,) = Defaults({"tau": (20.0, "ms"), "R": (1.0, "ohm")}, "a paper").records(Leaky)
    assert record.error == pytest.approx(0.5)
    assert not record.passed
    assert record.detail == "tau is 10 ms"


def test_a_check_that_cannot_be_made_fails() -> None:
    class Broken(Offset):
        linear = True

        def dV(self, V, I):
            raise RuntimeError("no equation")

    records = verify(Broken, kinds=("closed form",))
    assert [record.passed for record in records] == [False]
    assert "RuntimeError: no equation" in records[0].detail


def test_a_case_gives_arguments() -> None:
    records = verify(Case(Different, {"in_size": 2, "tau": 7.0 * u.ms}), kinds=("generic",))
    assert records
    assert not failed(records)


def test_what_is_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="expected some of closed form"):
        verify(Leaky, kinds=("guess",))
    with pytest.raises(ValueError, match="neither a neuron nor a synapse"):
        verify(int)


def test_a_model_that_cannot_be_imported_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "models_to_verify", lambda: ["NoSuchModel"])
    (record,) = verify()
    assert not record.passed
    assert "There is no model 'NoSuchModel'" in record.detail


# Stored traces


def _trace(**changes) -> bytes:
    times = np.arange(1.0, 6.0)
    case = {
        "name": "dc",
        "arguments": {"tau": [10.0, "ms"], "spk_reset": "hard"},
        "input": {"sections": [[5.0, 0.5]], "unit": "mA"},
        "dt": 0.1,
        "reference_dt": 0.1,
        "every": 1.0,
        "V": [*(0.5 * (1.0 - np.exp(-times[:-1] / 10.0))), None],
        "V_unit": "mV",
        "spikes": [],
    }
    curve = {
        "arguments": {"tau": [10.0, "ms"], "spk_reset": "hard"},
        "unit": "mA",
        "dt": 0.1,
        "reference_dt": 0.1,
        "duration_ms": 100.0,
        "discard_ms": 10.0,
        "I": [0.5, 2.0],
        "rate_Hz": [0.0, 1000.0 / 9.2],
    }
    content = {
        "model": "Leaky",
        "simulator": "nest",
        "version": "3",
        "native_model": "iaf",
        "source": "a paper",
        "scheme": "exact",
        "cases": [case],
        "f_I": curve,
        **changes,
    }
    return json.dumps(content).encode()


def _sums(**contents: bytes) -> str:
    lines = (f"{hashlib.sha256(it).hexdigest()}  {name}.json" for name, it in contents.items())
    return "\n".join(lines)


def test_a_stored_trace_is_compared() -> None:
    content = _trace()
    (trace,) = parse_traces({"one.json": content}, _sums(one=content))
    V, rates = trace.records(Leaky)
    assert V.source == "NEST 3 iaf; a paper"
    assert V.error < 1e-12
    assert V.passed
    assert rates.passed
    assert not next(iter(trace.records(_slower()))).passed


def _slower() -> type:
    class Slower(Leaky):
        linear = True

        def dV(self, V, I):
            return super().dV(V, I) / 1.01

    return Slower


def test_damaged_traces_are_refused() -> None:
    content = _trace()
    with pytest.raises(TraceError, match="do not list the same files: two.json"):
        parse_traces({"one.json": content}, _sums(one=content, two=content))
    with pytest.raises(TraceError, match=r"one\.json is not the one"):
        parse_traces({"one.json": content + b" "}, _sums(one=content))


def test_stored_traces_are_of_known_models() -> None:
    known = {model.name for model in list_models()}
    assert {trace.content["model"] for trace in load_traces()} <= known
