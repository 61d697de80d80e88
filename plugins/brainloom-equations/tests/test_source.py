"""The source of a class is a module that computes the same bits."""

import importlib.util
from pathlib import Path

import brainunit as u
import numpy as np
import pytest
from brainloom_core import simulate
from brainloom_equations import EquationError, from_equations, to_python
from texts import AdaptiveText, AdExText, GatedText, LeakyText

INPUTS = {
    LeakyText: 0.3 * u.nA,
    AdExText: 1.0 * u.nA,
    GatedText: 0.5 * u.nA,
    AdaptiveText: 2.0,
}


def imported(source: str, folder: Path, name: str) -> type:
    file = folder / f"{name.lower()}.py"
    file.write_text(source)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def run(cls: type, x) -> tuple[np.ndarray, np.ndarray]:
    recording = simulate(
        cls(2), 60 * u.ms, dt=0.1 * u.ms, inputs=x, record=["spikes", "V"], progress=False
    )
    return np.asarray(recording["spikes"].t / u.ms), np.asarray(
        u.get_mantissa(recording["V"].values)
    )


@pytest.mark.parametrize("cls", INPUTS)
def test_source_gives_the_same_bits(cls, tmp_path):
    source = to_python(cls)
    written = imported(source, tmp_path, cls.__name__)
    assert written.numerics == cls.numerics
    assert written.linear == cls.linear
    for ours, theirs in zip(run(cls, INPUTS[cls]), run(written, INPUTS[cls]), strict=True):
        assert len(ours) > 0
        np.testing.assert_array_equal(ours, theirs)


def test_parts_that_only_some_texts_have_are_written_too(tmp_path):
    cls = from_equations(
        """
        dv/dt = (mu*stim(t) + x - v)/tau + sigma*v*xi*tau**-0.5 : 1
        mu : 1 (constant, shared)
        x = 0.1*cos(2*pi*50*Hz*t) - 0.2*exp(-(t - lastspike)/ms) : 1
        n : 1
        """,
        threshold="not (v <= 1 or n > 100)",
        reset="v = 0.1*v; n += 1",
        refractory="(t - lastspike) < 2*ms",
        method="heun",
        namespace={
            "tau": 10 * u.ms,
            "sigma": 0.1,
            "mu": 2,
            "stim": lambda t: 1.0 + t / (1 * u.second),
        },
        initial={"v": "0.5 + 0.1*rand()"},
        name="Odd",
    )
    written = imported(to_python(cls), tmp_path, "Odd")
    runs = []
    for kind, given in ((cls, {}), (written, {"stim": lambda t: 1.0 + t / (1 * u.second)})):
        cell = kind(3, **given)
        recording = simulate(
            cell, 20 * u.ms, dt=0.1 * u.ms, record=["V", "n", "spikes"], seed=1, progress=False
        )
        runs.append([recording["V"].values, recording["n"].values])
    np.testing.assert_array_equal(runs[0][0], runs[1][0])
    np.testing.assert_array_equal(runs[0][1], runs[1][1])
    assert runs[0][1].max() > 0


def test_what_has_no_source_is_refused():
    drawn = from_equations(
        "dv/dt = -v/ms : 1", initial={"v": lambda shape: np.ones(shape)}, name="Drawn"
    )
    with pytest.raises(EquationError, match="the first value of V is a function"):
        to_python(drawn)
    with pytest.raises(EquationError, match="expected a class of from_equations"):
        to_python(dict)


def test_an_equation_may_be_nothing_but_noise():
    walk = from_equations("dv/dt = 2*mV*xi/sqrt(10*ms) : volt", name="Walk")
    recording = simulate(walk(2000), 5 * u.ms, dt=0.1 * u.ms, record="V", seed=2, progress=False)
    std = np.std(recording["V"].values[-1] / u.mV)
    assert abs(std - np.sqrt(2)) < 0.1
