"""What is no model is refused by one sentence that points at the place, and none of it runs."""

import brainunit as u
import pytest
from brainloom_equations import EquationError, from_equations

VALUES = {"tau": 10 * u.ms, "R": 100 * u.Mohm, "v_r": -65 * u.mV, "w_r": 1.0}
GOOD = "dv/dt = (v_r - v)/tau : volt"
SUMS = "(" * 5000 + "v" + ")" * 5000

TEXTS = {
    "attribute": ("dv/dt = (v_r - v.__class__)/tau : volt", "an attribute"),
    "attribute of a call": ("dv/dt = __import__('os').system('false') : volt", "an attribute"),
    "import": ("dv/dt = __import__(3) : volt", "underscore"),
    "call of a name": ("dv/dt = open(tau) : volt", "there is no function open"),
    "eval": ("dv/dt = eval(tau) : volt", "there is no function eval"),
    "dunder": ("dv/dt = __builtins__ : volt", "underscore"),
    "private": ("dv/dt = _v/tau : volt", "underscore"),
    "text": ("dv/dt = 'v'/tau : volt", "no part of an equation"),
    "lambda": ("dv/dt = (lambda x=1, y=2, z=3) : volt", "no expression"),
    "walrus": ("dv/dt = (x := 3)*v : volt", "unit|expression|no unit"),
    "index": ("dv/dt = v[0]/tau : volt", "index"),
    "comprehension": ("dv/dt = sum(v for v in v)/tau : volt", "no part of an equation"),
    "star": ("dv/dt = exp(*v)/tau : volt", "no part of an equation"),
    "keyword": ("dv/dt = exp(x=v)/tau : volt", "arguments by name"),
    "conditional": ("dv/dt = (v if v else v)/tau : volt", r"int\(condition\)"),
    "complex": ("dv/dt = 1j*v/tau : volt", "no part of an equation"),
    "nesting": (f"dv/dt = {SUMS}/tau : volt", "characters"),
    "parentheses": (f"dv/dt = {'(' * 150}v{')' * 150}/tau : volt", "nested"),
    "minus": (f"dv/dt = {'-' * 1500}v/tau : volt", "nested|too deep"),
    "exponent": ("dv/dt = 9**9**9**9*v/tau : volt", "exponent"),
    "large exponent": ("dv/dt = (v/mV)**1e6*mV/tau : volt", "exponent"),
    "large number": (f"dv/dt = {'9' * 400}*v/tau : volt", "too large"),
    "letters": ("dv/dt = (v_r - \uff56)/tau : volt", "ASCII"),
    "size": ("dv/dt = v/tau : volt\n" * 2000, "longer than|twice"),
    "unit of a term": ("dv/dt = (v_r - v + tau)/tau : volt", "a time cannot be added to a voltage"),
    "unit of a rate": ("dv/dt = v_r - v : volt", "dv/dt is a quantity"),
    "unit of a function": ("dv/dt = v_r*exp(v)/tau : volt", "exp takes a number without unit"),
    "unit of a power": ("dv/dt = v**w_r/tau : volt", "a power that is a number"),
    "undefined": ("dv/dt = (v_r - v)/taw : volt", "taw is not defined; did you mean tau?"),
    "V for v": ("dv/dt = (v_r - V)/tau : volt", "V is not defined; did you mean v?"),
    "circle": (
        "dv/dt = (a - v)/tau : volt\na = b : volt\nb = a + v_r : volt",
        "circle: a -> b -> a",
    ),
    "itself": ("dv/dt = (a - v)/tau : volt\na = a : volt", "circle: a -> a"),
    "twice": ("dv/dt = -v/tau : volt\ndv/dt = v/tau : volt", "defined twice"),
    "no unit": ("dv/dt = (v_r - v)/tau", "ends with its unit"),
    "no unit in between": ("a = 3*mV\ndv/dt = (a - v)/tau : volt", "ends with its unit"),
    "no such unit": ("dv/dt = (v_r - v)/tau : volts", "no unit"),
    "no such flag": ("dv/dt = (v_r - v)/tau : volt (unless refractoy)", "is no flag"),
    "no equation": ("v : volt", "no differential equation"),
    "nonsense": ("dv/dt = (v_r - - * v)/tau : volt", "no expression"),
    "name of the class": ("dv/dt = (v_r - v + update)/tau : volt\nupdate : volt", "is taken"),
    "noise squared": ("dv/dt = v_r*xi**2 : volt", "xi can only be added"),
    "chain": ("dv/dt = (v_r - v)*int(0 < w_r < 1)/tau : volt", "chain"),
    "last spike": ("dv/dt = -v/tau*int(lastspike > 0*ms) : volt", "t - lastspike"),
    "state for an input": ("dv/dt = I/tau : volt\ndI/dt = -I/tau : volt", "I is the input"),
    "synapse": ("dv/dt = -v/tau : volt (event-driven)", "is for synapses"),
    "not a text": (3, "expected a text"),
}
OPTIONS = {
    "threshold without condition": ({"threshold": "v"}, "expected a condition"),
    "threshold of another unit": ({"threshold": "v > 3"}, "cannot be compared"),
    "reset of nothing": ({"reset": "x = 3"}, "x is no variable"),
    "reset that runs": ({"reset": "v = v_r; import os"}, "expected an assignment"),
    "reset of another unit": ({"reset": "v = 3"}, "v_r|V in the reset"),
    "reset that grows": ({"reset": "; ".join(["v = v + v*v/mV"] * 40)}, "too long a chain"),
    "period of another unit": ({"refractory": 3 * u.mV}, "expected a time"),
    "period that is none": ({"refractory": "v"}, "a time or a condition"),
    "exact": ({"method": "exact", "equations": "dv/dt = v*v/mV/tau : volt"}, "linear"),
    "heun": ({"method": "heun"}, "equations with xi"),
    "noise": (
        {"method": "exact", "equations": "dv/dt = -v/tau + mV*xi/tau**0.5 : volt"},
        "no rule for the noise",
    ),
    "factor": (
        {"method": "euler", "equations": "dv/dt = -v/tau + v*xi/tau**0.5 : volt"},
        "heun",
    ),
    "time": ({"method": "rk4", "equations": "dv/dt = -v/tau*sin(t/ms) : volt"}, "TimedArray"),
    "method": ({"method": "ecxact"}, "did you mean 'exact'"),
    "solver of others": ({"method": "milstein"}, "not among the schemes"),
    "two draws": ({"reset": "v = mV*rand(); v += v_r; v = 2*v"}, "draw it in one"),
    "initial": ({"initial": {"w": 1}}, "w is no state"),
    "unit of initial": ({"initial": {"v": 1 * u.ms}}, "should be in"),
    "value": ({"namespace": {**VALUES, "tau": "10 ms"}}, "is no quantity"),
    "name": ({"name": "a b"}, "name of a class"),
    "potential": ({"potential": "x"}, "no differential equation"),
}


@pytest.mark.parametrize("what", TEXTS)
def test_texts_that_are_no_model(what):
    text, said = TEXTS[what]
    with pytest.raises(EquationError, match=said) as caught:
        from_equations(text, namespace=VALUES)
    sentence, *mark = str(caught.value).split("\n")
    assert len(sentence) < 300
    assert len(mark) in (0, 2)


@pytest.mark.parametrize("what", OPTIONS)
def test_options_that_do_not_fit(what):
    options, said = OPTIONS[what]
    with pytest.raises(EquationError, match=said):
        from_equations(**{"equations": GOOD, "namespace": VALUES, **options})


def test_the_place_is_underlined():
    with pytest.raises(EquationError) as caught:
        from_equations(
            "dv/dt = (v_r - v)/tau : volt  # fine\n  dw/dt = (v +\n   R*w)/tau : amp",
            namespace=VALUES,
        )
    sentence, line, mark = str(caught.value).split("\n")
    assert sentence.startswith("equations, line 2: dw/dt is a quantity of dimension")
    assert line == "    dw/dt = (v +"
    assert mark == "            ^^^^"


def test_functions_of_the_namespace_alone_run():
    calls = []

    def spy(t):
        calls.append(t)
        return 1.0

    with pytest.raises(EquationError, match="no function of time|takes one argument"):
        from_equations("dv/dt = -v/ms*print() : 1", namespace={"print": spy})
    assert not calls
