"""Spiking differential equations in plain numbers, and their accurate solution by scipy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

__all__ = ["Array", "Equations", "Numbers", "Section", "Solution", "State", "rate_of", "solve"]

Array = npt.NDArray[np.floating[Any]]
Numbers = Mapping[str, float]
Section = tuple[float, float]  # duration and current
State = Sequence[float]

RTOL = 1e-10
ATOL = 1e-11
MAX_SPIKES = 20_000


@dataclass(frozen=True, eq=False)
class Equations:
    """A model as the literature writes it.

    Attributes:
        states: Names of the states; the first is the potential.
        drift: The derivatives, of the states, the current and the parameters.
        start: The initial states, of the parameters.
        excess: The distance above threshold; a spike is where it becomes positive.
        jump: The states after a spike; None where the equations go on without a reset.
        parameters: Parameters by name, as published, in units that fit together.
        source: Where the equations and parameters stand.
    """

    states: tuple[str, ...]
    drift: Callable[[State, float, Numbers], State]
    start: Callable[[Numbers], State]
    excess: Callable[[State, Numbers], float]
    jump: Callable[[State, Numbers], State] | None = None
    parameters: Numbers = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True)
class Solution:
    """Spike times, and the states at the asked times, one row per state."""

    spikes: Array
    times: Array
    states: Array


def solve(
    equations: Equations,
    sections: Sequence[Section],
    times: Array | None = None,
    parameters: Numbers | None = None,
    *,
    method: str = "DOP853",
) -> Solution:
    """Solve to about 1e-10 with located threshold crossings.

    A refractory period `tau_ref` among the parameters holds the potential, and nothing else.

    Args:
        equations: What to solve.
        sections: Durations and currents, one after the other from time 0.
        times: Times at which the states are wanted, ascending.
        parameters: Parameters that differ from the published ones.
        method: A method of `scipy.integrate.solve_ivp`.
    """
    p = {**equations.parameters, **(parameters or {})}
    at = np.empty(0) if times is None else np.asarray(times, dtype=np.float64)
    run = _Run(equations, p, at, method, list(equations.start(p)))
    end = 0.0
    for duration, current in sections:
        end += duration
        run.advance(end, current)
    return Solution(np.asarray(run.spikes), at, run.states())


def rate_of(spikes: Array, per: float = 1000.0) -> float:
    """The rate of the last interval, per second where times are in ms; 0 without one."""
    return float(per / (spikes[-1] - spikes[-2])) if len(spikes) > 1 else 0.0


class _Run:
    """A solution that grows section by section and spike by spike."""

    def __init__(
        self, equations: Equations, p: Numbers, at: Array, method: str, y: list[float]
    ) -> None:
        self.equations, self.p, self.at, self.method = equations, p, at, method
        self.t, self.y, self.held_until = 0.0, y, 0.0
        self.spikes: list[float] = []
        self.found: list[Array] = []
        self._record(np.array([self.y]).T, at[at <= 0.0])

    def advance(self, end: float, current: float) -> None:
        while self.t < end:
            if len(self.spikes) > MAX_SPIKES:
                raise RuntimeError("too many spikes to solve for")
            held = self.t < self.held_until
            self._stretch(min(end, self.held_until) if held else end, current, held)

    def _stretch(self, end: float, current: float, held: bool) -> None:
        """Integrate to the end, or to the spike that needs a reset."""
        it, p = self.equations, self.p

        def drift(t: float, y: State) -> State:
            rates = it.drift(y, current, p)
            return [0.0, *rates[1:]] if held else rates

        def excess(t: float, y: State) -> float:
            return it.excess(y, p)

        excess.terminal = it.jump is not None  # type: ignore[attr-defined]
        excess.direction = 1.0  # type: ignore[attr-defined]
        wanted = self.at[(self.at > self.t) & (self.at <= end)]
        with np.errstate(over="ignore", invalid="ignore"):
            part = solve_ivp(
                drift,
                (self.t, end),
                self.y,
                method=self.method,
                rtol=RTOL,
                atol=ATOL,
                t_eval=np.append(wanted[wanted < end], end),
                events=[] if held else [excess],
            )
        if part.status < 0:
            raise RuntimeError(f"no accurate solution at {self.t}: {part.message}")
        spiked = part.status == 1
        self._record(part.y, wanted[wanted <= part.t_events[0][0]] if spiked else wanted)
        if not held:
            self.spikes.extend(part.t_events[0])
        self.t = float(part.t_events[0][-1]) if spiked else end
        self.y = list(part.y_events[0][-1] if spiked else part.y[:, -1])
        if spiked and it.jump is not None:
            self.y = list(it.jump(self.y, p))
            self.held_until = self.t + p.get("tau_ref", 0.0)

    def states(self) -> Array:
        return np.reshape(self.found, (len(self.found), len(self.y))).T

    def _record(self, states: Array, times: Array) -> None:
        self.found.extend(states[:, k] for k in range(len(times)))
