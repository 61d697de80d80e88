"""Each message of the page on errors is followed to the letter, and the same call then succeeds."""

import ast
import contextlib
import io
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brainstate
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)

FOLLOWED: dict[str, tuple[str, str]] = {
    # What the page calls: what its message advises, and the same call with that done. Advice that
    # is code has to stand in what is done, word for word.
    "lambda: bl.LIF(10, tau=-5 * u.ms)": ("a time > 0", "bl.LIF(10, tau=5 * u.ms)"),
    "lambda: bl.LIF(10, V_th=-60 * u.mV, V_reset=-55 * u.mV)": (
        "expected V_th > V_reset",
        "bl.LIF(10, V_th=-50 * u.mV, V_reset=-55 * u.mV)",
    ),
    "lambda: bl.LIF(10, tau=jnp.ones(3) * u.ms)": (
        "a scalar or an array of shape (10,)",
        "bl.LIF(10, tau=jnp.ones((10,)) * u.ms), bl.LIF(10, tau=1 * u.ms)",
    ),
    "lambda: bl.LIF(0)": (
        "a whole number >= 1 or a tuple of them",
        "bl.LIF(1), bl.LIF((1, 2))",
    ),
    'lambda: bl.LIF(10, solver="heun")': ("'rk2'", "bl.LIF(10, solver='rk2')"),
    "lambda: bl.LIF(10, spk_fun=bl.ReluGrad)": ("ReluGrad()", "bl.LIF(10, spk_fun=bl.ReluGrad())"),
    'lambda: setattr(cells, "tau", -5 * u.ms)': (
        "a time > 0",
        "setattr(cells, 'tau', 5 * u.ms)",
    ),
    'lambda: setattr(cells, "taw", 5 * u.ms)': (
        "the nearest is tau",
        """
        setattr(cells, "tau", 5 * u.ms)
        setattr(cells, "_taw", 5 * u.ms)
        """,
    ),
    'lambda: setattr(cells, "in_size", 20)': ("LIF(in_size=", "cells = bl.LIF(in_size=20)"),
    "lambda: bl.fit(readout, lambda out, y: (0.0 * y).mean(), (x, y), epochs=1, dt=1 * u.ms)": (
        "Does the loss depend on it",
        """
        loss = lambda out, y: ((out[-1] - y) ** 2).mean()
        bl.fit(readout, loss, (x, y), epochs=1, dt=1 * u.ms)
        """,
    ),
    "lambda: bl.fit(bl.LIF(3), loss, (x * u.mA, y), epochs=1, dt=1 * u.ms)": (
        "make_trainable(model, 'tau')",
        """
        model = bl.LIF(3)
        bl.make_trainable(model, 'tau')
        bl.fit(model, loss, (x * u.mA, y), epochs=1, dt=1 * u.ms)
        """,
    ),
    "lambda: bl.LIF(10, tau=20 * u.mV)": ("(for example 5 ms)", "bl.LIF(10, tau=5 * u.ms)"),
    "lambda: bl.LIF(10, tau=20)": ("(for example 5 ms)", "bl.LIF(10, tau=5 * u.ms)"),
    "lambda: bl.Projection(pre, post, bl.Bernoulli(0.5), syn, out, weight=1 * u.mV)": (
        "is a conductance",
        "bl.Projection(pre, post, bl.Bernoulli(0.5), syn, out, weight=1 * u.mS)",
    ),
    "lambda: cells(1.0 * u.mV)": ("for example 1 mA", "cells(1.0 * u.mA)"),
    "lambda: cells(jnp.ones(7) * u.mA)": (
        "a scalar or shape (10,)",
        "cells(jnp.ones((10,)) * u.mA), cells(1 * u.mA)",
    ),
    "lambda: cells(jnp.ones((4, 10)) * u.mA)": (
        "brainstate.nn.init_all_states(net, batch_size=4)",
        """
        net = bl.LIF(10)
        brainstate.nn.init_all_states(net, batch_size=4)
        net(jnp.ones((4, 10)) * u.mA)
        """,
    ),
    "lambda: bl.simulate(cells, 1.05 * u.ms, dt=0.1 * u.ms)": (
        "The nearest is 1 ms",
        "bl.simulate(cells, 1 * u.ms, dt=0.1 * u.ms)",
    ),
    'lambda: bl.simulate(cells, 10 * u.ms, record="W")': (
        "it has ['V', 'spike', 'spikes', 'rate'",
        'bl.simulate(cells, 1 * u.ms, record="V")',
    ),
    "net.proj": (
        "the population not called since",
        """
        net.pre(), net.post()
        net.proj()
        """,
    ),
    "lambda: bl.simulate(Forgetful(), 1 * u.ms)": (
        "as pop(x), not pop.update(x)",
        """
        class Mindful(Forgetful):
            def update(self):
                self.E(), self.I()

        bl.simulate(Mindful(), 1 * u.ms)
        """,
    ),
    "lambda: bl.simulate(Hasty(), 1 * u.ms)": (
        "Call it once",
        """
        class Patient(Forgetful):
            def update(self):
                self.E(), self.I()

        bl.simulate(Patient(), 1 * u.ms)
        """,
    ),
    "lambda: lone(1 * u.mA)": (
        "brainstate.environ.set(dt=0.1 * u.ms)",
        """
        brainstate.environ.set(dt=0.1 * u.ms)
        lone(1 * u.mA)
        brainstate.environ.pop("dt")
        bl.simulate(lone, 1 * u.ms, dt=0.1 * u.ms)
        """,
    ),
    "lambda: bl.simulate(bl.LIF(2), 5 * u.ms, inputs=series * u.mA)": (
        "brainstate.nn.reset_all_states(net)",
        """
        net = bl.LIF(2)
        try:
            bl.simulate(net, 5 * u.ms, inputs=series * u.mA, record="V")
        except bl.NonFiniteError as error:
            assert len(error.recording["V"].step) == 17
        brainstate.nn.reset_all_states(net)
        bl.simulate(net, 5 * u.ms, inputs=np.nan_to_num(series) * u.mA)
        """,
    ),
    "lambda: bl.LIF(10).V": (
        "brainstate.nn.init_all_states(net)",
        """
        net = bl.LIF(10)
        brainstate.nn.init_all_states(net)
        net.V
        """,
    ),
    "lambda: bl.LIF(10)(1 * u.mA)": (
        "brainstate.nn.init_all_states(net)",
        """
        net = bl.LIF(10)
        brainstate.nn.init_all_states(net)
        net(1 * u.mA)
        """,
    ),
    "lambda: bl.LIFRef(10).refractory": (
        "ref_var=True",
        """
        net = bl.LIFRef(10, ref_var=True)
        brainstate.nn.init_all_states(net)
        net.refractory
        """,
    ),
    "misspelt": (
        "did you mean I",
        """
        class Adapting(bl.LIF):
            linear = True

            def dV(self, V, I):
                return (self.V_rest - V + self.R * I) / self.tau
        """,
    ),
    "unsaid": (
        "linear = False",
        """
        class Cubic(bl.LIF):
            linear = False

            def dV(self, V, I):
                return (self.V_rest - V**3 / u.mV**2 + self.R * I) / self.tau
        """,
    ),
    'lambda: forced(event_csr="fastest")': ("'reference'", "forced(event_csr='reference')"),
    'lambda: forced(event_cs="reference")': (
        "Did you mean 'event_csr'",
        'forced(event_csr="reference")',
    ),
    "lambda: bl.simulate(bl.LIF(1), 1 * u.ms)": (
        "expected operation=name",
        """
        os.environ["BRAINLOOM_KERNELS"] = "event_csr=reference"
        bl.simulate(bl.LIF(1), 1 * u.ms)
        """,
    ),
    'lambda: bl.get_model("LeakyIF")': (
        "Known: ",
        'bl.get_model(message.split("Known: ")[1].split(", ")[0])',
    ),
    'lambda: bl.get_model("ExampleNeuron")': (
        "'example:ExampleNeuron'",
        "bl.get_model('example:ExampleNeuron')",
    ),
    "lambda: bl.fit(readout, loss, (x, y), epochs=20, dt=1 * u.ms, optimizer=optax.sgd(1e20))": (
        "diagnose(model, loss, x.swapaxes(0, 1), y)",
        """
        weights = brainstate.nn.init.KaimingNormal(scale=40.0, unit=u.mA)
        model = brainstate.nn.Sequential(bl.Linear(3, 4, weights), bl.LIF(4), bl.Linear(4, 3))
        with brainstate.environ.context(dt=1 * u.ms):
            assert bl.diagnose(model, loss, x.swapaxes(0, 1), y).table
        readout = bl.LeakyRateReadout(3, 3, tau=10 * u.ms)
        bl.fit(readout, loss, (x, y), epochs=20, dt=1 * u.ms, optimizer=optax.sgd(1e-3))
        """,
    ),
    'lambda: other.load("readout.safetensors")': (
        "another model or optimizer",
        """
        same = bl.Trainer(readout, bl.MSE(), optax.adam(1e-2), dt=1 * u.ms)
        same.load("readout.safetensors")
        faster = bl.LeakyRateReadout(3, 3, tau=5 * u.ms)
        near = bl.Trainer(faster, bl.MSE(), optax.adam(1e-2), dt=1 * u.ms)
        near.load("readout.safetensors", exactly=False)  # as the message of that one says
        """,
    ),
    'lambda: other.load("notes.txt")': (
        "expected a checkpoint of brainloom",
        """
        other.save("notes.txt")
        other.load("notes.txt")
        """,
    ),
    'lambda: from_equations("dx/dt = -x/taw : 1", namespace={"tau": 10 * u.ms})': (
        "did you mean tau?",
        """
        from brainloom_equations import from_equations
        from_equations("dx/dt = -x/tau : 1", namespace={"tau": 10 * u.ms})
        """,
    ),
    "lambda: to_nir(bl.HH(3), dt=0.1 * u.ms)": (
        "to_nir(model, counterparts=[Counterpart(",
        """
        import nir
        from brainloom_nir import Counterpart
        to_nir(bl.LIF(3), dt=0.1 * u.ms)
        model = bl.HH(3)
        write = lambda module, context: nir.Scale(np.zeros(context.shape))
        to_nir(model, counterparts=[Counterpart(bl.HH, nir.Scale, write)])
        """,
    ),
    "source": (
        "brainstate.environ.context(i=i, t=i * dt)",
        """
        i, dt = 0, 0.1 * u.ms
        with brainstate.environ.context(i=i, t=i * dt):
            source()
        """,
    ),
    "lambda: 20 * u.ms + 3 * u.mV": ("units do not match", "20 * u.ms + 3 * u.ms"),
    "lambda: jnp.exp(20 * u.ms)": (
        "requires ndarray or scalar arguments",
        "jnp.exp((20 * u.ms).to_decimal(u.ms)), u.math.exp(20 * u.ms / (5 * u.ms))",
    ),
    "lambda: jax.jit(lambda x: lone(x * u.mA))(1.0)": (
        "brainstate.transform.jit",
        "brainstate.transform.jit(lambda x: lone(x * u.mA))(1.0)",
    ),
    "lambda: brainstate.transform.for_loop(grow, jnp.arange(3))": (
        "has type float32[3] but the corresponding output carry component has type float32[2,3]",
        """
        brainstate.nn.init_all_states(lone, batch_size=2)
        brainstate.transform.for_loop(grow, jnp.arange(3))
        """,
    ),
}


def is_code(advice: str) -> bool:
    """Whether an advice is Python that says what to do."""
    try:
        ast.parse(advice)
    except SyntaxError:
        return False
    return "(" in advice or "=" in advice


@dataclass
class Told:
    """A message of the page, and what became of following it."""

    message: str
    outcome: Exception | None


def provoked(tree: ast.AST, source: str) -> Iterator[str]:
    """What a block of the page provokes, in its order."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    calls = [call for call in calls if getattr(call.func, "id", "") == "provoke"]
    for call in sorted(calls, key=lambda call: call.lineno):
        yield str(ast.get_source_segment(source, call.args[0]))


def blocks() -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    first, *rest = BLOCK.findall(text)
    return [first.split("def provoke")[0], *rest]


def shown() -> list[str]:
    """All messages of the page, by what provokes them."""
    return [call for block in blocks() for call in provoked(ast.parse(block), block)]


def follow(call: str, error: Exception, space: dict[str, Any]) -> Told:
    """Do as a message says, in the namespace of the page."""
    if call not in FOLLOWED:
        return Told(str(error), LookupError("there is no follow-up"))
    code = textwrap.dedent(FOLLOWED[call][1])
    dt = brainstate.environ.get("dt", default=None)
    outcome = None
    try:
        exec(code, {**space, "message": str(error)})
    except Exception as caught:
        outcome = caught
    if dt is not None:
        brainstate.environ.set(dt=dt)
    else:
        brainstate.environ.pop("dt", None)
    return Told(str(error), outcome)


@pytest.fixture(scope="module")
def told() -> dict[str, Told]:
    """Run the page, and follow each message where it appears."""
    found: dict[str, Told] = {}
    space: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for block in blocks():
            calls = provoked(ast.parse(block), block)

            def provoke(
                function: Callable[[], Any], calls: Iterator[str] = calls, most: int = 0
            ) -> None:
                try:
                    function()
                except Exception as error:
                    call = next(calls)
                    found[call] = follow(call, error, space)
                else:
                    raise AssertionError("no error")

            space["provoke"] = provoke
            exec(block, space)
    return found


@pytest.mark.parametrize("call", shown())
def test_a_message_is_an_instruction_that_works(call: str, told: dict[str, Told]) -> None:
    assert call in FOLLOWED, "this message has no follow-up: add what it says to do"
    advice, code = FOLLOWED[call]
    assert advice in told[call].message
    if is_code(advice):
        assert advice in code, "it advises other code than what is done"
    assert told[call].outcome is None


def test_nothing_is_followed_that_the_page_does_not_show() -> None:
    assert set(FOLLOWED) == set(shown())
    assert len(shown()) == len(FOLLOWED)
