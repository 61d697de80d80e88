"""Layers made of layers: recurrent and residual ones, and attention of spikes."""

from collections.abc import Callable

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    Constraint,
    Delay,
    InputError,
    ParameterError,
    checked,
    duration,
    function,
    instance_of,
    maybe,
    real_signature,
)
from brainloom_core.types import Initializer, Quantity, Shape, Time
from brainloom_core.units import show

from .arguments import MODULE
from .convolutions import is_shape
from .layers import Linear
from .rolling import over_steps

__all__ = ["Recurrent", "Residual", "SpikeDrivenAttention"]

_cells = Constraint(
    "a population that knows its spikes of the last step (get_spike), such as LIF(100)",
    lambda cells: callable(getattr(cells, "get_spike", None)),
)


_gain = Constraint("a finite number > 0", lambda gain: bool(0.0 < gain < np.inf))
_makes_cells = Constraint("a function from a shape to a population, such as LIF", callable)


@real_signature
class Recurrent(brainstate.nn.Module):
    r"""A population that hears its own spikes of the step before.

    $$
    I(t) = x(t) + C\bigl(s(t - \Delta t - d)\bigr)
    $$

    Args:
        cells: The population, such as `LIF(100)`.
        connection: What makes currents of its spikes: `Linear(100, 100, ...)`, a convolution, or a
            `Connection` of brainloom-projections, which is sparse; None for a `Linear` without
            bias, whose weights are `brainstate.nn.init.KaimingNormal` in the unit of the input.
        delay: Delay $d$ beyond the one step that a loop takes; one for all or one per neuron. As
            of [`Delay`][brainloom_core.Delay], it is trained if it is a `brainstate.ParamState`.
        max_delay: Longest delay, needed where it is trained.
        name: Name of the module.

    Attributes:
        cells: The population.
        connection: What makes currents of spikes.
        line: The delay, None where there is none.

    Raises:
        ParameterError: An argument is of another kind.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_neurons import LIF
        >>> from brainloom_training import Recurrent
        >>> layer = Recurrent(LIF(100), delay=5 * u.ms)
        >>> layer.connection.weight.value.shape, layer.out_size
        ((100, 100), (100,))
    """

    @checked(
        cells=_cells,
        connection=maybe(instance_of(brainstate.nn.Module, "a module such as Linear(100, 100)")),
        max_delay=maybe(duration),
    )
    def __init__(
        self,
        cells: brainstate.nn.Module,
        connection: brainstate.nn.Module | None = None,
        delay: Time | None = None,
        max_delay: Time | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.in_size = self.out_size = cells.in_size
        self.cells = cells
        if connection is None:
            if len(cells.in_size) != 1:
                raise ParameterError(
                    f"Recurrent.connection: expected one for cells of shape {cells.in_size}, such "
                    "as a Conv2d, got None"
                )
            unit = getattr(cells, "input_unit", u.UNITLESS)
            w_init = brainstate.nn.init.KaimingNormal(unit=unit)
            connection = Linear(cells.in_size, cells.in_size, w_init, None)
        self.connection = connection
        self.line = None
        if delay is None and max_delay is not None:
            raise ParameterError("Recurrent.delay: expected one where max_delay is given, got None")
        if delay is not None:
            self.line = Delay(tuple(cells.in_size), delay, max_delay=max_delay)

    def update(self, x: Quantity | None = None) -> Quantity:
        """Advance by one step and return the spikes.

        Args:
            x: Input currents, shape `(*batch, *in_size)`; None for none.
        """
        spikes = self.cells.get_spike()
        back = self.connection(spikes if self.line is None else self.line(spikes))
        return self.cells(back if x is None else x + back)


@real_signature
class Residual(brainstate.nn.Module):
    r"""Layers, to whose outputs their inputs are added: $y = f(x) + g(x)$.

    Where $f$ ends with spikes, and $x$ are spikes, outputs are 0, 1 or 2 (the sum of
    spike-element-wise residual networks).

    Args:
        layers: What $f$ consists of, one after the other.
        shortcut: $g$, for inputs of another shape than the outputs; None for the inputs themselves.
        name: Name of the module.

    Attributes:
        body: The layers, a `brainstate.nn.Sequential`.
        shortcut: $g$, or None.

    Raises:
        ParameterError: There is no layer, or one that is no module.
        InputError: What is added differs in shape.

    References:
        Fang, Yu, Chen, Huang, Masquelier & Tian (2021), NeurIPS 34, arXiv:2102.04159.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import Linear, Residual
        >>> block = Residual(Linear(2, 2, jnp.eye(2)))
        >>> print(block(jnp.array([1.0, 3.0])))
        [2. 6.]
    """

    def __init__(
        self,
        *layers: brainstate.nn.Module,
        shortcut: brainstate.nn.Module | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        parts = {f"layers[{k}]": layer for k, layer in enumerate(layers)}
        if shortcut is not None:
            parts["shortcut"] = shortcut
        for key, layer in (parts or {"layers": None}).items():
            if not MODULE.holds(layer):
                raise ParameterError(f"Residual.{key}: expected {MODULE.text}, got {show(layer)}")
        self.body = brainstate.nn.Sequential(*layers)
        self.shortcut = shortcut
        first, last = layers[0], layers[-1]
        if first.in_size is not None and last.out_size is not None:
            self.in_size, self.out_size = first.in_size, last.out_size

    def update(self, x: Quantity) -> Quantity:
        """Advance by one step.

        Args:
            x: Values, shape `(*batch, *in_size)`.
        """
        return self._sum(self.body(x), x if self.shortcut is None else self.shortcut(x))

    def over_time(self, xs: Quantity) -> Quantity:
        """A sequence, layer by layer.

        Args:
            xs: Values, shape `(T, *batch, *in_size)`.
        """
        ways = [self.body] if self.shortcut is None else [self.body, self.shortcut]
        found = [over_steps(way, xs) for way in ways]
        return self._sum(*found, *([xs] if self.shortcut is None else []))

    def _sum(self, y: Quantity, x: Quantity) -> Quantity:
        if np.shape(y) != np.shape(x):
            raise InputError(
                f"Residual.update(x): expected what the layers give, of shape {np.shape(y)}, and "
                f"what is added to it in one shape, got {np.shape(x)}. shortcut=... changes it"
            )
        return y + x


@real_signature
class SpikeDrivenAttention(brainstate.nn.Module):
    r"""Self-attention of spikes, without products of matrices between them.

    $$
    Q, K, V = S(x W_Q),\ S(x W_K),\ S(x W_V), \qquad
    y = S\Bigl(\sum_\text{tokens} Q \otimes K\Bigr) \otimes V
    $$

    where $\otimes$ multiplies spikes element by element and $S$ are populations. The second one
    says for each feature whether it passes; the cost grows with the tokens, not with their square.

    Args:
        in_size: Number of tokens and of features, `(tokens, features)`.
        cells: A function from a shape to a population, such as `lambda size: LIF(size)`.
        w_init: Weights, a function of the shape `(features, features)`, in the unit of the input of
            the cells; None for `brainstate.nn.init.KaimingNormal` in it.
        gain: What one agreement of query and key gives to the gate, in this unit; 1.
        name: Name of the module.

    Attributes:
        query: The map $W_Q$, a `Linear` without bias; `key` and `value` likewise.
        query_cells: The population that makes $Q$; `key_cells` and `value_cells` likewise.
        gate: The population over features that opens and closes.

    Raises:
        ParameterError: An argument is of another kind.
        InputError: The input has another shape.

    References:
        Yao, Hu, Zhou, Yuan, Tian, Xu & Li (2023), NeurIPS 36, arXiv:2307.01694.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import LIF
        >>> from brainloom_training import SpikeDrivenAttention
        >>> layer = SpikeDrivenAttention((16, 8), LIF)
        >>> _ = brainstate.nn.init_all_states(layer, batch_size=4)
        >>> with brainstate.environ.context(dt=1.0 * u.ms):
        ...     layer(jnp.ones((4, 16, 8))).shape
        (4, 16, 8)
    """

    @checked(in_size=is_shape, cells=_makes_cells, w_init=maybe(function), gain=_gain)
    def __init__(
        self,
        in_size: Shape,
        cells: Callable[[Shape], brainstate.nn.Module],
        w_init: Initializer | None = None,
        gain: float = 1.0,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if np.ndim(in_size) != 1 or len(in_size) != 2:
            raise ParameterError(
                f"SpikeDrivenAttention.in_size: expected (tokens, features), got {show(in_size)}"
            )
        self.in_size = self.out_size = in_size
        features, size = int(in_size[1]), tuple(in_size)
        self.query_cells, self.key_cells, self.value_cells = (cells(size) for _ in range(3))
        self.gate = cells((features,))
        self.gain = gain
        unit = getattr(self.gate, "input_unit", u.UNITLESS)
        w_init = brainstate.nn.init.KaimingNormal(unit=unit) if w_init is None else w_init
        self.query, self.key, self.value = (
            Linear(features, features, w_init, None) for _ in range(3)
        )

    def update(self, x: Quantity) -> Quantity:
        """Advance by one step and return the spikes that pass.

        Args:
            x: Spikes, shape `(*batch, tokens, features)`.
        """
        if np.shape(x)[-2:] != tuple(self.in_size):
            raise InputError(
                f"SpikeDrivenAttention.update(x): expected values of shape {tuple(self.in_size)}, "
                f"got {show(x)} of shape {np.shape(x)}"
            )
        q = self.query_cells(self.query(x))
        k = self.key_cells(self.key(x))
        v = self.value_cells(self.value(x))
        unit = getattr(self.gate, "input_unit", None)
        agreement = self.gain * jnp.sum(q * k, axis=-2)
        passes = self.gate(agreement if unit is None else agreement * unit)
        return passes[..., None, :] * v
