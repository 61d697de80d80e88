"""Poisson trains onto a state of a population or synapse."""

from collections.abc import Mapping
from typing import ClassVar

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    ANY_UNIT,
    Constraint,
    Declared,
    Dynamics,
    InputError,
    Neuron,
    ParameterError,
    Synapse,
    UnitError,
    checked,
    duration,
    maybe,
    option,
    param,
    positive,
    state,
)
from brainloom_core.drivers import drives
from brainloom_core.types import Arguments, Array, ArrayLike, Population, Quantity, Shape, Time
from brainloom_core.units import dimension_name, same_dimension, show

from .rates import expected_spikes, is_of_time, poisson_counts, rate_param

__all__ = ["PoissonInput", "poisson_input"]

_is_state = Constraint(
    "a state, population.prefetch('V')",
    lambda x: isinstance(x, (brainstate.nn.Prefetch, brainstate.State)),
)
_is_count = Constraint(
    "a whole number >= 1",
    lambda n: isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 1,
)


_is_array = Constraint(
    "booleans, one for each neuron",
    lambda x: isinstance(x, (bool, list, np.ndarray, np.bool_, jax.Array)),
)


class PoissonInput(Declared):
    r"""Many independent Poisson spike trains onto each neuron of a population.

    Adds $w\,k$ to a state in each call, $k$ drawn from a Poisson distribution of mean
    $N f \Delta t$ for every neuron: exactly the sum of $N$ trains of rate $f$. For a neuron with
    the time constant $\tau$ that does not spike, the mean of $V$ is then $w N f \tau$ and its
    variance $w^2 N f \tau / 2$.

    A state that events raise (the potential in most neurons, the conductance or its rising part in
    a synapse) is raised as by those of a projection, with the same charge: in the next step of its
    owner, after the integration, not while a neuron is refractory, and with the spikes that follow.
    It does not matter whether the input or the owner is called first. Where an event raises several
    states of a synapse together, it raises all of them. Any other state is written at once, as if
    it had been set by hand: it takes part in the next step of its owner from its beginning. A
    `Network` calls the input in each step, before the population.

    Args:
        target: The state that is driven, `population.prefetch("V")` or `synapse.prefetch("g")`.
            (A state itself, `population.V`, is written at once; that of a synapse is refused.)
        indices: The neurons driven: an array of indices into the last axis, a mask of its length
            or a slice; None for all.
        num_input: Number of trains $N$ per neuron, a whole number, at least 1.
        freq: Rate $f$ of each train, in Hz; scalar or one per neuron driven; a function of the
            time; or, with `bin_width`, an array with one value or row per bin, zero after its end.
        weight: Jump $w$ per spike, in the unit of the state.
        name: Name of the module.
        bin_width: Width of a bin where `freq` is an array over the time, at least `dt`; None where
            it is not.

    Attributes:
        waiting: The jumps that wait for the population, or None where the state is written.

    Raises:
        ParameterError: A parameter has the wrong unit or range, an index is out of range, or the
            target is the conductance of a synapse itself.
        InputError: The unit of `weight` is not that of the state, or the rates do not fit it.

    References:
        Brunel (2000), J. Comput. Neurosci. 8, 183, doi:10.1023/A:1008925309027.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import LIF, PoissonInput
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = LIF(10, V_th=20 * u.mV)
        >>> noise = PoissonInput(neuron.prefetch("V"), None, 1000, 10 * u.Hz, 0.1 * u.mV)
        >>> _ = brainstate.nn.init_all_states([neuron, noise])
        >>> noise()
        >>> _ = neuron()
        >>> bool((neuron.V.value > 0 * u.mV).any())
        True
    """

    role: ClassVar[str] = "projection"
    signature_layout = (
        "target",
        "indices",
        "num_input",
        "freq",
        "weight",
        "name",
        "*",
        "bin_width",
    )
    signature_frame = {"name": None}

    target: brainstate.State = option(
        constraint=_is_state, fixed=True, doc="state that is driven", kw_only=False
    )
    indices: ArrayLike | slice | None = option(doc="neurons that are driven", kw_only=False)
    num_input: int = option(constraint=_is_count, doc="number of trains per neuron", kw_only=False)
    freq: Quantity = rate_param(doc="rate of a train", kw_only=False)
    weight: Quantity = param(doc="jump per spike", unit=ANY_UNIT, kw_only=False)
    bin_width: Quantity = param(
        default=None, constraint=positive, doc="width of a bin", unit=u.ms, optional=True
    )

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        super().configure(frame, values)
        if "target" not in values:  # another parameter is assigned: it is registered already
            return
        _check_acts("PoissonInput", values["target"])
        owner, self.waiting = _raised_by_events(self.target), None
        if owner is not None:
            _index("PoissonInput", self.indices, owner.varshape[-1])
            self.waiting = _Waiting(self.target)
            label = _port(owner, self.target)
            owner.add_delta_input(f"PoissonInput_{_number(owner)}", self.waiting, label)
            drives(self, owner)

    def update(self) -> None:
        """Draw this step's counts and add them to the state."""
        expected = expected_spikes("PoissonInput.freq", self.freq, self.bin_width)
        # Not self.target: a parameter that is a state reads as its value.
        state = _state(vars(self)["target"] if self.waiting is None else self.waiting.jumps)
        jumps = _Jumps("PoissonInput", state.value, self.indices)
        state.value = jumps.added(jumps.drawn(self.num_input * expected, self.weight))


class _Waiting(Declared):
    """Jumps of a state that wait until its population is called."""

    jumps = state(
        lambda model, shape: 0.0 * model.target(), "what waits", brainstate.ShortTermState
    )

    def __init__(self, target: brainstate.State) -> None:
        super().__init__()
        self.target = target

    def update(self) -> Quantity:
        """What waits, which is then taken."""
        waiting = self.jumps.value
        self.jumps.value = 0.0 * waiting
        return waiting

    @brainstate.nn.call_order(3)  # type: ignore[untyped-decorator]
    def init_state(self, batch_size: int | None = None, **kwargs: object) -> None:
        """Nothing waits; later than the population, whose shape it takes."""
        super().init_state(batch_size, **kwargs)

    @brainstate.nn.call_order(3)  # type: ignore[untyped-decorator]
    def reset_state(self, batch_size: int | None = None, **kwargs: object) -> None:
        """Nothing waits; later than the population, whose shape it takes."""
        super().reset_state(batch_size, **kwargs)

    def state_shape(self, batch_size: int | None) -> Shape:
        return ()


@checked(
    num_input=_is_count,
    target=_is_state,
    refractory=maybe(_is_array),
    bin_width=maybe(duration),
)
def poisson_input(
    freq: Quantity,
    num_input: int,
    weight: Quantity,
    target: brainstate.State,
    indices: ArrayLike | slice | None = None,
    refractory: Array | None = None,
    *,
    bin_width: Time | None = None,
) -> None:
    """Add the spikes of many Poisson trains to a state, as `PoissonInput` does in each call.

    Where the target is given as `population.prefetch("V")` or `synapse.prefetch("g")`, they are
    events: what they raise is raised in the next step of its owner, after the integration, as by
    a projection; call it before the owner then. A state itself, `population.V`, is written at
    once, as if it had been set by hand: the owner's next step begins with what is written. On the
    potential that is the same charge up to one step earlier; of a synapse's conductance only
    exp(-dt/tau) would be left when it acts, so that a synapse must be given by `prefetch`.

    Args:
        freq: Rate of each train, in Hz, as for `PoissonInput`.
        num_input: Number of trains per neuron, a whole number, at least 1.
        weight: Jump per spike, in the unit of the state.
        target: The state that is driven, such as `population.prefetch("V")` or `population.V`.
        indices: The neurons driven: an array of indices into the last axis, a mask of its length
            or a slice; None for all.
        refractory: Neurons whose state is left alone, booleans of the state's shape.
        bin_width: Width of a bin where `freq` is an array over the time, None where it is not.

    Raises:
        ParameterError: An argument has the wrong unit or range, an index is out of range, or the
            target is the conductance of a synapse itself.
        InputError: The unit of `weight` is not that of the state, or the rates do not fit it.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import LIF, poisson_input
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = brainstate.nn.init_all_states(LIF(10, V_th=20 * u.mV))
        >>> poisson_input(10 * u.Hz, 1000, 0.1 * u.mV, neuron.prefetch("V"))
        >>> _ = neuron()
    """
    if not is_of_time(freq):
        if not same_dimension(freq, u.Hz):
            raise UnitError(f"poisson_input.freq: expected a frequency >= 0, got {show(freq)}")
        number = u.get_mantissa(freq)
        if not isinstance(number, jax.core.Tracer) and not np.all(np.asarray(number) >= 0):
            raise ParameterError(f"poisson_input.freq: expected a frequency >= 0, got {show(freq)}")
    _check_acts("poisson_input", target)
    expected = num_input * expected_spikes("poisson_input.freq", freq, bin_width)
    state, owner = _state(target), _raised_by_events(target)
    jumps = _Jumps("poisson_input", state.value, indices)
    drawn = jumps.drawn(expected, weight, refractory)
    if owner is None:
        state.value = jumps.added(drawn)
    else:
        nothing = u.math.zeros_like(state.value)
        key = f"poisson_input_{_number(owner)}"
        owner.add_delta_input(key, jumps.added(drawn, onto=nothing), _port(owner, target))


def _state(target: brainstate.State) -> brainstate.State:
    return target if isinstance(target, brainstate.State) else target.get_item()


def _check_acts(who: str, target: brainstate.State) -> None:
    """Raise where events onto a state itself would lose a part before they act."""
    held = getattr(target, "held", None)
    if held is not None and held.by_events:
        name = held.where.split(".")[-1]
        raise ParameterError(
            f"{who}.target: {held.where} itself was given, which decays for a step before it acts; "
            f'give the synapse and its name, synapse.prefetch("{name}"), so that all of the charge '
            "of an event arrives"
        )


def _raised_by_events(target: brainstate.State) -> Dynamics | None:
    """The neurons or synapses of which an event raises this state, None where there are none."""
    owner, item = getattr(target, "module", None), getattr(target, "item", None)
    raised: tuple[str, ...] = ()
    if isinstance(owner, Neuron) and type(owner).add_jumps is Neuron.add_jumps:
        raised = tuple(owner.ports.values()) or (owner.jump_state,)
    elif isinstance(owner, Synapse):
        raised = tuple(owner.jump_states)
    return getattr(target, "view", owner) if item in raised else None


def _port(owner: Dynamics, target: brainstate.State) -> str | None:
    """The label by which jumps reach this state, None where none is needed."""
    ports: Mapping[str, str] = getattr(getattr(owner, "population", owner), "ports", {})
    item = getattr(target, "item", None)
    return next((label for label, name in ports.items() if name == item), None)


def _number(owner: Dynamics) -> int:
    """How many jumps are registered, which tells one more from them."""
    population: Population = getattr(owner, "population", owner)
    return len(population.delta_inputs)


def _is_of(shape: tuple[int, ...], driven: tuple[int, ...]) -> bool:
    """Whether a value of this shape is one for all, or one for each neuron driven."""
    pairs = zip(shape[::-1], driven[::-1], strict=False)
    return len(shape) <= len(driven) and all(n in (1, m) for n, m in pairs)


def _index(who: str, indices: ArrayLike | slice | None, size: int) -> np.ndarray | slice:
    """What selects these neurons of an axis; an error where there is no such neuron."""
    if indices is None:
        return np.s_[:]
    if isinstance(indices, slice):
        return indices
    chosen = np.asarray(u.get_mantissa(indices) if _has_no_unit(indices) else "no index")
    chosen = chosen.astype(int) if chosen.size == 0 else chosen
    if chosen.dtype == bool:
        if chosen.shape != (size,):
            raise ParameterError(
                f"{who}.indices: expected a mask of shape ({size},), one for each neuron, got "
                f"shape {chosen.shape}"
            )
        return np.flatnonzero(chosen)
    if chosen.dtype.kind not in "iu" or np.any((chosen < -size) | (chosen >= size)):
        raise ParameterError(
            f"{who}.indices: expected neurons from 0 to {size - 1}, a mask or a slice, got "
            f"{show(indices)}"
        )
    return chosen


def _has_no_unit(value: object) -> bool:
    return not isinstance(value, u.Quantity) or value.unit == u.UNITLESS


class _Jumps:
    """Jumps of chosen neurons of a state, drawn and added."""

    def __init__(self, who: str, value: Quantity, indices: ArrayLike | slice | None) -> None:
        self.who, self.value = who, value
        self.chosen = _index(who, indices, np.shape(value)[-1])

    def drawn(self, mean: Quantity, weight: Quantity, refractory: Array | None = None) -> Quantity:
        """The jumps of the neurons driven, whose number is Poisson of this mean."""
        if not same_dimension(self.value, weight):
            raise InputError(
                f"{self.who}.weight: expected {dimension_name(self.value)} like the target, "
                f"got {show(weight)}"
            )
        driven = self.value[..., self.chosen]
        for name, shape, hint in (
            ("freq", np.shape(mean), " (an array over the time needs bin_width=)"),
            ("weight", np.shape(weight), ""),
        ):
            if not _is_of(shape, driven.shape):
                raise InputError(
                    f"{self.who}.{name}: expected one, or one for each neuron driven, shape "
                    f"{driven.shape}{hint}, got shape {shape}"
                )
        counts = poisson_counts(mean, driven.shape).astype(driven.dtype)
        if isinstance(mean, jax.core.Tracer) or not np.all(np.isfinite(np.asarray(mean))):
            counts = jnp.where(jnp.isfinite(mean), counts, jnp.nan)  # seen in the state
        if refractory is not None:
            held = np.shape(refractory)
            if not _is_of(held, np.shape(self.value)) or np.asarray(refractory).dtype.kind == "U":
                raise InputError(
                    f"{self.who}.refractory: expected booleans of shape {np.shape(self.value)}, "
                    f"got {show(refractory)}"
                )
            counts = jnp.where(jnp.asarray(refractory)[..., self.chosen], 0.0, counts)
        return weight * counts

    def added(self, jumps: Quantity, onto: Quantity | None = None) -> Quantity:
        """The state (or another value of its shape) with the jumps."""
        onto = self.value if onto is None else onto
        return onto.at[..., self.chosen].add(jumps)
