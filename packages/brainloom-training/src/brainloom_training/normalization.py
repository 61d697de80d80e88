"""Normalisation and dropout for sequences of spikes and currents."""

from typing import Any, ClassVar

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    Constraint,
    InputError,
    between,
    checked,
    real_signature,
    whole,
)
from brainloom_core.types import Array, Quantity, Shape, Size
from brainloom_core.units import dimension_name, same_dimension, show, to_number, with_unit

from .convolutions import OfShape, as_shape, is_shape
from .padding import counted_steps
from .reductions import along
from .rolling import is_in_pieces

__all__ = ["BNTT", "TDBN", "Dropout", "LayerNorm"]

_scale = Constraint(
    "one finite number other than 0, with the unit of the outputs",
    lambda scale: np.ndim(u.get_mantissa(scale)) == 0 and 0 < abs(u.get_mantissa(scale)) < np.inf,
)
_small = Constraint("a finite number > 0", lambda eps: bool(0.0 < eps < np.inf))
_share = between(0.0, 1.0)


class _Norm(OfShape):
    """What normalising layers share: the unit of what they give, and how they read what they get.

    The number of what arrives is that in the unit of the outputs, or a plain one.
    """

    eps: float

    def _frame(self, in_size: Size, scale: Quantity, eps: float, name: str | None) -> None:
        super().__init__(in_size, name)
        self.out_size = in_size
        self.unit, self.eps = u.get_unit(scale), eps

    def _trained(self, value: float, shape: Shape) -> brainstate.ParamState:
        number = jnp.full(shape, value, brainstate.environ.dftype())
        return brainstate.ParamState(with_unit(number, self.unit))

    def _number(self, x: Quantity) -> Array:
        if isinstance(x, u.Quantity) and not same_dimension(x, self.unit):
            raise InputError(
                f"{type(self).__name__}.update(x): expected {dimension_name(self.unit)}, as the "
                f"outputs have, or plain numbers, got {show(x)}"
            )
        number = to_number(x, self.unit) if isinstance(x, u.Quantity) else x
        return jnp.asarray(number, brainstate.environ.dftype())

    def _per_channel(self, values: Quantity) -> Quantity:
        """Values `(..., channels)` that fit to `(..., channels, *axes)`."""
        rest = (1,) * (len(self.size) - 1)
        return u.math.reshape(values, (*np.shape(values), *rest))


class _BatchNorm(_Norm):
    """What batch norms share: running means, and what is normalised by which mean."""

    stepped: ClassVar[bool]

    def _frame_of_batches(
        self, shape: Shape, in_size: Size, scale: Quantity, momentum: float, eps: float, name: Any
    ) -> None:
        self._frame(in_size, scale, eps, name)
        self.momentum = momentum
        self.scale = self._trained(float(u.get_mantissa(scale)), shape)
        dtype = brainstate.environ.dftype()
        self.running_mean = brainstate.BatchState(jnp.zeros(shape, dtype))
        self.running_var = brainstate.BatchState(jnp.ones(shape, dtype))

    def _measured(self, x: Array, axes: tuple[int, ...], counts: Array | None) -> Any:
        """Mean and variance over some axes, and of how many values they are."""
        if counts is None:
            n = jnp.asarray(np.prod([x.shape[axis] for axis in axes]), x.dtype)
            mean = x.mean(axes)
            return mean, jnp.square(x - jnp.expand_dims(mean, axes)).mean(axes), n
        share = jnp.broadcast_to(along(counts, x), x.shape).astype(x.dtype)
        n = share.sum(axes)
        mean = (share * x).sum(axes) / jnp.maximum(n, 1.0)
        square = share * jnp.square(x - jnp.expand_dims(mean, axes))
        return mean, square.sum(axes) / jnp.maximum(n, 1.0), n

    def _kept(self, held: Array, new: Array) -> Array:
        return self.momentum * held + (1.0 - self.momentum) * jax.lax.stop_gradient(new)


def _is_training() -> bool:
    return bool(brainstate.environ.get("fit", False))


class TDBN(_BatchNorm):
    r"""Batch norm over samples and time together (threshold-dependent batch norm).

    $$
    y = \gamma\, \frac{x - \langle x \rangle}{\sqrt{\mathrm{var}(x) + \epsilon}} + \beta,
    \qquad \gamma = \alpha V_\mathrm{th} \text{ at first}
    $$

    with one $\gamma$, $\beta$, mean and variance per channel, over all steps, samples and places.
    In training (`fit`) these are those of the batch, and running means are kept; else they are the
    running means. A step cannot know the mean over time: in training the layer has to see the
    sequence as a whole, as one of a `brainstate.nn.Sequential` does.

    Args:
        in_size: Number of values, or `(channels, height, width)`.
        scale: $\alpha V_\mathrm{th}$, 1 mA: the standard deviation of the outputs at first, as the
            current that it is of the threshold; its unit is that of the outputs.
        momentum: How much of the running means a batch leaves as it is, 0.9.
        eps: $\epsilon$, in the square of this unit, 1e-5.
        name: Name of the module.

    Attributes:
        scale: $\gamma$, `brainstate.ParamState`, one per channel.
        bias: $\beta$, `brainstate.ParamState`, one per channel.
        running_mean: Mean, `brainstate.BatchState`, one per channel.
        running_var: Variance, `brainstate.BatchState`, one per channel.

    Raises:
        ParameterError: An argument is of another kind.
        InputError: The input has another shape or dimension, or the layer is trained step by step
            or on pieces of a sequence.

    References:
        Zheng, Wu, Deng, Hu & Li (2021), AAAI 35, 11062, doi:10.1609/aaai.v35i12.17320.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import TDBN
        >>> layer = TDBN(2, scale=0.5 * u.mA)
        >>> with brainstate.environ.context(fit=True):
        ...     y = layer.over_time(jnp.arange(80.0).reshape(10, 4, 2) * u.mA)
        >>> print(y.mantissa.std((0, 1)).round(3))
        [0.5 0.5]
    """

    @checked(in_size=is_shape, scale=_scale, momentum=_share, eps=_small)
    def __init__(
        self,
        in_size: Size,
        scale: Quantity = 1.0 * u.mA,
        momentum: float = 0.9,
        eps: float = 1e-5,
        name: str | None = None,
    ) -> None:
        shape = as_shape(in_size)[:1]
        self._frame_of_batches(shape, in_size, scale, momentum, eps, name)
        self.bias = self._trained(0.0, shape)

    def update(self, x: Quantity) -> Quantity:
        """One step, by the running means.

        Args:
            x: Values, shape `(*batch, *in_size)`.
        """
        if _is_training():
            raise InputError(
                "TDBN.update: expected a whole sequence in training, whose mean over time a step "
                "cannot know. Make the layer one of a brainstate.nn.Sequential, without read or "
                "regularizers of states, or take BNTT"
            )
        self.batch_of(x)
        return self._normal(self._number(x), self.running_mean.value, self.running_var.value)

    def over_time(self, xs: Quantity) -> Quantity:
        """A sequence; in training by its own mean and variance.

        Args:
            xs: Values, shape `(T, *batch, *in_size)`.
        """
        if not _is_training():
            return self.update(xs)
        if is_in_pieces():
            raise InputError(
                "TDBN: expected a whole sequence in training, got pieces of one, whose means "
                "would be others. Take rule='bptt', or BNTT"
            )
        front = self.batch_of(xs)
        x, channels = self._number(xs), len(front)
        axes = tuple(k for k in range(x.ndim) if k != channels)
        mean, var, n = self._measured(x, axes, counted_steps(0, len(x)))
        self.running_mean.value = self._kept(self.running_mean.value, mean)
        unbiased = var * n / jnp.maximum(n - 1.0, 1.0)
        self.running_var.value = self._kept(self.running_var.value, unbiased)
        return self._normal(x, mean, var)

    def _normal(self, x: Array, mean: Array, var: Array) -> Quantity:
        factor = self.scale.value / jnp.sqrt(var + self.eps)
        y = self._per_channel(factor) * (x - self._per_channel(mean))
        return y + self._per_channel(self.bias.value)


class BNTT(_BatchNorm):
    r"""Batch norm through time: each step is normalised by itself, over the samples.

    $$
    y(t) = \gamma(t)\, \frac{x(t) - \langle x(t) \rangle}{\sqrt{\mathrm{var}(x(t)) + \epsilon}}
    $$

    with one $\gamma$, mean and variance per step and channel, over samples and places; there is
    no bias. In training (`fit`) mean and variance are those of the batch, and running means are
    kept; else they are the running means.

    Args:
        in_size: Number of values, or `(channels, height, width)`.
        n_steps: Number of steps of a sequence; what comes after them is NaN.
        scale: $\gamma$ at first, 1 mA; its unit is that of the outputs.
        momentum: How much of the running means a batch leaves as it is, 0.9.
        eps: $\epsilon$, in the square of this unit, 1e-5.
        name: Name of the module.

    Attributes:
        scale: $\gamma$, `brainstate.ParamState`, shape `(n_steps, channels)`.
        running_mean: Mean, `brainstate.BatchState`, shape `(n_steps, channels)`.
        running_var: Variance, `brainstate.BatchState`, shape `(n_steps, channels)`.

    Raises:
        ParameterError: An argument is of another kind.
        InputError: The input has another shape or dimension, or in training no batch axis.

    References:
        Kim & Panda (2021), Frontiers in Neuroscience 15, 773954, doi:10.3389/fnins.2021.773954.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import BNTT
        >>> layer = BNTT(2, n_steps=10, scale=0.5 * u.mA)
        >>> with brainstate.environ.context(fit=True):
        ...     y = layer.over_time(jnp.arange(80.0).reshape(10, 4, 2) * u.mA)
        >>> print(y.mantissa.std(1)[0].round(3))
        [0.5 0.5]
    """

    @checked(in_size=is_shape, n_steps=whole, scale=_scale, momentum=_share, eps=_small)
    def __init__(
        self,
        in_size: Size,
        n_steps: int,
        scale: Quantity = 1.0 * u.mA,
        momentum: float = 0.9,
        eps: float = 1e-5,
        name: str | None = None,
    ) -> None:
        shape = (int(n_steps), *as_shape(in_size)[:1])
        self._frame_of_batches(shape, in_size, scale, momentum, eps, name)

    def update(self, x: Quantity) -> Quantity:
        """One step, that of `brainstate.environ`.

        Args:
            x: Values, shape `(*batch, *in_size)`.
        """
        return self.over_time(x[None])[0]

    def over_time(self, xs: Quantity) -> Quantity:
        """Several steps, the first of which is that of `brainstate.environ`, or 0.

        Args:
            xs: Values, shape `(T, *batch, *in_size)`.
        """
        front = self.batch_of(xs)
        x, first = self._number(xs), brainstate.environ.get("i", 0)
        steps = first + jnp.arange(len(x))
        held = [
            state.value.at[steps].get(mode="fill", fill_value=jnp.nan)
            for state in (self.running_mean, self.running_var)
        ]
        mean, var = held
        if _is_training():
            if len(front) < 2:
                raise InputError("BNTT: expected a batch of samples in training, got one without")
            axes = tuple(k for k in range(1, x.ndim) if k != len(front))
            mean, var, n = self._measured(x, axes, counted_steps(first, len(x)))
            some = along(jnp.broadcast_to(n > 0, mean.shape), mean)  # a step that counts for none
            unbiased = var * n / jnp.maximum(n - 1.0, 1.0)
            for state, old, new in zip(
                (self.running_mean, self.running_var), held, (mean, unbiased), strict=True
            ):
                kept = jnp.where(some, self._kept(old, new), old)
                state.value = state.value.at[steps].set(kept, mode="drop")
        scale = self.scale.value
        number = u.get_mantissa(scale).at[steps].get(mode="fill", fill_value=jnp.nan)
        factor, mean = (
            jnp.expand_dims(values, tuple(range(1, len(front))))
            for values in (number / jnp.sqrt(var + self.eps), mean)
        )
        y = self._per_channel(factor) * (x - self._per_channel(mean))
        return with_unit(y, self.unit)


class LayerNorm(_Norm):
    r"""Normalisation over the values of each sample and step.

    $$
    y = \gamma\, \frac{x - \langle x \rangle}{\sqrt{\mathrm{var}(x) + \epsilon}} + \beta
    $$

    with one $\gamma$ and $\beta$ per value. It is the same in training and after.

    Args:
        in_size: Number of values, or their shape.
        scale: $\gamma$ at first, 1 mA; its unit is that of the outputs.
        eps: $\epsilon$, in the square of this unit, 1e-5.
        name: Name of the module.

    Attributes:
        scale: $\gamma$, `brainstate.ParamState`, shape `in_size`.
        bias: $\beta$, `brainstate.ParamState`, shape `in_size`.

    Raises:
        ParameterError: An argument is of another kind.
        InputError: The input has another shape or dimension.

    References:
        Ba, Kiros & Hinton (2016), arXiv:1607.06450.

    Examples:
        >>> import brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import LayerNorm
        >>> print(LayerNorm(2, scale=2.0 * u.mA)(jnp.array([3.0, 5.0])).round(2))
        [-2.  2.] mA
    """

    @checked(in_size=is_shape, scale=_scale, eps=_small)
    def __init__(
        self,
        in_size: Size,
        scale: Quantity = 1.0 * u.mA,
        eps: float = 1e-5,
        name: str | None = None,
    ) -> None:
        self._frame(in_size, scale, eps, name)
        self.scale = self._trained(float(u.get_mantissa(scale)), self.size)
        self.bias = self._trained(0.0, self.size)

    def update(self, x: Quantity) -> Quantity:
        """The normalised values.

        Args:
            x: Values, shape `(*batch, *in_size)`.
        """
        front = len(self.batch_of(x))
        number = self._number(x)
        axes = tuple(range(front, number.ndim))
        mean = number.mean(axes, keepdims=True)
        var = jnp.square(number - mean).mean(axes, keepdims=True)
        return self.scale.value * ((number - mean) / jnp.sqrt(var + self.eps)) + self.bias.value


@real_signature
class Dropout(brainstate.nn.Module):
    r"""Silences a random part of the inputs in training, the same ones in all steps of a sequence.

    Each sample of a batch has a mask of its own, which is drawn where states begin
    (`init_state`, `reset_state`). What remains is divided by the share that remains. A mask that
    changed in every step, as that of `brainstate.nn.Dropout` does, would average out in neurons
    that integrate.

    Args:
        in_size: Number of values, or their shape.
        drop: Share of the values that are silenced, 0.5.
        name: Name of the module.

    Attributes:
        mask: Which remain, shape `(*batch, *in_size)`.

    Raises:
        ParameterError: An argument is of another kind.
        InputError: The input has another shape.

    References:
        Lee, Sarwar, Panda, Srinivasan & Roy (2020), Frontiers in Neuroscience 14, 119,
        doi:10.3389/fnins.2020.00119.

    Examples:
        >>> import brainstate, jax.numpy as jnp
        >>> from brainloom_training import Dropout
        >>> layer = Dropout(1000, drop=0.2)
        >>> _ = brainstate.nn.init_all_states(layer)
        >>> with brainstate.environ.context(fit=True):
        ...     y = layer.over_time(jnp.ones((5, 1000)))
        >>> print((y == y[0]).all(), 0.15 < (y[0] == 0.0).mean() < 0.25, y.max())
        True True 1.25
    """

    @checked(
        in_size=is_shape,
        drop=Constraint("a number from 0 to less than 1", lambda drop: bool(0.0 <= drop < 1.0)),
    )
    def __init__(self, in_size: Size, drop: float = 0.5, name: str | None = None) -> None:
        super().__init__(name=name)
        self.in_size = self.out_size = in_size
        self.size = as_shape(in_size)
        self.drop = drop

    def init_state(self, batch_size: int | None = None, **kwargs: object) -> None:
        """Draw the masks.

        Args:
            batch_size: Number of samples, None for no batch axis.
            kwargs: Whatever other modules take.
        """
        batch = () if batch_size is None else (batch_size,)
        self.mask = brainstate.ShortTermState(self._drawn((*batch, *self.size)))

    def reset_state(self, batch_size: int | None = None, **kwargs: object) -> None:
        """Draw other masks.

        Args:
            batch_size: Number of samples, None for that of now.
            kwargs: Whatever other modules take.
        """
        given = None if batch_size is None else (batch_size, *self.size)
        self.mask.value = self._drawn(self.mask.value.shape if given is None else given)

    def _drawn(self, shape: Shape) -> Array:
        return jnp.asarray(brainstate.random.bernoulli(1.0 - self.drop, shape))

    def update(self, x: Quantity) -> Quantity:
        """What is left of the values of a step.

        Args:
            x: Values, shape `(*batch, *in_size)`.
        """
        return self._left(x, np.shape(x))

    def over_time(self, xs: Quantity) -> Quantity:
        """What is left of a sequence.

        Args:
            xs: Values, shape `(T, *batch, *in_size)`.
        """
        return self._left(xs, np.shape(xs)[1:])

    def _left(self, x: Quantity, shape: Shape) -> Quantity:
        if not _is_training():
            return x
        mask = self.mask.value
        if shape != mask.shape:
            raise InputError(
                f"Dropout.update(x): expected values of shape {mask.shape}, that of the states, "
                f"got {show(x)} of shape {shape}"
            )
        factor = mask / jnp.asarray(1.0 - self.drop, brainstate.environ.dftype())
        return x * factor
