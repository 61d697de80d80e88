"""`sweep`: a network at many parameters and seeds, in one call."""

import functools
import itertools
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import brainstate
import brainunit as u
import numpy as np

from ..clock import steps
from ..declare.arguments import checked
from ..declare.constraints import flag, function, maybe
from ..errors import BrainloomError, InputError
from ..progress import progress_bar
from ..types import Drive, Record, Time, Values
from ..units import same_dimension, show
from .loop import _step_length
from .members import Member, Runner, Settings
from .recording import Recording
from .recording.asked import PLACE
from .results import Result, dataset_of, measured, needs_xarray
from .sweep_store import SweepStore

if TYPE_CHECKING:
    import xarray

__all__ = ["sweep"]

TASK = 16  # members that another process gets at a time, about
RETRIES = 3  # times that a task is handed out again after its worker was lost


@checked(
    measure=maybe(function),
    store=maybe(PLACE),
    exact=flag,
    progress=maybe(flag),
)
def sweep(
    build: Callable[..., brainstate.nn.Module],
    over: Values | Sequence[Values] | None = None,
    *,
    duration: Time,
    seeds: int | str | Sequence[int] = 1,
    dt: Time | None = None,
    inputs: Drive | None = None,
    record: Record | None = None,
    measure: Callable[[Recording], object] | None = None,
    executor: int | Executor | Callable[[], Executor] | None = None,
    store: str | Path | None = None,
    batch: int | None = None,
    exact: bool = False,
    progress: bool | None = None,
) -> "xarray.Dataset":
    """Run a network at many parameters and seeds, and return all results in one `xarray.Dataset`.

    Each member of the sweep is a network that `build` makes after `brainstate.random.seed(seed)`;
    what it gives is what `simulate(net, ..., seed=seed)` gives of that network. Members whose
    networks differ in numbers only (parameters, weights, initial states, noise) share what is
    compiled: it takes the numbers that differ as arguments. Others (of another size or model, with
    other edges, or with another value of what decides how a step is computed, such as the rate
    of a `PoissonInput`) are compiled by themselves. Without an executor, members run at the same
    time on all cores of this process.

    How many run side by side, as one batch under `jax.vmap`, follows from their size. On a CPU
    that pays for small networks: those of up to 100 neurons run 2 to 5 times as fast in batches
    whose numbers take 16 kB, and larger ones faster in turn, since kernels that visit only the
    neurons that spike lose that under `vmap`. On other devices a batch takes a fourth of the
    memory.

    Numbers that differ are rounded in a step as single precision does it, where those that are
    compiled in are partly combined beforehand in double precision. So states may differ from
    those of the same run alone in the last digit if a parameter of the models differs, and in a
    chaotic network spikes then part after a while. Weights, currents, initial values, edges and
    seeds are arguments either way, and the results are those of the run alone, bit for bit. With
    `exact=True` they always are, and each member is compiled by itself.

    Args:
        build: A function of the parameters, by name, that returns a network, or a network and its
            `inputs`.
        over: A mapping from parameters to lists of values, for all combinations of these; or a
            list of mappings from parameters to one value each, for these samples. None for seeds
            alone.
        duration: Time to simulate, as for `simulate`.
        seeds: How many seeds, counted from 0, a list of them, or `"each"`: each member has one of
            its own, which is its number.
        dt: Length of a step; by default that of `brainstate.environ`.
        inputs: Inputs of all members, as for `simulate`; without modules that have states.
        record: What to record, names such as `"E.spikes"`, or a function of the network that
            returns what `simulate` takes.
        measure: A function of the `Recording` of a member that returns what to keep of it: a
            mapping from names to numbers, arrays, quantities or `xarray.DataArray`, of the same
            shape for all members, or one such value. None keeps of spikes the mean rate (`rate`),
            the CV of intervals (`cv`) and the number of each neuron (`counts`), and traces whole.
        executor: Where to run: None here; a number of processes; anything with the interface of
            `concurrent.futures`, such as that of `dask.distributed.Client.get_executor()`, to
            which `build` and what it gives must be sent; or a function that makes one, which is
            called again where all workers were lost.
        store: A folder that keeps the result of each member as soon as there is one. A sweep that
            is called again with the same store computes what is missing.
        batch: How many members to run side by side; None chooses.
        exact: Whether to compile each member by itself.
        progress: Whether to show a progress bar; None shows one on a terminal.

    Returns:
        The results; dimensions are the parameters (or `sample`) and `seed`, then those of each
        result. Units are in the attribute `units` of each variable.

    Raises:
        InputError: Parameters, seeds or executor are none, or the store is that of another sweep.
        ImportError: xarray is missing.
        Exception: What a member raised, with a note that names the member. Results that were
            there by then are in the store.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Neuron, initializer, param, state, sweep
        >>> class Leaky(Neuron):
        ...     tau = param(default=20.0 * u.ms)
        ...     V_th = param(default=20.0 * u.mV)
        ...     V_reset = param(default=0.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, V, I):
        ...         return (I * u.ohm - V) / self.tau
        >>> found = sweep(
        ...     lambda tau: Leaky(1, tau=tau), {"tau": [10.0, 20.0] * u.ms},
        ...     duration=200 * u.ms, dt=0.1 * u.ms, inputs=30 * u.mA, record="spikes",
        ... )
        >>> found["spikes.rate"].sel(seed=0).values
        array([90., 45.])
    """
    needs_xarray()
    if not callable(build):
        raise InputError(f"sweep: build: expected a function, got {show(build)}")
    dt = _step_length(dt)
    steps("sweep: duration", duration, dt, least=1)
    _check_inputs(inputs)
    plan = Plan.of(over, seeds)
    settings = Settings(duration, dt, inputs, record, bool(exact), _whole_or_none(batch))
    kept = None if store is None else SweepStore.of(store, plan, settings, build, measure)
    results: dict[int, Result] = {} if kept is None else kept.read()
    missing = [n for n in range(len(plan.members)) if n not in results]
    with progress_bar(
        len(plan.members), progress, desc="sweeping", unit="run", initial=len(results)
    ) as bar:

        def done(number: int, result: Result) -> None:
            results[number] = result
            if kept is not None:
                kept.write(number, result)
            if bar is not None:
                bar.update(1)

        if missing:
            job = _Job(build, settings, measure, plan, plan.differing(build, settings))
            _run_all(job, missing, executor, done)
    return dataset_of(plan, settings, [results[n] for n in range(len(plan.members))])


@dataclass(frozen=True)
class Plan:
    """The members of a sweep, in order, and how they are labelled.

    Attributes:
        members: All of them, seed by seed.
        names: The parameters.
        lists: Their values, where all combinations are members.
        samples: The parameters of each sample, where samples are.
        seeds: The seeds, None where each member has its own.
    """

    members: tuple[Member, ...]
    names: tuple[str, ...]
    lists: tuple[tuple[object, ...], ...] | None
    samples: tuple[Mapping[str, object], ...] | None
    seeds: tuple[int, ...] | None

    @classmethod
    def of(cls, over: object, seeds: object) -> "Plan":
        """The plan for what `sweep` was given."""
        lists = samples = None
        if over is None or isinstance(over, Mapping):
            over = over or {}
            names = tuple(map(_name, over))
            lists = tuple(_values(name, over[name]) for name in names)
            points = [dict(zip(names, point, strict=True)) for point in itertools.product(*lists)]
        else:
            points = _samples(over)
            names, samples = tuple(points[0]), tuple(points)
        chosen = _seeds(seeds)
        if chosen is None:
            members = [Member(point, number) for number, point in enumerate(points)]
        else:
            members = [Member(point, seed) for seed in chosen for point in points]
        return cls(tuple(members), names, lists, samples, chosen)

    @property
    def n_points(self) -> int:
        """How many sets of parameters there are."""
        return len(self.members) // (1 if self.seeds is None else len(self.seeds))

    def differing(
        self, build: Callable[..., brainstate.nn.Module], settings: Settings
    ) -> tuple[str, ...]:
        """The numbers that differ between members, as far as a few of them show it."""
        if settings.exact or len(self.members) == 1:
            return ()
        probes = {0: self.members[0], len(self.members) - 1: self.members[-1]}
        if self.lists is not None:
            stride = self.n_points
            for values in self.lists:
                stride //= len(values)
                number = (len(values) - 1) * stride
                probes[number] = self.members[number]
        if self.seeds is not None and len(self.seeds) > 1:
            probes[self.n_points] = self.members[self.n_points]
        return Runner(build, settings, ()).differing(list(probes.values()))

    def tasks(self, numbers: Sequence[int]) -> list[list[int]]:
        """Members in portions, those of one seed together."""
        at_once = max(1, TASK // self.n_points) * self.n_points
        size = min(at_once, TASK) if self.n_points > TASK else at_once
        portions: dict[tuple[int, int], list[int]] = {}
        for number in numbers:
            seed, point = divmod(number, self.n_points)
            key = (number // size, 0) if self.n_points <= TASK else (seed, point // size)
            portions.setdefault(key, []).append(number)
        return list(portions.values())


def _name(name: object) -> str:
    if not isinstance(name, str) or not name.isidentifier() or name in ("seed", "sample"):
        raise InputError(
            "sweep: over: expected names of arguments of build, other than 'seed' and 'sample', "
            f"got {name!r}"
        )
    return name


def _values(name: str, values: Any) -> tuple[object, ...]:
    if isinstance(values, (list, tuple)) and any(isinstance(v, u.Quantity) for v in values):
        if not all(same_dimension(v, values[0]) for v in values):
            raise InputError(
                f"sweep: over: {name}: expected values of one dimension, such as [1, 2] * u.nS, "
                f"got {', '.join(map(show, values))}"
            )
        return tuple(values)
    is_several = not isinstance(values, (str, bytes)) and np.ndim(u.get_mantissa(values)) != 0
    if not is_several and isinstance(values, (list, tuple, range)):
        is_several = True
    found = tuple(values) if is_several else ()
    if not found:
        raise InputError(f"sweep: over: {name}: expected a list of values, got {show(values)}")
    return found


def _samples(over: Any) -> list[dict[str, object]]:
    is_list = isinstance(over, Sequence) and not isinstance(over, str) and len(over) > 0
    if not is_list or not all(isinstance(item, Mapping) for item in over):
        raise InputError(
            "sweep: over: expected a mapping from parameters to lists of values, or a list of "
            f"mappings from parameters to values, got {show(over)}"
        )
    points = [{_name(name): value for name, value in item.items()} for item in over]
    for number, point in enumerate(points):
        if point.keys() != points[0].keys():
            raise InputError(
                f"sweep: over: sample 0 has the parameters {sorted(points[0])} and sample "
                f"{number} has {sorted(point)}; expected the same in all"
            )
    return points


def _seeds(seeds: object) -> tuple[int, ...] | None:
    if isinstance(seeds, str) and seeds == "each":
        return None
    if isinstance(seeds, (int, np.integer)) and not isinstance(seeds, bool) and seeds > 0:
        return tuple(range(int(seeds)))
    if isinstance(seeds, (list, tuple, range, np.ndarray)) and len(seeds):
        found = tuple(seeds)
        is_whole = all(isinstance(s, (int, np.integer)) and s >= 0 for s in found)
        if is_whole and len({*found}) == len(found):
            return tuple(int(s) for s in found)
    raise InputError(
        "sweep: seeds: expected a number of seeds > 0, a list of different whole numbers >= 0, or "
        f"'each', got {show(seeds)}"
    )


def _whole_or_none(batch: Any) -> int | None:
    is_whole = isinstance(batch, (int, np.integer)) and not isinstance(batch, bool)
    if batch is not None and not (is_whole and batch > 0):
        raise InputError(f"sweep: batch: expected a number of members > 0, got {show(batch)}")
    return None if batch is None else int(batch)


def _check_inputs(inputs: Any) -> None:
    import brainstate

    parts = inputs.values() if isinstance(inputs, Mapping) else inputs
    parts = parts if isinstance(inputs, (Mapping, tuple)) else (inputs,)
    for part in parts:
        if isinstance(part, brainstate.nn.Module):
            raise InputError(
                f"sweep: inputs: {type(part).__name__} has states, which members would share; "
                "return it from build, `return net, inputs`"
            )


# Where members run


@dataclass(frozen=True)
class _Job:
    """What every worker has to know."""

    build: Callable[..., brainstate.nn.Module]
    settings: Settings
    measure: Callable[[Recording], object] | None
    plan: Plan
    names: tuple[str, ...]

    def measured(self, number: int, recording: Recording) -> Result:
        """What is kept of a member."""
        with self.plan.members[number].named():
            return measured(recording, self.measure)


def _run_all(
    job: _Job, numbers: list[int], executor: object, done: Callable[[int, Result], None]
) -> None:
    if executor is None:
        Runner(job.build, job.settings, job.names).run(
            {n: job.plan.members[n] for n in numbers},
            lambda number, recording: done(number, job.measured(number, recording)),
        )
        return
    make = _maker(executor)
    tasks = job.plan.tasks(numbers)
    own = isinstance(executor, int) or not hasattr(executor, "submit")
    pool = make()
    try:
        attempts = 0
        while tasks:
            tasks, lost = _handed_out(job, tasks, pool, done)
            if not tasks:
                return
            attempts += 1
            if attempts > RETRIES:
                raise InputError(
                    f"sweep: executor: {len(tasks)} of its tasks were lost with their workers "
                    f"{attempts} times, the last time by {type(lost).__name__}: {lost}. Is the "
                    "memory of a worker too small for a member?"
                ) from lost
            if own:
                pool.shutdown(wait=False, cancel_futures=True)
                pool = make()
            time.sleep(0.1 * attempts)
    finally:
        if own:
            pool.shutdown(wait=True, cancel_futures=True)


def _handed_out(
    job: _Job, tasks: list[list[int]], pool: Executor, done: Callable[[int, Result], None]
) -> tuple[list[list[int]], BaseException | None]:
    """Run tasks; those that were lost with their workers, and by what."""
    lost: list[list[int]] = []
    reason: BaseException | None = None
    running: dict[Future[dict[int, Any]], list[int]] = {}
    try:
        for task in tasks:
            members = {n: job.plan.members[n] for n in task}
            call = functools.partial(_task, job.build, job.settings, job.measure, job.names)
            running[pool.submit(call, members)] = task
    except RuntimeError as error:  # the pool broke while it was filled
        handed = {n for task in running.values() for n in task}
        lost, reason = [task for task in tasks if task[0] not in handed], error
    try:
        while running:
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                task = running.pop(future)
                fault = CancelledError() if future.cancelled() else future.exception()
                if fault is None:
                    for number, result in future.result().items():
                        if isinstance(result, Exception):
                            raise result
                        done(number, result)
                elif _cannot_be_sent(fault):
                    raise InputError(
                        f"sweep: executor: build, measure, record and inputs must be sent to its "
                        f"workers, and one of them cannot: {type(fault).__name__}: {fault}. Define "
                        "functions at the top of a module"
                    ) from fault
                else:
                    lost.append(task)
                    reason = fault
    finally:
        for future in running:
            future.cancel()
    return lost, reason


def _task(
    build: Callable[..., brainstate.nn.Module],
    settings: Settings,
    measure: Callable[[Recording], object] | None,
    names: tuple[str, ...],
    members: dict[int, Member],
) -> dict[int, Any]:
    """Run some members in a worker; what they raise is returned, as no loss of a worker."""
    found: dict[int, Any] = {}

    def done(number: int, recording: Recording) -> None:
        with members[number].named():
            found[number] = measured(recording, measure)

    try:
        Runner(build, settings, names, threads=1).run(members, done)
    except Exception as error:
        found[-1] = error if _can_be_sent(error) else BrainloomError(f"{error!r}")
    return found


def _can_be_sent(error: Exception) -> bool:
    error.__traceback__ = None
    if hasattr(error, "recording"):
        del error.recording
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True


def _cannot_be_sent(error: BaseException) -> bool:
    return isinstance(error, (pickle.PicklingError, AttributeError, TypeError))


def _maker(executor: Any) -> Callable[[], Executor]:
    if isinstance(executor, int) and not isinstance(executor, bool) and executor > 0:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context  # neither is light

        return lambda: ProcessPoolExecutor(executor, mp_context=get_context("spawn"))
    if hasattr(executor, "submit"):
        return lambda: executor
    if callable(executor):
        return executor
    raise InputError(
        "sweep: executor: expected a number of processes, an object with the method submit of "
        f"concurrent.futures, or a function that makes one, got {show(executor)}"
    )
