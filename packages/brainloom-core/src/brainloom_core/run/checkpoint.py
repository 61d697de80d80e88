"""`snapshot` and `restore`: all that the next steps of a network depend on."""

import os
from dataclasses import dataclass
from fractions import Fraction

import brainstate
import jax
import numpy as np

from ..clock import exact
from ..declare.arguments import checked
from ..declare.constraints import flag, maybe
from ..errors import CheckpointError, InputError
from ..identity import differences, parts_of, refuse, versions_of
from ..partition import as_partition
from ..tensors import read, write
from ..types import Drive, Json, Record
from ..units import show
from .held import captured, put_back
from .keeper import Keeper, Kept
from .loop import _batch, _End, _ends, _initialise_missing, _simulate
from .recording import Recording
from .recording.texts import time_of_words, time_words

__all__ = ["Snapshot", "restore", "resume", "snapshot"]

LOOSE = "Give exactly=False to go on all the same, from the states alone"


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All that the next steps of a network depend on, as arrays and texts.

    Args:
        arrays: The states and the random numbers by name, on the host.
        about: What they belong to, as JSON has it.

    Examples:
        See `snapshot`.
    """

    arrays: dict[str, np.ndarray]
    about: dict[str, Json]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file of the safetensors format, with a checksum.

        Args:
            path: The file; one that exists is replaced as a whole.

        Raises:
            CheckpointError: It cannot be written.
        """
        write(path, self.arrays, self.about)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Snapshot":
        """Read what `save` wrote.

        Args:
            path: The file.

        Raises:
            CheckpointError: It does not exist, is another file, or is not as it was written.
        """
        arrays, about = read(path)
        if not isinstance(about, dict) or about.get("kind") != "snapshot":
            raise CheckpointError(f"{path}: expected a snapshot of a network, got another file")
        return cls(arrays, about)

    def __repr__(self) -> str:
        size = sum(array.nbytes for array in self.arrays.values()) / 2**20
        return f"Snapshot of {len(self.about['states'])} states, {size:.3g} MiB"


def snapshot(net: brainstate.nn.Module) -> Snapshot:
    """All that the next steps of a network depend on: states, delays, time and random numbers.

    Args:
        net: The network, whose states exist.

    Returns:
        The snapshot, which later steps leave as it is; it can be saved to a file.

    Raises:
        InputError: It is no network.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Neuron, initializer, param, state
        >>> from brainloom_core import restore, simulate, snapshot
        >>> class Integrator(Neuron):
        ...     V_th = param(default=9.0 * u.mV)
        ...     V_reset = param(default=0.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, I):
        ...         return I * u.ohm / u.ms
        >>> cell = Integrator(1)
        >>> _ = simulate(cell, 3 * u.ms, dt=1 * u.ms, inputs=1 * u.mA)
        >>> before = snapshot(cell)
        >>> _ = simulate(cell, 4 * u.ms, dt=1 * u.ms, inputs=1 * u.mA)
        >>> restore(cell, before)
        >>> print(cell.V.value)
        [3.] mV
    """
    _check_net("snapshot", net)
    arrays, states = captured({"": net})
    end = _ends.get(net)
    is_left = end is not None and end.is_left(net)
    when = {"time": str(end.time), "dt": time_words(end.dt)} if end and is_left else None
    about = {
        "kind": "snapshot",
        "states": states,
        "batch": _batch(net),
        "when": when,
        "parts": parts_of(net),
        "versions": versions_of(net),
    }
    return Snapshot(arrays, about)


@checked(exactly=flag)
def restore(
    net: brainstate.nn.Module,
    snapshot: "Snapshot | str | os.PathLike[str]",
    *,
    exactly: bool = True,
) -> None:
    """Return a network to a snapshot, so that it takes the same steps from there, bit for bit.

    States that the network does not have yet are made. Time goes on from that of the snapshot, and
    `brainstate.random` from what it was.

    Args:
        net: The network, or another one that was made in the same way.
        snapshot: The snapshot, or the file that it was saved to.
        exactly: Whether parameters, edges, classes and versions have to be those of the snapshot.
            With False only the states have to fit, so that one state can be gone on from with
            other parameters.

    Raises:
        CheckpointError: The network is another one, and the error says how; or the file cannot be
            read, or is not as it was written. The network is as it was.

    Examples:
        See `snapshot`.
    """
    _check_net("restore", net)
    if not isinstance(snapshot, Snapshot):
        if not isinstance(snapshot, (str, os.PathLike)):
            raise InputError(
                f"restore: snapshot: expected a Snapshot or the path of one, got {show(snapshot)}"
            )
        snapshot = Snapshot.load(snapshot)
    about = snapshot.about
    if exactly:
        other = differences(about["versions"], versions_of(net))
        refuse("restore", "versions have changed", other, LOOSE)
        other = differences(about["parts"], parts_of(net))
        refuse("restore", "the network is another", other, LOOSE)
    when, before = about["when"], brainstate.random.DEFAULT.value
    dt = None if when is None else time_of_words(when["dt"])
    with brainstate.environ.context(**({} if dt is None else {"dt": dt})):
        _initialise_missing(net, about["batch"])
    brainstate.random.DEFAULT.value = before
    put_back("restore", {"": net}, snapshot.arrays, about["states"])
    _ends.pop(net, None)
    if when is not None:
        _ends[net] = _End.of(net, int(Fraction(when["time"]) / exact(dt)), dt)


@checked(exactly=flag, progress=maybe(flag))
def resume(
    path: str | os.PathLike[str],
    net: brainstate.nn.Module,
    *,
    inputs: Drive | None = None,
    record: Record | None = None,
    progress: bool | None = None,
    mesh: jax.sharding.Mesh | int | None = None,
    exactly: bool = True,
) -> Recording:
    """Go on with a run that `simulate(..., checkpoint=path)` began, to the same bits.

    It goes on from the last checkpoint that is whole: whatever ended the run, and at whatever
    moment, the recording is that of a run that was never ended. A run that is over gives its
    recording.

    Args:
        path: The folder that `simulate` was given as `checkpoint`.
        net: The network, made as it was then; its states need not exist.
        inputs: What `simulate` was given as `inputs`, where it was given some.
        record: What it was given as `record`; None where that was names such as `"E.spikes"`.
        progress: Whether to show a progress bar; None shows one on a terminal.
        mesh: Devices over which to spread the network, as of `simulate`; they may be others than
            then.
        exactly: Whether parameters, edges, classes, versions and the kind of device have to be
            those of then. With False only the states have to fit, and the bits may be others;
            what was another is then in the header of the recording, as `differences`.

    Returns:
        The recording of all of the run.

    Raises:
        CheckpointError: There is no checkpoint, none that is whole, or the network, what it is
            given or `dt` is another; the error says how.
        InputError: Something is no network.

    Examples:
        >>> import tempfile
        >>> import brainunit as u
        >>> from brainloom_core import Neuron, initializer, param, resume, simulate, state
        >>> class Integrator(Neuron):
        ...     V_th = param(default=9.0 * u.mV)
        ...     V_reset = param(default=0.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, I):
        ...         return I * u.ohm / u.ms
        >>> path = tempfile.mkdtemp() + "/run"
        >>> given = {"inputs": 1 * u.mA, "record": ["V"]}
        >>> whole = simulate(
        ...     Integrator(1), 20 * u.ms, dt=1 * u.ms, checkpoint=path, every=10 * u.ms, **given
        ... )
        >>> again = resume(path, Integrator(1), **given)
        >>> bool((again["V"].values[:] == whole["V"].values[:]).all())
        True
    """
    _check_net("resume", net)
    kept = Kept.read(path)
    about = kept.about
    dt = time_of_words(about["dt"])
    around = brainstate.environ.get("dt", default=None)
    if around is not None and exact(around) != exact(dt):
        found = [f"dt was {show(dt)} and is {show(around)} here"]
        refuse("resume", "the length of a step is another", found, "Set it to what it was")
    with brainstate.environ.context(dt=dt):
        before = brainstate.random.DEFAULT.value
        _initialise_missing(net, about["batch"])
        brainstate.random.DEFAULT.value = before
    return _simulate(
        net,
        about["steps"] * dt,
        dt=dt,
        inputs=inputs,
        record=about["names"] if record is None else record,
        progress=progress,
        start=about["first"] * dt,
        seed=about["seed"],
        keeper=Keeper(kept.path, kept.every, dt, kept, exactly),
        partition=as_partition(mesh),
    )


def _check_net(who: str, net: brainstate.nn.Module) -> None:
    if not isinstance(net, brainstate.nn.Module):
        raise InputError(f"{who}: net: expected a Network or another module, got {show(net)}")
