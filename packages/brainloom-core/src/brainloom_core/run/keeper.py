"""Keeps a run: writes from time to time all that it takes to go on from there."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brainstate
import jax
import numpy as np

from ..clock import steps
from ..errors import CheckpointError, InputError
from ..identity import differences, parts_of, refuse, text_of, versions_of
from ..kernels.registry import forced_kernels
from ..names import name_in
from ..tensors import check_writable, earlier, read_newest, write
from ..types import Json, Record, Time
from ..units import show
from .draws import input_names
from .held import captured, constants, put_back
from .inputs import Inputs
from .recording import Recorder, RecordingStore, Tape
from .recording.texts import time_words

__all__ = ["Keeper", "Kept"]

STATE = "state.safetensors"
RECORDING = "recording.zarr"
SECONDS = 60.0  # between checkpoints where no time is given
CARRIED = "carried/"
LOOSE = "Give exactly=False to go on all the same; the bits may then be others"


@dataclass(frozen=True)
class Kept:
    """A checkpoint of a run, as it was read."""

    path: Path
    arrays: dict[str, np.ndarray]
    about: dict[str, Json]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Kept":
        """The newest checkpoint in a folder that is whole.

        Args:
            path: The folder.

        Raises:
            CheckpointError: There is none.
        """
        if not isinstance(path, (str, os.PathLike)):
            raise InputError(f"resume: path: expected the path of a folder, got {show(path)}")
        path = Path(path)
        if not path.is_dir():
            raise CheckpointError(
                f"resume: there is no folder {path}. Give what simulate(..., checkpoint=...) got"
            )
        if not (path / STATE).exists() and not earlier(path / STATE).exists():
            raise CheckpointError(
                f"resume: {path} has no checkpoint: the run was ended before its first, or this is "
                "the folder of something else. Simulate anew, into another folder"
            )
        arrays, about = read_newest(path / STATE)
        if not isinstance(about, dict) or about.get("kind") != "run":
            raise CheckpointError(f"{path / STATE}: expected the checkpoint of a run")
        return cls(path, arrays, about)

    @property
    def every(self) -> int | None:
        """Number of steps between checkpoints, None where it goes by the clock."""
        found: int | None = self.about["every"]
        return found


class Keeper:
    """Writes checkpoints of a run into a folder, beside its recording.

    Args:
        path: The folder.
        every: Time or number of steps between checkpoints; None for one a minute.
        dt: Length of a step.
        kept: The checkpoint from which the run goes on, None for a new run.
        exactly: Whether it has to be the same network, versions and device.

    Raises:
        CheckpointError: The folder cannot be made, or there is something in it.
        InputError: `every` is no time.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: Time | None,
        dt: Time,
        kept: Kept | None = None,
        exactly: bool = True,
    ) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise InputError(f"simulate: checkpoint: expected a path, got {show(path)}")
        self.path, self.kept, self.exactly = Path(path), kept, exactly
        if every is not None and not isinstance(every, int):
            every = steps("simulate: every", every, dt, least=1)
        self.every: int | None = every
        if kept is None:
            self._check_new()
        self.modules: dict[str, brainstate.nn.Module] = {}
        self.about: dict[str, Json] = {}
        self.last, self.clock = 0, time.monotonic()

    @property
    def done(self) -> int:
        """Number of steps that were taken before."""
        return 0 if self.kept is None else int(self.kept.about["done"])

    def store(self, net: brainstate.nn.Module, recorders: Mapping[str, Recorder]) -> Any:
        """Where what is recorded is written: a path, or what was written before; None for nothing.

        Args:
            net: The network.
            recorders: The recorders by name.
        """
        if self.kept is not None:
            here = _recorded(net, recorders)
            self._check("what is recorded", "record", here)
        place = self.path / RECORDING
        if not recorders:
            return None
        if self.kept is None:
            return place
        store = RecordingStore.open(place, writable=True)
        store.truncate(self.kept.about["marks"])
        return store

    def begin(
        self,
        net: brainstate.nn.Module,
        fed: Inputs,
        tape: Tape,
        record: Record,
        seed: int | None,
        batch: int | None,
    ) -> None:
        """Begin a run or go on with one: see that it is the same, and put its states back.

        Args:
            net: The network.
            fed: Its inputs.
            tape: What is recorded.
            record: What it was asked to record.
            seed: The seed, None for none.
            batch: Length of the batch axis, None for none.

        Raises:
            CheckpointError: It is another one, or nothing can be written.
        """
        self.tape = tape
        names = input_names(net, fed)
        inputs = [pair for pair in zip(names, fed.functions, strict=True) if pair[1] in fed.modules]
        self.modules = {"": net, **dict(inputs)}
        parts = parts_of(net)
        for name, module in inputs:
            parts |= {f"{name}.{part}": text for part, text in parts_of(module).items()}
        given = zip(names, fed.functions, fed.values, strict=True)
        device = jax.devices()[0]
        self.about = {
            "kind": "run",
            "dt": time_words(tape.dt),
            "first": tape.first,
            "steps": tape.last - tape.first,
            "every": self.every,
            "seed": seed,
            "batch": batch,
            "names": _names(record),
            "record": _recorded(net, tape.recorders),
            "inputs": {name: text_of(f if v is None else v) for name, f, v in given},
            "parts": parts,
            "constants": constants(self.modules),
            "versions": versions_of(*self.modules.values()),
            "device": {
                "platform": device.platform,
                "x64": str(bool(jax.config.read("jax_enable_x64"))),
                "kernels": text_of(dict(forced_kernels())),
            },
        }
        if self.kept is None:
            self.write(0)
        else:
            self._go_on(self.kept)

    def due(self, done: int) -> bool:
        """Whether it is time for a checkpoint.

        Args:
            done: Number of steps that were taken.
        """
        if self.every is None:
            return time.monotonic() - self.clock >= SECONDS
        return done // self.every > self.last // self.every

    def write(self, done: int) -> None:
        """Write a checkpoint; what was recorded until then is on the disk before it.

        Args:
            done: Number of steps that were taken, all of which the tape has.

        Raises:
            CheckpointError: It cannot be written. The one before it still is good.
        """
        arrays, states = captured(self.modules)
        store = self.tape.store
        try:
            marks = {} if store is None else store.marks()
        except OSError as error:
            raise CheckpointError(f"simulate: {error}. {self.way_out()}") from error
        arrays |= {CARRIED + name: value for name, value in self.tape.carried().items()}
        about = {**self.about, "states": states, "done": done, "marks": marks}
        try:
            write(self.path / STATE, arrays, about, keep=True)
        except CheckpointError as error:
            raise CheckpointError(f"simulate: {error} {self.way_out()}") from error
        self.last, self.clock = done, time.monotonic()

    def way_out(self) -> str:
        """What to do where nothing can be written."""
        return f"Make room, and go on from the last checkpoint with resume({str(self.path)!r}, net)"

    def _go_on(self, kept: Kept) -> None:
        self._check("what it is given", "inputs", self.about["inputs"])
        same = [name for name in kept.about["constants"] if self._is_constant(name)]
        there, here = (
            {name: about["constants"].get(name, "missing") for name in same}
            for about in (kept.about, self.about)
        )
        found = {
            "versions have changed": self._differences("versions"),
            "the network is another": [*self._differences("parts"), *differences(there, here)],
            "the device is another": self._differences("device"),
        }
        if self.exactly:
            for what, differing in found.items():
                refuse("resume", what, differing, LOOSE)
        self._note([text for differing in found.values() for text in differing])
        put_back("resume", self.modules, kept.arrays, kept.about["states"])
        carried = {k: v for k, v in kept.arrays.items() if k.startswith(CARRIED)}
        self.tape.carry({name.removeprefix(CARRIED): v for name, v in carried.items()})
        self.last = self.done
        self.tape.stop = self.tape.first + self.done

    def _note(self, found: list[str]) -> None:
        """Leave a mark in the recording where it goes on with something else than it began with."""
        assert self.kept is not None
        goes_on = self.done < self.about["steps"]
        differing = [*self.kept.about.get("differences", ()), *(found if goes_on else ())]
        if differing:
            self.about["differences"] = self.tape.about["differences"] = differing

    def _differences(self, key: str) -> list[str]:
        assert self.kept is not None
        return differences(self.kept.about[key], self.about[key])

    def _is_constant(self, name: str) -> bool:
        """Whether a state that could have learned did not."""
        assert self.kept is not None
        return text_of(self.kept.arrays[f"{name}#0"]) == self.kept.about["constants"][name]

    def _check(self, what: str, key: str, here: Mapping[str, Json], hint: str = "") -> None:
        assert self.kept is not None
        hint = hint or f"Give {key}= as simulate was given it"
        refuse("resume", what, differences(self.kept.about[key], here), hint)

    def _check_new(self) -> None:
        path = self.path
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            there = (path / STATE).exists()
            hint = f"Go on with resume({str(path)!r}, net), or give" if there else "Give"
            raise CheckpointError(
                f"simulate: checkpoint: there is something in {path}. {hint} another folder"
            )
        check_writable(path / STATE)


def _names(record: Record) -> Any:
    """What was given as `record`, where that was names; None where it was something else."""
    names = record if isinstance(record, (list, tuple)) else [record]
    if isinstance(record, Mapping):
        return dict(record) if all(isinstance(name, str) for name in record.values()) else None
    return list(names) if all(isinstance(name, str) for name in names) else None


def _recorded(net: brainstate.nn.Module, recorders: Mapping[str, Recorder]) -> dict[str, str]:
    return {name: _recorder_text(net, recorder) for name, recorder in recorders.items()}


def _recorder_text(net: brainstate.nn.Module, recorder: Recorder) -> str:
    found = []
    for key, value in vars(recorder).items():
        whole = getattr(value, "population", value)
        if isinstance(whole, brainstate.graph.Node):
            part = "" if whole is value else f"[{value.selection!r}]"
            found.append(f"{key}={name_in(net, whole)}{part}")
        elif not key.startswith("_"):
            found.append(f"{key}={text_of(value)}")
    return f"{type(recorder).__name__}({', '.join(found)})"
