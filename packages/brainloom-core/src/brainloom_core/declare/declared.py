"""`Declared`: a module whose constructor and states follow from its declarations."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import EllipsisType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

import brainstate
import brainunit as u
from brainstate import ShortTermState

from ..built import making
from ..describe import in_a_line
from ..equations import check_names, nearest
from ..errors import BrainloomError, ParameterError, StateError
from ..keys import drawing
from ..small_steps import lost_part
from ..types import Arguments, Quantity, Shape
from ..units import show
from .descriptor import Descriptor
from .parameters import REQUIRED, Param, QuantityParam, initializer, option, param
from .state_specs import StateSpec
from .states import Guarded, Held, guarded, is_of_this_trace, lives, new_states_are_caught

__all__ = ["Declared", "real_signature"]

SIZES = ("in_size", "out_size")

Spec = TypeVar("Spec", Param, StateSpec)


@dataclass_transform(kw_only_default=True, field_specifiers=(param, option, initializer))
class Declared(brainstate.nn.Module):
    """Base of everything that declares parameters and states.

    Subclasses get their constructor from the declarations, in the order in which they stand
    (`param(after=...)` moves one); a subclass may still write its own `__init__` and call
    `super().__init__(...)`.
    """

    graph_invisible_attrs: tuple[str, ...] = ("_made", "_outer", "_setting", "times_changed")
    times_changed = 0  # counts assignments of parameters, for what was compiled with older ones
    signature_layout: ClassVar[tuple[str | EllipsisType, ...]] = (...,)
    signature_frame: ClassVar[Arguments] = {}
    _params: ClassVar[dict[str, Param]] = {}
    _states: ClassVar[dict[str, StateSpec]] = {}
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls._params = _collect(cls, Param)
        states = {n: spec for n, spec in _collect(cls, StateSpec).items() if spec.lost_of is None}
        for lost in [_lost(spec) for spec in states.values() if spec.slow]:
            states[lost.name] = lost
            setattr(cls, lost.name, lost)
        # those of the equations before bookkeeping
        cls._states = dict(sorted(states.items(), key=lambda item: item[1].kind is ShortTermState))
        for name, declared in {**cls._params, **cls._states}.items():
            if vars(cls).get(name) is declared:  # those of its bases were checked there
                check_names(cls, declared)
        if _is_written_by_hand(cls.__init__):
            real_signature(cls)
        else:
            cls.__signature__ = _signature(cls)
            cls.__init__ = _constructor(cls)  # type: ignore[method-assign]

    @classmethod
    def desc(cls, *args: Any, **kwargs: Any) -> Descriptor:
        """Describe an instance to be built later; equal meaning compares equal.

        Args:
            args: Arguments of the constructor by position; those left out may be given when it is
                built.
            kwargs: Arguments by name.
        """
        return Descriptor(cls, *args, **kwargs)

    def init_state(self, batch_size: int | None = None, **kwargs: object) -> None:
        """Create every declared state, with a leading batch axis if `batch_size` is given.

        A state that exists is written, not replaced: compiled functions keep working. Inside of
        `jit`, `grad`, `vmap` and loops the states are new ones, which end with the trace; the next
        call outside of it brings back those that were there before.

        Args:
            batch_size: Length of the batch axis, None, the default, for none.
            kwargs: Accepted for `brainstate.nn.init_all_states`, and not used.
        """
        with drawing(self):
            self._init_states(batch_size)
        self.__dict__["_made"] = True

    def _init_states(self, batch_size: int | None) -> None:
        for name, spec in self._kept_states().items():
            value = spec.value(self, spec.shape(self, batch_size))
            held = spec.held(self, value, batch_size)
            existing = None if new_states_are_caught() else self._living(name, is_of_this_trace)
            if existing is None:
                self._make_state(name, spec.kind, value, held)
            else:
                if isinstance(existing, Guarded):
                    existing.hold(held)
                existing.value = value

    def reset_state(self, batch_size: int | None = None, **kwargs: object) -> None:
        """Write the initial values into the existing states, keeping their batch size.

        Args:
            batch_size: Length of the batch axis, None, the default, for that which the states have.
            kwargs: Accepted for `brainstate.nn.reset_all_states`, and not used.
        """
        for name, spec in self._kept_states().items():
            current = self._living(name)
            if current is None:
                raise spec.missing(self)
            shape = spec.shape(self, batch_size) if batch_size else current.value.shape
            with drawing(self):
                current.value = spec.value(self, shape)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What `update` returns; where a run has a seed, all that it draws is drawn by its name.

        Args:
            args: What `update` takes.
            kwargs: The same, by name.
        """
        with drawing(self):
            return super().__call__(*args, **kwargs)

    def __repr__(self) -> str:
        return in_a_line(self)

    @classmethod
    def declared_parameters(cls) -> dict[str, Param]:
        """The declared parameters of the class by name."""
        return dict(cls._params)

    @classmethod
    def declared_states(cls) -> dict[str, StateSpec]:
        """The declared states of the class by name."""
        return dict(cls._states)

    def trained(self) -> dict[str, brainstate.ParamState]:
        """The declared parameters that are trainable states, by name."""
        found = {name: vars(self).get(name) for name in self._params}
        return {n: value for n, value in found.items() if isinstance(value, brainstate.ParamState)}

    def keep(self, name: str, old: Quantity, new: Quantity) -> Quantity:
        """What to take for a new value of a parameter, so that its conditions hold as for `old`.

        Args:
            name: Name of the parameter.
            old: A value that meets its conditions.
            new: The value that is proposed, in the same unit.
        """
        declared = self._params[name]
        return declared.keep(self, old, new) if isinstance(declared, QuantityParam) else new

    def _living(
        self, name: str, usable: Callable[[object], bool] = lives
    ) -> brainstate.State | None:
        """The state of this name, but none that a trace which has ended left behind.

        Where such a trace replaced a state, that one comes back: what was compiled with it works.
        """
        attributes = self.__dict__
        known = [*attributes.get("_outer", {}).get(name, ()), attributes.get(name)]
        found = next((state for state in reversed(known) if usable(state)), None)
        if found is not None and found is not attributes.get(name):
            attributes[name] = found
            attributes["times_changed"] = self.times_changed + 1
        return found

    def lacks_states(self) -> bool:
        """Whether a declared state does not exist, or only in a trace that has ended.

        States that such a trace replaced are brought back.
        """
        living = [self._living(name) for name in self._kept_states()]
        return None in living

    def _make_state(self, name: str, kind: Any, value: Quantity, held: Held) -> None:
        """Put a new state in the place of an older one, to which the code around may return."""
        attributes = self.__dict__
        before = self._living(name)
        outer = attributes.setdefault("_outer", {})
        outer[name] = [state for state in outer.get(name, ()) if lives(state)]
        levels = [state.stack_level for state in outer[name]]
        if before is not None and before.stack_level not in levels and not is_of_this_trace(before):
            outer[name].append(before)
        state = guarded(kind)(value)
        state.hold(held)
        attributes[name] = state
        attributes["times_changed"] = self.times_changed + 1

    def _reassign(self, name: str, value: Any) -> None:
        """Assign a parameter as the constructor would set it, or leave all as it was."""
        attributes, declared = self.__dict__, self._params[name]
        if name in self._fixed():
            raise self._read_only(name)
        before, attributes["_setting"] = dict(attributes), True
        try:
            held = attributes[name]
            written = held.value if isinstance(held, brainstate.State) else None
            self.configure(None, {name: declared.replaced(self, held, value)})
            for other in self._params.values():
                other.check_relations(self)
        except Exception:
            attributes.clear()
            attributes.update(before)
            if written is not None:
                held.value = written
            raise
        attributes.pop("_setting")

    def _fixed(self) -> set[str]:
        """Parameters that cannot be assigned: what states there are follows from them."""
        states, parameters = self._states.values(), self._params.items()
        by_states = {name for spec in states for name in (spec.when, spec.per) if name}
        by_parameters = {p.per for _, p in parameters if isinstance(p, QuantityParam) and p.per}
        return by_states | by_parameters | {name for name, p in parameters if p.fixed}

    def _read_only(self, name: str) -> ParameterError:
        kind = type(self).__name__
        return ParameterError(
            f"{kind}.{name}: cannot be changed, since the states follow from it. Make a new "
            f"object, {kind}({name}=...)"
        )

    if not TYPE_CHECKING:  # to type checkers any name could be assigned

        def __setattr__(self, name: str, value: Any) -> None:
            made = vars(self).get("_made", False)
            if name in self._states:
                self._check_state(name, value)
            elif name in SIZES and name in self.signature_frame and made:
                raise self._read_only(name)
            elif made and name not in self._params:
                self._check_name(name, value)
            super().__setattr__(name, value)

    def _check_state(self, name: str, value: Any) -> None:
        """Refuse what is no state; one that fits in the place of another is taken."""
        where = f"{type(self).__name__}.{name}"
        existing = vars(self).get(name)
        if not isinstance(value, brainstate.State):
            raise StateError(
                f"{where}: expected a state, got {show(value)}. Write its value, "
                f"{name}.value = ..., once it exists"
            )
        if isinstance(existing, Guarded) and existing.held is not None and lives(value):
            existing.held.fitting(value.value)
        self.mark_changed()

    def mark_changed(self) -> None:
        """Say that what was compiled with this object is out of date."""
        self.__dict__["times_changed"] = self.times_changed + 1

    def _check_name(self, name: str, value: object) -> None:
        """Refuse an attribute that no one knows and that looks like a declared one."""
        passes = isinstance(value, (brainstate.nn.Module, ShortTermState))
        if passes or name.startswith("_") or name in vars(self) or hasattr(type(self), name):
            return
        near = nearest(name, [*self._params, *self._states])
        if near is not None:
            kind = type(self).__name__
            raise ParameterError(
                f"{kind}.{name}: there is no such parameter; the nearest is {near}. (Set an "
                f"attribute of your own in the constructor of a subclass, or call it _{name}.)"
            )

    def _kept_states(self) -> dict[str, StateSpec]:
        return {name: spec for name, spec in self._states.items() if spec.wanted(self)}

    @property
    def varshape(self) -> Shape:
        """The shape of the population: of its states and of what is given one per neuron."""
        return self.in_size

    def state_shape(self, batch_size: int | None) -> Shape:
        """The shape of the states.

        Args:
            batch_size: Length of the batch axis, None for none.
        """
        return self.varshape if batch_size is None else (batch_size, *self.varshape)

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        """Set what the constructor is given, or (without a frame) what is assigned later.

        A class that checks several parameters together, or keeps what follows from them, does so
        after a call of this.

        Args:
            frame: Arguments that are no declared parameters, by name, such as the size; None where
                a parameter is assigned.
            values: Parameters by name.
        """
        if frame is not None:
            self.configure_frame(**frame)
        for name, value in values.items():
            kept = value if frame is None else self._params[name].stored(self, value)
            setattr(self, name, kept)
        for name in values:
            self._params[name].check_relations(self)

    def configure_frame(self, *args: Any, **frame: Any) -> None:
        """Set what is no declared parameter, before those.

        Args:
            args: None here.
            frame: Arguments of `signature_frame` by name.
        """
        brainstate.nn.Module.__init__(self, **frame)


# What brainstate's modules are made of has hundreds of attributes, none of which is a declaration.
_DECLARE_NOTHING: set[type] = {*brainstate.nn.Dynamics.__mro__}

Class = TypeVar("Class", bound=type)


def real_signature(cls: Class) -> Class:
    """Make a constructor that is written by hand one as declarations give it.

    `inspect.signature` shows it, which the metaclass of brainstate's modules hides; `name` is
    checked; and where it fails in the words of another library, the error says what it was given.
    Also usable as a decorator.

    Args:
        cls: The class, whose `__init__` is its own; it is changed in place and returned.

    Examples:
        >>> import inspect
        >>> import brainstate
        >>> from brainloom_core import real_signature
        >>> @real_signature
        ... class Layer(brainstate.nn.Module):
        ...     def __init__(self, n, gain=1.0):
        ...         super().__init__()
        >>> print(inspect.signature(Layer))
        (n, gain=1.0)
    """
    own = inspect.signature(cls.__init__)  # type: ignore[misc]
    mine = own.replace(parameters=list(own.parameters.values())[1:])
    cls.__signature__ = mine  # type: ignore[attr-defined]
    if (written := vars(cls).get("__init__")) is not None:
        cls.__init__ = _in_our_words(written, mine)  # type: ignore[misc]
    return cls


def _in_our_words(written: Callable[..., None], signature: inspect.Signature) -> Any:
    """A constructor that names class and arguments where it fails in words of another library."""
    defaults = {name: p.default for name, p in signature.parameters.items()}

    @functools.wraps(written)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        given = {**dict(zip(defaults, args, strict=False)), **kwargs}
        if "name" in defaults:
            _check_name(type(self), given.get("name"))
        with in_words(type(self), given, defaults), making(self):
            written(self, *args, **kwargs)

    return __init__


def _collect(cls: type, kind: type[Spec]) -> dict[str, Spec]:
    """All declarations of one kind, base classes first; a redeclared one keeps its place."""
    found: dict[str, Spec] = {}
    declaring = [base for base in reversed(cls.__mro__) if base not in _DECLARE_NOTHING]
    for base in declaring:
        for name, value in vars(base).items():
            if isinstance(value, kind):
                found[name] = value
            elif name in found:
                del found[name]
    return found


def _lost(spec: StateSpec) -> StateSpec:
    """The state that has what rounding leaves out of a slow one."""

    def nothing(model: Declared, shape: Shape) -> Quantity:
        return u.math.zeros_like(getattr(model, spec.name).value)

    doc = f"what rounding has left out of {spec.name}"
    lost = replace(
        spec, initial=nothing, doc=doc, kind=ShortTermState, slow=False, lost_of=spec.name
    )
    lost.name = lost_part(spec.name)
    return lost


def _signature(cls: type[Declared]) -> inspect.Signature:
    fixed = {name for name in cls.signature_layout if isinstance(name, str)}
    free = [name for name in cls._params if name not in fixed]
    order: list[str] = []
    for entry in cls.signature_layout:
        if entry is ...:
            order.extend(free)
        elif entry in cls._params or entry in cls.signature_frame or entry == "*":
            order.append(entry)  # not what a subclass has replaced by a plain value
    for name, declared in cls._params.items():
        if declared.after in order:
            order.remove(name)
            order.insert(order.index(declared.after) + 1, name)
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = []
    for name in order:
        if name == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
        else:
            default = (
                cls._params[name].default if name in cls._params else cls.signature_frame[name]
            )
            default = inspect.Parameter.empty if default is REQUIRED else default
            parameters.append(inspect.Parameter(name, kind, default=default))
    return inspect.Signature(parameters)


def _is_written_by_hand(constructor: Any) -> bool:
    """Neither derived from declarations nor that of brainstate's modules."""
    return not (
        hasattr(constructor, "__signature__") or constructor.__module__.startswith("brainstate.")
    )


def _constructor(cls: type[Declared]) -> Callable[..., None]:
    signature = cls.__signature__
    defaults = {name: p.default for name, p in signature.parameters.items()}

    def __init__(self: Declared, *args: Any, **kwargs: Any) -> None:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            known = ", ".join(signature.parameters)
            unknown = next((name for name in kwargs if name not in signature.parameters), None)
            wrong = str(error)
            if unknown is not None:  # before what is missing, which it may stand for
                wrong = f"got an unexpected keyword argument {unknown!r}"
            raise TypeError(f"{cls.__name__}: {wrong}. Its parameters are: {known}") from None
        bound.apply_defaults()
        frame = {k: v for k, v in bound.arguments.items() if k not in cls._params}
        self.__dict__["_setting"] = True
        with in_words(cls, bound.arguments, defaults), making(self):
            _check_name(cls, frame.get("name"))
            self.configure(frame, {k: v for k, v in bound.arguments.items() if k in cls._params})
        self.__dict__.pop("_setting", None)
        if type(self).__init__ is __init__:  # else the one that is written by hand goes on
            self.__dict__["_made"] = True

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    with_self = [own, *signature.parameters.values()]
    __init__.__signature__ = signature.replace(parameters=with_self)  # type: ignore[attr-defined]
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    return __init__


def _check_name(cls: type, name: object) -> None:
    if name is not None and not isinstance(name, str):
        raise ParameterError(f"{cls.__name__}.name: expected words or None, got {show(name)}")


@contextlib.contextmanager
def in_words(
    cls: type, given: Mapping[str, object], defaults: Mapping[str, object]
) -> Iterator[None]:
    """Where building an instance fails in the words of another library, say what it was given.

    Args:
        cls: The class.
        given: The arguments of its constructor by name.
        defaults: Its defaults; an argument that is its default is not listed.
    """
    try:
        yield
    except BrainloomError:
        raise
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
        if cls.__name__ in str(error):
            raise
        chosen = {k: v for k, v in given.items() if v is not defaults.get(k)}
        listed = ", ".join(f"{name}={show(value)}" for name, value in chosen.items())
        raise ParameterError(
            f"{cls.__name__}: cannot be made of ({listed}): {type(error).__name__}: {error}"
        ) from error
