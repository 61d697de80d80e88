"""`from_equations`: equations as text in, a class of neurons out."""

import sys
from collections.abc import Mapping

from brainloom_core import Neuron
from brainloom_core.types import Quantity

from .assembling import read_neuron
from .building import neuron_class
from .definitions import NAME
from .fragments import EquationError
from .model import Given

__all__ = ["from_equations"]


def from_equations(
    equations: str,
    *,
    threshold: str | None = None,
    reset: str | None = None,
    refractory: Quantity | str | None = None,
    method: str | None = None,
    namespace: Given | None = None,
    initial: Given | None = None,
    potential: str | None = None,
    input: str = "I",
    name: str = "FromEquations",
    doc: str | None = None,
) -> type[Neuron]:
    """The class of neurons whose equations are this text, in the syntax of Brian2.

    The class is as one that is written by hand: what a line or the namespace declares is a
    parameter, given where a population is made, per neuron or trained if one likes. The variable
    that the threshold compares becomes `V`, under its own name too; `I` is the input, the sum of
    `inputs=` and of what projections bring. All of the text is read and checked here: names, units,
    whether the method can do it. Text is never run as a program.

    Args:
        equations: Lines `dx/dt = ... : unit (flags)`, `x = ... : unit` and `x : unit`.
        threshold: The condition of a spike, such as `"v > v_th"`, None for no spikes.
        reset: What a spike does, such as `"v = v_r; w += b"`, None for nothing.
        refractory: A time, a text that gives one, or a condition as text; None for none.
        method: `"exact"`, `"exponential_euler"`, `"euler"`, `"rk2"`, `"rk4"`, `"heun"` or a name in
            `SOLVERS`; None for what is exact where that can be, or of second order.
        namespace: Values of the names that the text uses and does not define, each of which
            becomes a parameter with this default; functions of time, such as `TimedArray`.
        initial: First values by name: a quantity, a function of the shape, or a text such as
            `"v_r + 5*mV*rand()"`. Others are zero.
        potential: The variable that becomes `V`, None for the one that the threshold compares.
        input: The name of the input current.
        name: Name of the class.
        doc: First sentence of its docstring.

    Returns:
        The class, a subclass of `EquationNeuron`.

    Raises:
        EquationError: The text is no model: with the line, and the place underlined.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_equations import from_equations
        >>> LIF = from_equations(
        ...     "dv/dt = (v_rest - v + R*I)/tau : volt (unless refractory)",
        ...     threshold="v > -50*mV",
        ...     reset="v = v_rest",
        ...     refractory=2 * u.ms,
        ...     namespace={"v_rest": -65 * u.mV, "R": 100 * u.Mohm, "tau": 10 * u.ms},
        ...     initial={"v": "v_rest"},
        ... )
        >>> cells = LIF(3, tau=[5.0, 10.0, 20.0] * u.ms)
        >>> spikes = simulate(cells, 100 * u.ms, dt=0.1 * u.ms, inputs=0.2 * u.nA, record="spikes")
        >>> print(spikes["spikes"].counts())
        [[11  6  3]]
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise EquationError(f"name: expected the name of a class, got {name!r}")
    for what, given in (("namespace", namespace), ("initial", initial)):
        if given is not None and not isinstance(given, Mapping):
            raise EquationError(f"{what}: expected values by name, got {given!r}")
    model = read_neuron(
        name,
        equations,
        threshold=threshold,
        reset=reset,
        refractory=refractory,
        method=method,
        namespace=namespace or {},
        initial=initial or {},
        potential=potential,
        input_name=input,
    )
    module = sys._getframe(1).f_globals.get("__name__", "__main__")
    return neuron_class(model, module, doc)
