"""Members of a sweep: built one by one, and run by what is compiled once for those built alike."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import brainstate

from ..errors import InputError
from ..types import Drive, Record, Time
from ..units import show
from .loop import simulate
from .recording import Recording
from .together import CANNOT_BE_TRACED, Built, Group, Lot, building, random_kept

__all__ = ["Member", "Runner", "Settings", "run_alone"]

WAVE = 64  # members that are in memory together


@dataclass(frozen=True)
class Settings:
    """What all members have in common: the arguments of `simulate`."""

    duration: Time
    dt: Time
    inputs: Drive | None
    record: Record
    exact: bool
    batch: int | None


@dataclass(frozen=True)
class Member:
    """One set of parameters, and a seed.

    Attributes:
        parameters: What `build` is called with.
        seed: Seed of what it draws, and of the noise of the run.
    """

    parameters: Mapping[str, object]
    seed: int

    def __str__(self) -> str:
        words = [f"{name}={_short(value)}" for name, value in self.parameters.items()]
        return ", ".join([*words, f"seed={self.seed}"])

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Say in what is raised inside that it was this member."""
        try:
            yield
        except Exception as error:
            note = f"in the member of the sweep with {self}"
            if note not in getattr(error, "__notes__", ()):
                error.add_note(note)
            raise

    def built(
        self, build: Callable[..., brainstate.nn.Module], settings: Settings
    ) -> tuple[brainstate.nn.Module, Drive | None]:
        """The network and its inputs, with random numbers that begin at the seed."""
        brainstate.random.seed(self.seed)
        with self.named():
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


def run_alone(
    build: Callable[..., brainstate.nn.Module], member: Member, settings: Settings
) -> Recording:
    """The member as `simulate` runs it."""
    with building, random_kept(), member.named():
        net, inputs = member.built(build, settings)
        return simulate(
            net,
            settings.duration,
            dt=settings.dt,
            inputs=inputs,
            record=_recorded(settings, net),
            progress=False,
            seed=member.seed,
        )


class Runner:
    """Runs members, those built alike by what is compiled for the first of them.

    Args:
        build: Makes a network of the parameters.
        settings: The arguments of `simulate`.
        names: Numbers that differ between members, as `differing` gives them.
        threads: How many run at the same time; None for one on each core.
    """

    def __init__(
        self,
        build: Callable[..., brainstate.nn.Module],
        settings: Settings,
        names: Sequence[str],
        threads: int | None = None,
    ) -> None:
        self.build, self.settings, self.names = build, settings, names
        self.threads = threads or _cores()
        self._groups: dict[int, Group] = {}
        self._is_sound: bool | None = None

    def run(self, members: Mapping[int, Member], done: Callable[[int, Recording], None]) -> None:
        """Run members, and hand on what each recorded as soon as it is there.

        Args:
            members: The members by number.
            done: Called with the number of a member and what it recorded, by one thread at a time.
        """
        numbers = list(members)
        for start in range(0, len(numbers), WAVE):
            self._run_wave({n: members[n] for n in numbers[start : start + WAVE]}, done)

    def _run_wave(self, members: Mapping[int, Member], done: Callable[..., None]) -> None:
        one_at_a_time = threading.Lock()

        def run(lot: Lot) -> None:
            try:
                found = list(lot.run())
            except CANNOT_BE_TRACED:  # what differs decides what a step is
                found = [(number, None) for number in lot.numbers]
            for number, recording in found:
                if recording is None:  # if it is not finite, the error says which state, and when
                    recording = run_alone(self.build, members[number], self.settings)
                with one_at_a_time:
                    done(number, recording)

        groups = [] if self.settings.exact else self._grouped(members)
        together = {number for group in groups for number in group.numbers}
        for number in members.keys() - together:
            done(number, run_alone(self.build, members[number], self.settings))
        lots = [lot for group in groups for lot in group.lots(self.threads, self.settings.batch)]
        _in_threads(run, lots, self.threads)
        for group in groups:
            group.forget()

    def _grouped(self, members: Mapping[int, Member]) -> list[Group]:
        if self._is_sound is False:
            return []
        with building, random_kept():
            for number, member in members.items():
                built = self._built(member)
                key = built.key(self.names)
                if key not in self._groups:
                    self._groups[key] = Group(built, self.names)
                self._groups[key].add(number, built)
        groups = [group for group in self._groups.values() if group.numbers]
        if self._is_sound is None:
            pair = next((group for group in groups if group.can_be_checked), None)
            self._is_sound = None if pair is None else self._checked(pair)
        return [] if self._is_sound is False else groups

    def _checked(self, group: Group) -> bool:
        try:
            return group.is_sound()
        except CANNOT_BE_TRACED:
            return True  # which is dealt with when they are run

    def _built(self, member: Member) -> Built:
        net, inputs = member.built(self.build, self.settings)
        record = _recorded(self.settings, net)
        return Built(net, inputs, self.settings.duration, self.settings.dt, record, member.seed)

    def differing(self, probes: Sequence[Member]) -> tuple[str, ...]:
        """Names of the numbers in which members differ whose networks are alike.

        Args:
            probes: Some members, in which each parameter and the seed differ from the first.
        """
        alike: dict[int, list[Built]] = {}
        with building, random_kept():
            for probe in probes:
                built = self._built(probe)
                alike.setdefault(built.survey.key, []).append(built)
        found: dict[str, None] = {}
        for first, *others in alike.values():
            names = [name for other in others for name in first.differing(other)]
            group = Group(first, list(dict.fromkeys(names)))
            for number, member in enumerate([first, *others]):
                group.add(number, member)
            if group.exchanged:
                found.update(dict.fromkeys(group.harmless()))
        return tuple(found)


def _in_threads(run: Callable[[Lot], None], lots: list[Lot], threads: int) -> None:
    if not lots:
        return
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(run, lot) for lot in lots]
        try:
            for future in running:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _cores() -> int:
    known = getattr(os, "sched_getaffinity", None)
    return len(known(0)) if known else os.cpu_count() or 1


def _recorded(settings: Settings, net: brainstate.nn.Module) -> Record:
    return settings.record(net) if callable(settings.record) else settings.record


def _short(value: object) -> str:
    text = show(value)
    return text if len(text) < 40 else type(value).__name__
