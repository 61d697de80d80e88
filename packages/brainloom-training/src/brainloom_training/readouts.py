"""Readouts: from spikes to numbers that a loss can use."""

from types import EllipsisType
from typing import Any, ClassVar

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    REQUIRED,
    Declared,
    InputError,
    Neuron,
    ParameterError,
    full,
    initializer,
    option,
    param,
    positive,
    state,
)
from brainloom_core.context import current_dt
from brainloom_core.types import Arguments, Array, Initializer, Quantity, Shape, Size
from brainloom_core.units import dimension_name, same_dimension, show

from .products import product

__all__ = ["LeakyRateReadout", "LeakySpikeReadout"]


class _Readout(Declared):
    """What the readouts share: their sizes, their weights and what these make of the input."""

    signature_frame: ClassVar[Arguments] = {
        "in_size": REQUIRED,
        "out_size": REQUIRED,
        "name": None,
    }
    w_init: Initializer
    weight: brainstate.ParamState

    @property
    def varshape(self) -> Shape:
        """The shape of the outputs, which is that of the states."""
        return tuple(self.out_size)

    def configure_frame(self, in_size: Size, out_size: Size, name: str | None) -> None:
        """Set the sizes.

        Args:
            in_size: Number of inputs, or their shape.
            out_size: Number of outputs, or their shape.
            name: Name of the module.
        """
        sizes = self._size("in_size", in_size), self._size("out_size", out_size)
        self._setup_module(sizes[1], name)
        self.in_size, self.out_size = sizes

    def _setup_module(self, size: tuple[int, ...], name: str | None) -> None:
        super().configure_frame(name=name)

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        super().configure(frame, values)
        if "w_init" in values:
            self.weight = self._weights(self.w_init)

    def _size(self, name: str, size: Size) -> tuple[int, ...]:
        sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,)
        if not sizes or not all(
            isinstance(n, (int, np.integer)) and n >= 1 and n is not True for n in sizes
        ):
            raise ParameterError(
                f"{type(self).__name__}.{name}: expected a whole number >= 1 or a tuple of them, "
                f"got {size!r}"
            )
        return tuple(int(n) for n in sizes)

    def _weights(self, w_init: Any) -> brainstate.ParamState:
        shape = (int(np.prod(self.in_size)), int(np.prod(self.out_size)))
        is_function = callable(w_init) and not isinstance(w_init, u.Quantity)
        weight = w_init(shape) if is_function else w_init
        if np.shape(weight) != shape:
            raise ParameterError(
                f"{type(self).__name__}.w_init: expected weights of shape {shape}, "
                f"got {show(weight)}"
            )
        return brainstate.ParamState(full(weight, shape))

    def _arriving(self, x: Quantity, held: Quantity) -> Quantity:
        """The weighted input, of the shape of a state that is held."""
        batch = held.shape[: held.ndim - len(self.out_size)]
        if np.shape(x) != (*batch, *self.in_size) or isinstance(x, u.Quantity):
            raise InputError(
                f"{type(self).__name__}.update(x): expected numbers of shape "
                f"{(*batch, *self.in_size)}, got {show(x)}"
            )
        weight = self.weight.value
        flat = jnp.reshape(x, (*batch, -1)).astype(u.get_mantissa(weight).dtype)
        return product(flat, weight).reshape(held.shape)


class LeakyRateReadout(_Readout):
    r"""Leaky integration of weighted spikes.

    $$
    r \leftarrow e^{-\Delta t / \tau}\, r + x\,W
    $$

    A spike of input $i$ raises the outputs by its row of $W$, whatever $\Delta t$ is. The outputs
    have the unit of the weights.

    Args:
        in_size: Number of inputs, or their shape.
        out_size: Number of outputs, or their shape.
        tau: Time constant $\tau$, 5 ms; scalar or one per output.
        w_init: Weights, a function of the shape `(n_in, n_out)` or an array of it, with a unit or
            without; `brainstate.nn.init.KaimingNormal()`.
        name: Name of the module.

    Attributes:
        r: Output, shape `(*batch, *out_size)`, in the unit of the weights.
        weight: The weights, `brainstate.ParamState`, shape `(n_in, n_out)`.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: The input does not have one value per input neuron.

    References:
        Bellec et al. (2020), Nature Communications 11, 3625, doi:10.1038/s41467-020-17236-y.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import LeakyRateReadout
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> readout = LeakyRateReadout(2, 1, tau=10 * u.ms, w_init=jnp.ones)
        >>> _ = brainstate.nn.init_all_states(readout)
        >>> print(readout(jnp.array([1.0, 1.0])))
        [2.]
    """

    signature_layout = ("in_size", "out_size", ..., "name")

    tau: Quantity = param(default=5.0 * u.ms, constraint=positive, doc="time constant")
    w_init: Initializer = option(default=brainstate.nn.init.KaimingNormal(), doc="weights")
    r = state(lambda model, shape: full(0.0 * u.get_unit(model.weight.value), shape), "output")

    def update(self, x: Quantity) -> Quantity:
        """Advance by one step with the spikes `x`, shape `(*batch, *in_size)`.

        Args:
            x: Spikes, shape `(*batch, *in_size)`.

        Returns:
            Outputs, shape `(*batch, *out_size)`.
        """
        return self._leak(self._arriving(x, self.r.value))

    def over_time(self, xs: Quantity) -> Quantity:
        """The outputs of a sequence, whose weighted input is one product.

        Args:
            xs: Spikes, shape `(T, *batch, *in_size)`.

        Returns:
            Outputs, shape `(T, *batch, *out_size)`.
        """
        held = self.r.value
        arriving = self._arriving(xs, jax.ShapeDtypeStruct((len(xs), *held.shape), held.dtype))
        return brainstate.transform.for_loop(self._leak, arriving)

    def _leak(self, arriving: Array) -> Quantity:
        decay = jnp.exp(-u.get_magnitude(current_dt() / self.tau))
        self.r.value = decay * self.r.value + arriving
        return self.r.value


class LeakySpikeReadout(_Readout, Neuron):  # type: ignore[misc]  # its frame has two sizes
    r"""Leaky integrate-and-fire neurons that read weighted spikes.

    $$
    \tau \frac{dV}{dt} = -V + I, \qquad V \leftarrow V + x\,W
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V - V_\mathrm{th}$ (soft) or
    $V \leftarrow 0$ (hard). A spike of input $i$ raises the potentials by its row of $W$ at the end
    of the step, whatever $\Delta t$ is. $I$ are the current inputs that projections register, as
    potentials; usually there are none.

    Args:
        in_size: Number of inputs, or their shape.
        out_size: Number of neurons, or the shape of the population.
        tau: Membrane time constant $\tau$, 5 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, 1 mV, above zero; scalar or one per neuron.
        w_init: Weights, a function of the shape `(n_in, n_out)` or an array of it, in units of a
            voltage; `brainstate.nn.init.KaimingNormal(unit=u.mV)`.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *out_size)`, mV.
        weight: The weights, `brainstate.ParamState`, shape `(n_in, n_out)`.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: The input does not have one value per input neuron.

    References:
        Gerstner & Kistler (2002), Spiking Neuron Models, section 4.1,
        doi:10.1017/CBO9780511815706.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import LeakySpikeReadout
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> readout = LeakySpikeReadout(2, 1, tau=10 * u.ms, w_init=0.6 * jnp.ones((2, 1)) * u.mV)
        >>> _ = brainstate.nn.init_all_states(readout)
        >>> print(readout(jnp.array([1.0, 0.0])), readout(jnp.array([0.0, 1.0])))
        [0.] [1.]
    """

    signature_layout: ClassVar[tuple[str | EllipsisType, ...]] = (
        *("in_size", "out_size", ..., "spk_fun", "spk_reset", "name"),
        *("*", "solver", "interpolate", "detach_reset"),
    )
    input_unit: ClassVar[u.Unit] = u.mV
    input_kind = "events"

    tau: Quantity = param(default=5.0 * u.ms, constraint=positive, doc="membrane time constant")
    V_th: Quantity = param(default=1.0 * u.mV, constraint=positive, doc="threshold")
    w_init: Initializer = option(default=brainstate.nn.init.KaimingNormal(unit=u.mV), doc="weights")
    V_initializer: Initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer", "membrane potential")
    V_reset = 0.0 * u.mV
    linear = True

    def dV(self, V: Quantity, I: Quantity) -> Quantity:
        return (I - V) / self.tau

    def _setup_module(self, size: tuple[int, ...], name: str | None) -> None:
        Neuron.configure_frame(self, size, name)

    def _weights(self, w_init: Any) -> brainstate.ParamState:
        weight = super()._weights(w_init)
        if not same_dimension(weight.value, u.mV):
            raise ParameterError(
                f"LeakySpikeReadout.w_init: expected weights in units of a voltage, "
                f"got {dimension_name(weight.value)}"
            )
        return weight

    def update(self, x: Quantity | None = None) -> Quantity:
        """Advance by one step with the spikes `x`, shape `(*batch, *in_size)`; return spikes.

        Args:
            x: Spikes, shape `(*batch, *in_size)`; None for none.
        """
        self.add_delta_input("weighted spikes", self._arriving(x, self.V.value))
        return super().update()
