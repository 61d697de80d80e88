"""`verify`: every check of some models, one after the other."""

import functools
import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from brainloom_core import Neuron, PluginError, Synapse, get_model
from brainloom_core.plugins import KINDS as PLUGIN_KINDS
from brainloom_core.plugins import Registered, get, list_registered

from ..case import Case, default_case
from ..kit import run
from ..registered import MODELS, NotRun, case_of, check_registered
from ..running import first_step_error
from . import catalogue
from .generic import generic_records
from .generic_synapses import synapse_records
from .records import KINDS, Kind, Record
from .references import Reference
from .registry import references_of
from .traces import TraceError, traces_of

__all__ = ["iter_records", "models_to_verify", "verify"]

_ = catalogue  # which registers the references of the models that come with brainloom


@dataclass(frozen=True)
class _Job:
    """One check, not yet made."""

    name: str
    kind: Kind
    run: Callable[[], Iterable[Record]]


def verify(*models: str | type | Case, kinds: Collection[str] = KINDS) -> list[Record]:
    """Hold models to all references that they have, and to their own equations.

    Args:
        models: Names of registered models, classes, or cases where a class needs arguments;
            all registered ones that can be verified if there is none.
        kinds: Kinds of reference to use, of `KINDS`.

    Raises:
        PluginError: No model has a name.
        ValueError: A kind is unknown.
    """
    return list(iter_records(*models, kinds=kinds))


def iter_records(*models: str | type | Case, kinds: Collection[str] = KINDS) -> Iterator[Record]:
    """As `verify`, one record after the other.

    Args:
        models: As for `verify`.
        kinds: As for `verify`.
    """
    unknown = {*kinds} - {*KINDS}
    if unknown:
        raise ValueError(f"kinds: expected some of {', '.join(KINDS)}, got {sorted(unknown)}")
    if not models:
        return (record for name in models_to_verify() for record in _by_name(name, kinds))
    pending = [_pending(model, kinds) for model in models]
    return (record for records in pending for record in records)


def _pending(model: str | type | Case, kinds: Collection[str]) -> Iterator[Record]:
    """The records of one model, or of what else a plugin registers under the name."""
    item = _registered(model) if isinstance(model, str) else None
    if item is None:
        return _records(_case(model), kinds)
    if item.kind in MODELS:
        thing = get(item.kind, item.qualified_name)
        if _can_be_verified(thing) or not isinstance(thing, type):
            return _records(_case(str(model)), kinds)
        return _of_model(item, thing) if "generic" in kinds else iter(())
    of_kit = _of_kit(item) if "generic" in kinds else iter(())
    thing = get(item.kind, item.qualified_name)
    of_class = _of_class(thing, kinds) if isinstance(thing, type) else iter(())
    return itertools.chain(of_class, of_kit)


def _registered(name: str) -> Registered | None:
    """What has the name and is no model; where several have it, the model has to be meant."""
    found = [
        item
        for kind in PLUGIN_KINDS.values()
        if kind.is_used
        for item in list_registered(kind.name)
        if name in (item.name, item.qualified_name)
    ]
    return found[0] if len(found) == 1 else None


def _of_class(cls: type, kinds: Collection[str]) -> Iterator[Record]:
    for reference in references_of(cls)[1]:
        if reference.kind in kinds:
            yield from _safely(cls.__name__, _job(reference, cls))


def _of_model(item: Registered, cls: type) -> Iterator[Record]:
    """A record for each check of the kit that fails, or one for all of them."""
    try:
        results = run(case_of(item.name, item.qualified_name, cls))
    except NotRun as reason:
        raise ValueError(f"{item.name}: {reason}") from None
    bad = [result for result in results if not result.good]
    for result in bad:
        facts = math.inf, 0.0, "", OWN, "does not pass", str(result.error)
        yield Record(item.name, result.check, "generic", *facts)
    if not bad:
        yield Record(
            *(item.name, f"{len(results)} checks of the kit", "generic", 0.0, 0.0, "", OWN, "")
        )


def _of_kit(item: Registered) -> Iterator[Record]:
    """One record, of the check of its kind."""
    try:
        done, error = check_registered(item.kind, item.qualified_name), ""
    except NotRun as reason:
        raise ValueError(f"{item.name}: {reason}") from None
    except AssertionError as found:
        done, error = "does not pass", str(found)
    off = math.inf if error else 0.0
    yield Record(item.name, item.kind, "generic", off, 0.0, "", OWN, done, error)


OWN = "what a plugin of its kind has to do"


VERIFIED = ("model", "output", "plasticity rule", "readout")


def models_to_verify() -> list[str]:
    """The names of all registered models that can be verified, or cannot be imported."""
    registered = [item for kind in VERIFIED for item in list_registered(kind)]
    return [item.name for item in registered if _may_be_verified(item.qualified_name)]


def _may_be_verified(name: str) -> bool:
    try:
        return _can_be_verified(get_model(name))
    except PluginError:
        return True


def _can_be_verified(model: object) -> bool:
    """Whether it is a neuron that takes a current, or a synapse, or has references."""
    if not isinstance(model, type):
        return False
    if issubclass(model, Neuron):
        return model.input_kind == "current"
    return issubclass(model, Synapse) or bool(references_of(model)[1])


def _by_name(name: str, kinds: Collection[str]) -> Iterator[Record]:
    try:
        case = _case(name)
    except PluginError as error:
        yield _not_made(name, "import", "generic", error)
    else:
        yield from _records(case, kinds)


def _case(model: str | type | Case) -> Case:
    if isinstance(model, Case):
        return model
    cls = get_model(model) if isinstance(model, str) else model
    if not _can_be_verified(cls):
        raise ValueError(
            f"{model} is neither a neuron nor a synapse that a current can drive, and has no "
            "references"
        )
    return default_case(cls)


def _records(case: Case, kinds: Collection[str]) -> Iterator[Record]:
    for job in _jobs(case):
        if job.kind in kinds:
            for record in _safely(case.cls.__name__, job):
                if not record.passed and (error := first_step_error(case)) is not None:
                    yield _not_made(case.cls.__name__, "first step", "generic", error)
                    return
                yield record


def _jobs(case: Case) -> Iterator[_Job]:
    owner, references = references_of(case.cls)
    yield from (_job(reference, case.cls) for reference in references)
    try:
        traces = traces_of(owner)
    except TraceError as error:
        yield _Job("stored traces", "stored trace", functools.partial(_raise, error))
    else:
        yield from (_job(trace, case.cls) for trace in traces)
    for name, check in _generic(case):
        yield _Job(name, "generic", check)


def _generic(case: Case) -> Iterator[tuple[str, Callable[[], Iterable[Record]]]]:
    """The checks of its kind that need no references."""
    of_kind = {"neuron": generic_records, "synapse": synapse_records}.get(case.kind)
    return iter(()) if of_kind is None else of_kind(case)


def _job(reference: Reference, cls: type) -> _Job:
    run = functools.partial(reference.records, cls)
    return _Job(type(reference).__name__, reference.kind, run)


def _raise(error: Exception) -> Iterable[Record]:
    raise error


def _safely(model: str, job: _Job) -> Iterator[Record]:
    """The records of a job; an error is one more record, which does not pass."""
    try:
        yield from job.run()
    except Exception as error:  # whatever a model does must not keep the others from being checked
        yield _not_made(model, job.name, job.kind, error)


def _not_made(model: str, check: str, kind: Kind, error: Exception) -> Record:
    text = f"{type(error).__name__}: {error}"
    return Record(model, check, kind, math.inf, 0.0, "", "", "the check could not be made", text)
