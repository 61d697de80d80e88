"""Layers without a state: NIR's linear maps, convolutions, poolings, thresholds and shapes."""

from collections.abc import Sequence
from math import prod

import brainstate
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    Constraint,
    ParameterError,
    ReluGrad,
    Surrogate,
    checked,
    flag,
    function,
    maybe,
    real_signature,
    whole,
)
from brainloom_core.types import ArrayLike, Quantity, Size
from brainloom_core.units import show
from jax import lax

from .cells import Strictly

__all__ = ["Conv", "Flatten", "Input", "Matrices", "Output", "Pool", "Scale", "Threshold"]


def _are_numbers(values: ArrayLike) -> bool:
    array = np.asarray(values)
    return array.dtype.kind in "biuf" and bool(np.all(np.isfinite(array)))


_numbers = Constraint("finite numbers without unit", _are_numbers)
_axis = Constraint("the number of an axis", lambda n: isinstance(n, (int, np.integer)))


class Stateless(brainstate.nn.Module):
    """Base of layers whose output depends on the present input alone."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        real_signature(cls)


class Port(Stateless):
    """Base of the ends of a graph, which hand on what they get."""

    def __init__(self, size: int | Sequence[int] | None) -> None:
        super().__init__()
        if size is not None:
            self.in_size = self.out_size = size

    def update(self, x: Quantity) -> Quantity:
        """Return the input.

        Args:
            x: Values, shape `(*batch, *size)`.
        """
        return x


class Input(Port):
    """Where values enter a graph.

    Args:
        size: Shape of the values, without batch axes.
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__(size)


class Output(Port):
    """Where values leave a graph.

    Args:
        size: Shape of the values, without batch axes; None, the default, for that of what arrives.
    """

    def __init__(self, size: int | Sequence[int] | None = None) -> None:
        super().__init__(size)


class Scale(Stateless):
    r"""Elementwise product, $y = s \odot x$.

    Args:
        scale: Factors $s$, of the shape of the values.

    Attributes:
        weight: The factors, `brainstate.ParamState`.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_nir import Scale
        >>> print(Scale([2.0, 3.0])(jnp.array([1.0, 1.0])))
        [2. 3.]
    """

    @checked(scale=_numbers)
    def __init__(self, scale: ArrayLike) -> None:
        super().__init__()
        self.weight = _trained(scale)
        self.in_size = self.out_size = np.shape(scale)

    def update(self, x: Quantity) -> Quantity:
        """Multiply.

        Args:
            x: Values, shape `(*batch, *in_size)`.
        """
        return x * self.weight.value


class Matrices(Stateless):
    r"""Several linear maps side by side, $y_k = W_k x_k + b_k$.

    Args:
        weight: Matrices, shape `(*k, n_out, n_in)`.
        bias: Offsets, shape `(*k, n_out)`, or None for none.

    Attributes:
        weight: The matrices, `brainstate.ParamState`.
        bias: The offsets, `brainstate.ParamState`, or None.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_nir import Matrices
        >>> print(Matrices(jnp.array([[1.0, 2.0]]), bias=[0.5])(jnp.array([1.0, 1.0])))
        [3.5]
    """

    @checked(weight=_numbers, bias=maybe(_numbers))
    def __init__(self, weight: ArrayLike, bias: ArrayLike | None = None) -> None:
        super().__init__()
        *several, n_out, n_in = np.shape(weight)
        self.weight, self.bias = _trained(weight), None if bias is None else _trained(bias)
        self.in_size, self.out_size = (*several, n_in), (*several, n_out)

    def update(self, x: Quantity) -> Quantity:
        """Map each row by its matrix.

        Args:
            x: Values, shape `(*batch, *k, n_in)`.

        Returns:
            Values, shape `(*batch, *k, n_out)`.
        """
        y = jnp.einsum("...mn,...n->...m", self.weight.value, x)
        return y if self.bias is None else y + self.bias.value


class Threshold(Stateless):
    r"""Spikes of potentials that nothing resets: 1 where $v > \theta$, else 0.

    Args:
        threshold: Threshold $\theta$, of the shape of the values.
        spk_fun: Spike function with a surrogate gradient.

    Attributes:
        weight: The thresholds, `brainstate.ParamState`.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_nir import Threshold
        >>> print(Threshold([1.0, 1.0])(jnp.array([1.0, 1.5])))
        [0. 1.]
    """

    @checked(threshold=_numbers, spk_fun=function)
    def __init__(self, threshold: ArrayLike, spk_fun: Surrogate = Strictly(ReluGrad())) -> None:
        super().__init__()
        self.weight, self.spk_fun = _trained(threshold), spk_fun
        self.in_size = self.out_size = np.shape(threshold)

    def update(self, x: Quantity) -> Quantity:
        """Compare.

        Args:
            x: Potentials as numbers, shape `(*batch, *in_size)`.

        Returns:
            Spikes of the same shape.
        """
        return self.spk_fun(x - self.weight.value)


class Flatten(Stateless):
    """Join neighbouring axes of the values into one.

    Args:
        in_size: Shape of the values, without batch axes.
        start: The first axis to join, batch axes not counted.
        end: The last one.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_nir import Flatten
        >>> Flatten((2, 4, 4), start=1)(jnp.zeros((5, 2, 4, 4))).shape
        (5, 2, 16)
    """

    @checked(start=_axis, end=_axis)
    def __init__(self, in_size: Sequence[int], start: int = 0, end: int = -1) -> None:
        super().__init__()
        shape, n = tuple(in_size), len(in_size)
        self.start, self.end = (axis + n if axis < 0 else axis for axis in (start, end))
        if not 0 <= self.start <= self.end < n:
            raise ParameterError(
                f"Flatten: expected axes of a shape with {n}, start before end, got start = "
                f"{start}, end = {end}"
            )
        joined = prod(shape[self.start : self.end + 1])
        self.in_size = shape
        self.out_size = (*shape[: self.start], joined, *shape[self.end + 1 :])

    def update(self, x: Quantity) -> Quantity:
        """Reshape.

        Args:
            x: Values, shape `(*batch, *in_size)`.

        Returns:
            Values, shape `(*batch, *out_size)`.
        """
        batch = np.shape(x)[: np.ndim(x) - len(self.in_size)]
        return jnp.reshape(x, (*batch, *self.out_size))


class Conv(Stateless):
    """Convolution over one or two axes, channels first.

    Args:
        weight: Kernels, shape `(out, in / groups, *kernel)`.
        bias: One number per output channel, or None for none.
        stride: Step along each axis.
        padding: Zeros on either side of each axis, `"same"` or `"valid"`.
        dilation: Distance between the elements of the kernel along each axis.
        groups: Into how many groups, each convolved on its own, channels are divided.

    Attributes:
        weight: The kernels, `brainstate.ParamState`.
        bias: The offsets, `brainstate.ParamState`, or None.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_nir import Conv
        >>> Conv(jnp.ones((4, 2, 3, 3)), padding="same")(jnp.zeros((2, 8, 8))).shape
        (4, 8, 8)
    """

    @checked(weight=_numbers, bias=maybe(_numbers), groups=whole)
    def __init__(
        self,
        weight: ArrayLike,
        bias: ArrayLike | None = None,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.axes = np.ndim(weight) - 2
        if self.axes not in (1, 2):
            raise ParameterError(
                "Conv.weight: expected kernels of shape (out, in, n) or (out, in, n, m), got "
                f"{show(weight)}"
            )
        self.weight, self.bias = _trained(weight), None if bias is None else _trained(bias)
        self.stride, self.dilation = each(stride, self.axes), each(dilation, self.axes)
        self.groups = int(groups)
        self.padding: str | tuple[int, ...] = (
            padding if isinstance(padding, str) else each(padding, self.axes)
        )
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ParameterError(
                f"Conv.padding: expected numbers, 'same' or 'valid', got {padding!r}"
            )
        if self.padding == "same" and set(self.stride) != {1}:
            raise ParameterError(
                f"Conv.padding: expected numbers where a stride is not 1, got 'same' with stride "
                f"{self.stride}"
            )

    def update(self, x: Quantity) -> Quantity:
        """Convolve, all axes before the channels being batch axes.

        Args:
            x: Values, shape `(*batch, channels, *axes)`.

        Returns:
            Values of the same axes, with the channels and lengths that result.
        """
        x, weight = jnp.asarray(x), self.weight.value
        batch = x.shape[: x.ndim - self.axes - 1]
        y = lax.conv_general_dilated(
            jnp.reshape(x, (-1, *x.shape[len(batch) :])).astype(weight.dtype),
            weight,
            self.stride,
            self._pads(),
            rhs_dilation=self.dilation,
            feature_group_count=self.groups,
        )
        if self.bias is not None:
            y = y + self.bias.value.reshape(-1, *(1,) * self.axes)
        return jnp.reshape(y, (*batch, *y.shape[1:]))

    def _pads(self) -> list[tuple[int, int]]:
        if not isinstance(self.padding, str):
            return [(n, n) for n in self.padding]
        if self.padding == "valid":
            return [(0, 0)] * self.axes
        kernel = self.weight.value.shape[2:]
        more = [d * (k - 1) for d, k in zip(self.dilation, kernel, strict=True)]
        return [(n // 2, n - n // 2) for n in more]


class Pool(Stateless):
    """Sums or means over windows of the last two axes; zeros beyond the edge are counted.

    Args:
        kernel: Height and width of the window.
        stride: Step along each axis.
        padding: Zeros on either side of each axis.
        mean: Whether the sums are divided by the size of the window.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_nir import Pool
        >>> print(Pool(kernel=2, stride=2)(jnp.ones((1, 4, 4))))
        [[[4. 4.]
          [4. 4.]]]
    """

    @checked(mean=flag)
    def __init__(self, kernel: Size, stride: Size, padding: Size = 0, mean: bool = False) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding = (
            each(value, 2) for value in (kernel, stride, padding)
        )
        self.mean = mean

    def update(self, x: Quantity) -> Quantity:
        """Pool.

        Args:
            x: Values, shape `(*batch, height, width)`.
        """
        x = jnp.asarray(x, brainstate.environ.dftype())
        others = (1,) * (x.ndim - 2)
        pads = [(0, 0)] * len(others) + [(n, n) for n in self.padding]
        window, stride = (*others, *self.kernel), (*others, *self.stride)
        total = lax.reduce_window(x, 0.0, lax.add, window, stride, pads)
        return total / prod(self.kernel) if self.mean else total


def each(value: Size, axes: int) -> tuple[int, ...]:
    """One whole number per axis, from one for all or one for each."""
    values = np.atleast_1d(np.asarray(value))
    values = np.repeat(values, axes) if values.size == 1 else values
    if values.shape != (axes,):
        raise ParameterError(f"expected a number, or one for each of {axes} axes, got {value!r}")
    return tuple(int(n) for n in values)


def _trained(values: ArrayLike) -> brainstate.ParamState:
    return brainstate.ParamState(jnp.asarray(values, brainstate.environ.dftype()))
