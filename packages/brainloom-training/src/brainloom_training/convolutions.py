"""Convolution, pooling and flattening of values on a line or on a plane, channels first."""

import math
from typing import Any, ClassVar

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import Constraint, InputError, ParameterError, checked, real_signature, whole
from brainloom_core.types import Array, Initializer, Quantity, Shape, Size
from brainloom_core.units import show, with_unit

from .layers import initial_bias, initial_weights

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "Conv1d",
    "Conv2d",
    "Flatten",
    "MaxPool1d",
    "MaxPool2d",
    "OfShape",
    "as_shape",
    "is_shape",
]


def _is_shape(size: Any) -> bool:
    sizes = size if isinstance(size, (tuple, list)) else (size,)
    return len(sizes) > 0 and all(map(whole.holds, sizes))


is_shape = Constraint("a whole number >= 1, or several", _is_shape)


def as_shape(size: Size) -> Shape:
    """A number of values, or a list of them, as a shape."""
    return tuple(map(int, size)) if isinstance(size, (tuple, list)) else (int(size),)  # type: ignore[arg-type]


class OfShape(brainstate.nn.Module):
    """Base of layers without a state whose inputs have one shape, besides batch axes."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        real_signature(cls)

    def __init__(self, in_size: Size, name: str | None = None) -> None:
        super().__init__(name=name)
        self.in_size = in_size
        self.size = as_shape(in_size)

    def over_time(self, xs: Quantity) -> Quantity:
        """The outputs of a sequence, in one operation.

        Args:
            xs: Values, shape `(T, *batch, *in_size)`.
        """
        return self.update(xs)

    def batch_of(self, x: Quantity) -> Shape:
        """The axes of a value before those of the layer.

        Args:
            x: Values, shape `(*batch, *in_size)`.

        Raises:
            InputError: It has another shape.
        """
        size, shape = self.size, np.shape(x)
        if shape[len(shape) - len(size) :] != size:
            raise InputError(
                f"{type(self).__name__}.update(x): expected values of shape {size}, with batch "
                f"axes before it or without, got {show(x)} of shape {shape}"
            )
        return shape[: len(shape) - len(size)]


class _Grid(OfShape):
    """Base of what moves a window over one or two axes behind that of the channels."""

    axes: ClassVar[int]

    def _window(self, in_size: Size, name: str | None, **sizes: Any) -> dict[str, Shape]:
        """Set the size, and give one whole number per axis for each of some arguments."""
        super().__init__(in_size, name)
        owner = type(self).__name__
        if len(self.size) != self.axes + 1:
            raise ParameterError(
                f"{owner}.in_size: expected (channels, {('length', 'height, width')[self.axes - 1]}"
                f"), got {show(in_size)}"
            )
        return {key: self._each(f"{owner}.{key}", value) for key, value in sizes.items()}

    def _each(self, name: str, value: Any) -> Shape:
        values = value if isinstance(value, (tuple, list)) else (value,) * self.axes
        least = 0 if name.endswith("padding") else 1
        right = [isinstance(n, (int, np.integer)) and n is not True for n in values]
        if len(values) != self.axes or not all(right) or min(values) < least:
            several = f", or {self.axes} of them" if self.axes > 1 else ""
            raise ParameterError(
                f"{name}: expected a whole number >= {least}{several}, got {show(value)}"
            )
        return tuple(int(n) for n in values)

    def _set_out_size(self, channels: int, window: Shape) -> None:
        lengths = [
            (n + sum(pads) - size) // step + 1
            for n, pads, size, step in zip(
                self.size[1:], self.pads, window, self.stride, strict=True
            )
        ]
        if min(lengths) < 1:
            raise ParameterError(
                f"{type(self).__name__}.kernel_size: expected a window within {self.size[1:]} "
                f"and its padding, got {window}"
            )
        self.out_size = self.result = (channels, *lengths)

    result: Shape
    pads: list[tuple[int, int]]
    stride: Shape

    def _reduced(self, x: Quantity, start: float, combine: Any) -> Array:
        """The numbers of all windows, combined."""
        batch = self.batch_of(x)
        number = jnp.asarray(u.get_mantissa(x))
        number = number.astype(jnp.promote_types(number.dtype, brainstate.environ.dftype()))
        one = (1,) * (len(batch) + 1)
        pads = [(0, 0)] * len(one) + self.pads
        window, stride = (*one, *self.kernel_size), (*one, *self.stride)
        return jax.lax.reduce_window(number, start, combine, window, stride, pads)

    kernel_size: Shape


class _Conv(_Grid):
    @checked(in_size=is_shape, out_channels=whole, groups=whole)
    def __init__(
        self,
        in_size: Size,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        w_init: Initializer = brainstate.nn.init.KaimingNormal(),
        b_init: Initializer | None = None,
        name: str | None = None,
    ) -> None:
        same, owner = padding == "same", type(self).__name__
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ParameterError(
                f"{owner}.padding: expected whole numbers, 'same' or 'valid', got {padding!r}"
            )
        given = {"kernel_size": kernel_size, "stride": stride, "dilation": dilation}
        sizes = self._window(
            in_size, name, **given, padding=0 if isinstance(padding, str) else padding
        )
        self.kernel_size, self.stride, self.dilation = (sizes[key] for key in given)
        reach = tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel_size, strict=True))
        self.pads = [(n, n) for n in sizes["padding"]]
        if same:
            self.pads = [_same(*it) for it in zip(self.size[1:], reach, self.stride, strict=True)]
        channels, self.groups = self.size[0], groups
        if channels % groups or out_channels % groups:
            raise ParameterError(
                f"{owner}.groups: expected a divisor of {channels} channels in and {out_channels} "
                f"out, got {groups}"
            )
        shape = (*self.kernel_size, channels // groups, out_channels)
        weight = initial_weights(f"{owner}.w_init", w_init, shape)
        self.weight = brainstate.ParamState(weight)
        self.bias = initial_bias(f"{owner}.b_init", b_init, (out_channels,), u.get_unit(weight))
        self._set_out_size(out_channels, reach)

    def update(self, x: Quantity) -> Quantity:
        """The outputs `(*batch, out_channels, ...)` of inputs `(*batch, channels, ...)`.

        Args:
            x: Values, shape `(*batch, *in_size)`.
        """
        batch, held = self.batch_of(x), self.weight.value
        weight, unit = u.get_mantissa(held), u.get_unit(held) * u.get_unit(x)
        number = jnp.reshape(u.get_mantissa(x), (-1, *self.size)).astype(weight.dtype)
        space = "HW"[: self.axes]
        y = jax.lax.conv_general_dilated(
            number,
            weight,
            self.stride,
            self.pads,
            rhs_dilation=self.dilation,
            dimension_numbers=(f"NC{space}", f"{space}IO", f"NC{space}"),
            feature_group_count=self.groups,
        )
        y = with_unit(y.reshape(*batch, *self.result), unit)
        if self.bias is None:
            return y
        return y + u.math.reshape(self.bias.value, (-1, *(1,) * self.axes))


def _same(length: int, reach: int, step: int) -> tuple[int, int]:
    """Zeros on both sides with which there is one output for each step of the input."""
    n = max(0, (math.ceil(length / step) - 1) * step + reach - length)
    return n // 2, n - n // 2


class Conv1d(_Conv):
    r"""Convolution along one axis, channels first, with a unit if the weights have one.

    As `Linear`, it gives currents to a population if its weights are in mA. The inputs of a
    sequence are convolved in one operation.

    Args:
        in_size: Shape of the inputs, `(channels, length)`.
        out_channels: Number of channels of the outputs.
        kernel_size: Length of the kernels.
        stride: Steps between two outputs, 1.
        padding: Zeros on either side, 0; `"same"` for as many as give an output per (strided)
            input, `"valid"` for none.
        dilation: Distance between the elements of a kernel, 1.
        groups: Into how many groups, each convolved on its own, channels are divided, 1.
        w_init: Kernels, a function of the shape `(length, channels / groups, out_channels)` or an
            array of it, with any unit; `brainstate.nn.init.KaimingNormal()`.
        b_init: Bias, a function of `(out_channels,)`, an array or a number; None for no bias.
        name: Name of the module.

    Attributes:
        weight: The kernels, `brainstate.ParamState`.
        bias: The bias, `brainstate.ParamState`, or None.

    Raises:
        ParameterError: An argument does not fit the others, or is of another kind.
        InputError: The input has another shape.

    Examples:
        >>> import brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import Conv1d
        >>> layer = Conv1d((1, 5), 1, 3, w_init=lambda shape: jnp.ones(shape) * u.mA)
        >>> print(layer(jnp.array([[1.0, 0.0, 0.0, 1.0, 1.0]])))
        [[1. 1. 2.]] mA
    """

    axes = 1


class Conv2d(_Conv):
    r"""Convolution of images, channels first, with a unit if the weights have one.

    As `Linear`, it gives currents to a population if its weights are in mA. The images of a
    sequence are convolved in one operation.

    Args:
        in_size: Shape of the inputs, `(channels, height, width)`.
        out_channels: Number of channels of the outputs.
        kernel_size: Height and width of the kernels; one number for both.
        stride: Steps between two outputs, 1; along each axis.
        padding: Zeros on either side of each axis, 0; `"same"` for as many as give an output per
            (strided) input, `"valid"` for none.
        dilation: Distance between the elements of a kernel, 1; along each axis.
        groups: Into how many groups, each convolved on its own, channels are divided, 1.
        w_init: Kernels, a function of the shape `(height, width, channels / groups, out_channels)`
            or an array of it, with any unit; `brainstate.nn.init.KaimingNormal()`.
        b_init: Bias, a function of `(out_channels,)`, an array or a number; None for no bias.
        name: Name of the module.

    Attributes:
        weight: The kernels, `brainstate.ParamState`.
        bias: The bias, `brainstate.ParamState`, or None.

    Raises:
        ParameterError: An argument does not fit the others, or is of another kind.
        InputError: The input has another shape.

    Examples:
        >>> import brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import Conv2d
        >>> layer = Conv2d((2, 28, 28), 16, 3, padding="same", stride=2)
        >>> layer.out_size, layer(jnp.zeros((32, 2, 28, 28))).shape
        ((16, 14, 14), (32, 16, 14, 14))
    """

    axes = 2


class _Pool(_Grid):
    @checked(in_size=is_shape)
    def __init__(
        self,
        in_size: Size,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        name: str | None = None,
    ) -> None:
        step = kernel_size if stride is None else stride
        sizes = self._window(in_size, name, kernel_size=kernel_size, stride=step, padding=padding)
        self.kernel_size, self.stride = sizes["kernel_size"], sizes["stride"]
        if any(2 * n > k for n, k in zip(sizes["padding"], self.kernel_size, strict=True)):
            raise ParameterError(
                f"{type(self).__name__}.padding: expected at most half of the window, "
                f"{self.kernel_size}, got {show(padding)}"
            )
        self.pads = [(n, n) for n in sizes["padding"]]
        self._set_out_size(self.size[0], self.kernel_size)


class _MaxPool(_Pool):
    def update(self, x: Quantity) -> Quantity:
        """The largest value of each window.

        Args:
            x: Values, shape `(*batch, *in_size)`.
        """
        return with_unit(self._reduced(x, -jnp.inf, jax.lax.max), u.get_unit(x))


class _AvgPool(_Pool):
    def update(self, x: Quantity) -> Quantity:
        """The mean of each window, zeros beyond the edge counted.

        Args:
            x: Values, shape `(*batch, *in_size)`.
        """
        total = self._reduced(x, 0.0, jax.lax.add)
        return with_unit(total / math.prod(self.kernel_size), u.get_unit(x))


class MaxPool1d(_MaxPool):
    """The largest value of each window along one axis, channels first.

    Args:
        in_size: Shape of the inputs, `(channels, length)`.
        kernel_size: Length of a window.
        stride: Steps between two windows; None for the size of a window.
        padding: Places on either side that are never the largest, 0.
        name: Name of the module.

    Raises:
        ParameterError: An argument does not fit the others, or is of another kind.
        InputError: The input has another shape.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import MaxPool1d
        >>> print(MaxPool1d((1, 4), 2)(jnp.array([[1.0, 0.0, 0.0, 0.0]])))
        [[1. 0.]]
    """

    axes = 1


class AvgPool1d(_AvgPool):
    """The mean of each window along one axis, channels first.

    Args:
        in_size: Shape of the inputs, `(channels, length)`.
        kernel_size: Length of a window.
        stride: Steps between two windows; None for the size of a window.
        padding: Zeros on either side, which are counted, 0.
        name: Name of the module.

    Raises:
        ParameterError: An argument does not fit the others, or is of another kind.
        InputError: The input has another shape.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import AvgPool1d
        >>> print(AvgPool1d((1, 4), 2)(jnp.array([[1.0, 0.0, 0.0, 0.0]])))
        [[0.5 0. ]]
    """

    axes = 1


class MaxPool2d(_MaxPool):
    """The largest value of each window of images, channels first.

    Args:
        in_size: Shape of the inputs, `(channels, height, width)`.
        kernel_size: Height and width of a window; one number for both.
        stride: Steps between two windows along each axis; None for the size of a window.
        padding: Places on either side of each axis that are never the largest, 0.
        name: Name of the module.

    Raises:
        ParameterError: An argument does not fit the others, or is of another kind.
        InputError: The input has another shape.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import MaxPool2d
        >>> x = jnp.array([[[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]])
        >>> print(MaxPool2d((1, 2, 4), 2)(x))
        [[[1. 1.]]]
    """

    axes = 2


class AvgPool2d(_AvgPool):
    """The mean of each window of images, channels first.

    Args:
        in_size: Shape of the inputs, `(channels, height, width)`.
        kernel_size: Height and width of a window; one number for both.
        stride: Steps between two windows along each axis; None for the size of a window.
        padding: Zeros on either side of each axis, which are counted, 0.
        name: Name of the module.

    Raises:
        ParameterError: An argument does not fit the others, or is of another kind.
        InputError: The input has another shape.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import AvgPool2d
        >>> x = jnp.array([[[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]])
        >>> print(AvgPool2d((1, 2, 4), 2)(x))
        [[[0.25 0.25]]]
    """

    axes = 2


class Flatten(OfShape):
    """All values of an input in one axis.

    Args:
        in_size: Shape of the inputs, without batch axes.
        name: Name of the module.

    Raises:
        InputError: The input has another shape.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import Flatten
        >>> Flatten((2, 4, 4))(jnp.zeros((5, 2, 4, 4))).shape
        (5, 32)
    """

    @checked(in_size=is_shape)
    def __init__(self, in_size: Size, name: str | None = None) -> None:
        super().__init__(in_size, name)
        self.out_size = math.prod(self.size)

    def update(self, x: Quantity) -> Quantity:
        """The values in one axis.

        Args:
            x: Values, shape `(*batch, *in_size)`.
        """
        return u.math.reshape(x, (*self.batch_of(x), math.prod(self.size)))
