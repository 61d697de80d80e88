"""Which scheme advances equations, and what each of them cannot do."""

from collections.abc import Callable, Mapping

import brainunit as u
from brainloom_core import SOLVERS
from brainloom_core.equations import nearest

from .algebra import degree
from .fragments import EquationError
from .held import HeldOverStep
from .model import Functions
from .nodes import Node

__all__ = ["NAMES", "choose"]

# What Brian2 calls a method, and what the scheme is called here.
NAMES = {"exact": "auto", "linear": "auto", "exponential_euler": "exp_euler"}
NOISY = ("euler", "heun")
FIRST_ORDER = ("euler", "exp_euler")


def choose(
    method: str | None,
    equations: Mapping[str, Node | None],
    subexpressions: Mapping[str, tuple[u.Unit, Node]],
    functions: Functions,
    noises: Mapping[str, Mapping[str, Node]],
) -> tuple[str, bool, str, bool]:
    """The solver, whether the equations are linear, the rule of noise, whether it is the only one.

    Args:
        method: The method that was asked for, None for what fits.
        equations: Right-hand sides by name of the state, without noise; None of what only spikes
            change.
        subexpressions: Unit and expression by name.
        functions: Functions of time by name.
        noises: The factors of the noise in each equation.

    Raises:
        EquationError: There is no such method, or it cannot advance these equations.
    """
    moving = {name: node for name, node in equations.items() if node is not None}

    def of_name(node: Node) -> int:
        if node.op == "sub":
            return degree(subexpressions[str(node.value)][1], of_name)
        return int(node.op == "state" and node.value in moving)

    bent = [node for node in moving.values() if degree(node, of_name) > 1]
    whole = [*moving.values(), *(expression for _, expression in subexpressions.values())]
    timed = [node for node in whole if _moves_within_step(node, functions)]
    known = (*NAMES, *SOLVERS, *NOISY)
    if method is not None and method not in known:
        if isinstance(method, str) and method in ("milstein", "gsl", "rk45", "gsl_rkf45"):
            raise EquationError(f"method: {method!r} is not among the schemes here: {_list(known)}")
        near = nearest(method, known) if isinstance(method, str) else None
        hint = f"; did you mean {near!r}?" if near else ""
        raise EquationError(f"method: there is no {method!r}{hint}; there are {_list(known)}")
    if noises:
        return _noisy(method, moving, noises, of_name, not bent)
    if method == "heun":
        raise EquationError("method: 'heun' is for equations with xi; without it take 'rk2'")
    if method in ("exact", "linear"):
        if bent:
            raise bent[0].error(
                f"method: {method!r} needs equations that are linear, and this is not"
            )
        if timed:
            raise timed[0].error(f"method: {method!r} cannot follow what changes with t in a step")
    if timed and method is not None and NAMES.get(method, method) not in FIRST_ORDER:
        raise timed[0].error(
            f"method: {method!r} would take t as it is when the step begins; take 'euler' or "
            "'exponential_euler', or hold the function over a step, by TimedArray"
        )
    solver = "euler" if timed and method is None else NAMES.get(method or "auto", method or "auto")
    return solver, not bent, "", bool(timed)


def _noisy(
    method: str | None,
    moving: Mapping[str, Node],
    noises: Mapping[str, Mapping[str, Node]],
    of_name: Callable[[Node], int],
    linear: bool,
) -> tuple[str, bool, str, bool]:
    """The rule of equations with noise."""
    factors = [factor for noise in noises.values() for factor in noise.values()]
    times = [factor for factor in factors if degree(factor, of_name) > 0]
    rule = method or ("heun" if times else "euler")
    if rule not in NOISY:
        raise EquationError(
            f"method: {rule!r} has no rule for the noise xi; take 'euler', or 'heun' where its "
            "factor depends on a variable"
        )
    if rule == "euler" and times:
        raise times[0].error(
            "method: with 'euler' the factor of xi cannot depend on a variable; take 'heun', "
            "which is for the Stratonovich form"
        )
    return "euler", linear, rule, True


def _moves_within_step(node: Node, functions: Functions) -> bool:
    """Whether it changes with t within a step."""
    if node.op == "call" and isinstance(functions.get(str(node.value)), HeldOverStep):
        return False
    if node.op == "special" and node.value == "t":
        return True
    if node.op == "state" and node.value == "steps_since":
        return True
    return any(_moves_within_step(arg, functions) for arg in node.args)


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(map(repr, dict.fromkeys(names)))
