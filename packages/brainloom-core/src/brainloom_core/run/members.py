"""Members of a sweep: built one by one, and run by what is compiled once for those built alike."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import brainstate

from ..errors import InputError
from ..units import show
from .loop import simulate
from .recording import Recording
from .together import Built, Group, Lot, building, random_kept

__all__ = ["Member", "Settings", "run_alone", "run_members"]


@dataclass(frozen=True)
class Settings:
    """What all members have in common: the arguments of `simulate`."""

    duration: Any
    dt: Any
    inputs: Any
    record: Any
    exact: bool
    batch: int | None


@dataclass(frozen=True)
class Member:
    """One set of parameters, and a seed.

    Attributes:
        parameters: What `build` is called with.
        seed: Seed of what it draws, and of the noise of the run.
    """

    parameters: Mapping[str, Any]
    seed: int

    def __str__(self) -> str:
        words = [f"{name}={_short(value)}" for name, value in self.parameters.items()]
        return ", ".join([*words, f"seed={self.seed}"])

    def built(self, build: Callable[..., Any], settings: Settings) -> tuple[Any, Any]:
        """The network and its inputs, with random numbers that begin at the seed."""
        brainstate.random.seed(self.seed)
        made = build(**self.parameters)
        net, inputs = made if isinstance(made, tuple) else (made, settings.inputs)
        if not isinstance(net, brainstate.nn.Module):
            raise InputError(
                "sweep: build: expected a function that returns a Network or another module, or "
                f"such a module and its inputs, got {show(made)} for {self}"
            )
        if isinstance(made, tuple) and settings.inputs is not None:
            raise InputError(
                "sweep: inputs: build returns inputs too; give them in one of the two places"
            )
        return net, inputs


def run_alone(build: Callable[..., Any], member: Member, settings: Settings) -> Recording:
    """The member as `simulate` runs it."""
    with building, random_kept():
        net, inputs = member.built(build, settings)
        return simulate(
            net,
            settings.duration,
            dt=settings.dt,
            inputs=inputs,
            record=_recorded(settings, net),
            progress=False,
        )


def run_members(
    build: Callable[..., Any],
    members: Sequence[Member],
    settings: Settings,
    wanted: Sequence[int],
    done: Callable[[int, Recording], None],
    threads: int | None = None,
) -> None:
    """Run members, and hand on what each recorded as soon as it is there.

    Args:
        build: Makes a network of the parameters.
        members: All that are looked at together: what differs between them is not compiled in.
        settings: The arguments of `simulate`.
        wanted: Which of them to run.
        done: Called with the number of a member and what it recorded, by one thread at a time.
        threads: How many run at the same time; None for one on each core.
    """
    threads = threads or _cores()
    groups = [] if settings.exact or len(members) == 1 else _groups(build, members, settings)
    together = {number for group in groups for number in group.numbers}
    for number in wanted:
        if number not in together:
            done(number, run_alone(build, members[number], settings))
    one_at_a_time = threading.Lock()

    def run(lot: Lot) -> None:
        for number, recording in lot.run():
            if recording is None:  # whose error says which state, and when
                recording = run_alone(build, members[number], settings)
            with one_at_a_time:
                done(number, recording)

    lots = [
        lot for group in groups for lot in group.lots({*wanted}, threads, settings.batch)
    ]
    if lots:
        _in_threads(run, lots, threads)


def _in_threads(run: Callable[[Lot], None], lots: list[Lot], threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(run, lot) for lot in lots]
        try:
            for future in running:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _groups(
    build: Callable[..., Any], members: Sequence[Member], settings: Settings
) -> list[Group]:
    """The members that can be run by what is compiled for one of them, two or more each."""
    groups: dict[int, Group] = {}
    with building, random_kept():
        for number, member in enumerate(members):
            net, inputs = member.built(build, settings)
            record = _recorded(settings, net)
            built = Built(net, inputs, settings.duration, settings.dt, record)
            key = built.survey.key
            if key not in groups:
                groups[key] = Group(built)
            groups[key].add(number, built)
    found = [group for group in groups.values() if len(group.numbers) > 1]
    found.sort(key=lambda group: -len(group.numbers))
    return found if not found or found[0].is_sound() else []


def _cores() -> int:
    known = getattr(os, "sched_getaffinity", None)
    return len(known(0)) if known else os.cpu_count() or 1


def _recorded(settings: Settings, net: Any) -> Any:
    return settings.record(net) if callable(settings.record) else settings.record


def _short(value: Any) -> str:
    text = show(value)
    return text if len(text) < 40 else type(value).__name__


