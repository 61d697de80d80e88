"""The counterparts of the layers of brainloom-training."""

from typing import Any

import brainunit as u
import nir
import numpy as np
from brainloom_core.types import Quantity
from brainloom_training import TDBN, AvgPool1d, AvgPool2d, Conv1d, Conv2d, Dropout, Flatten

from .boundary import NIRError, number
from .counterpart import Context, Counterpart
from .layers import Conv, Pool
from .layers import Flatten as AnyFlatten
from .private import packed, unpacked

__all__ = ["DEEP", "read_conv", "read_flatten", "read_pool"]

OURS = "brainloom_training"  # in the file: whose layer it was


def _mark() -> dict[str, Any]:
    return packed({"layer": OURS})


def _is_ours(node: nir.NIRNode) -> bool:
    return unpacked(node).get("layer") == OURS


def _conv_node(module: Conv1d | Conv2d, context: Context) -> nir.NIRNode:
    pads = [low for low, high in module.pads if low == high]
    if len(pads) < module.axes:
        raise NIRError(
            f"{context.name}: expected as many zeros on both sides, got {module.pads} (before, "
            "after). Give padding as numbers, or a kernel and a stride that fit padding='same'"
        )
    unit = u.get_unit(module.weight.value)
    if unit != u.UNITLESS:
        context.report("units", "kept", f"weights in {unit} are numbers in mV or mA")
    bias = None if module.bias is None else module.bias.value
    if bias is None:
        context.report("bias", "kept", "none, zeros in the file")
    return _conv(
        module.size,
        np.moveaxis(_array(module.weight.value), (-1, -2), (0, 1)),
        None if bias is None else _array(bias),
        {"stride": module.stride, "padding": tuple(pads), "dilation": module.dilation},
        module.groups,
        _mark(),
    )


def _conv(
    size: tuple[int, ...],
    weight: np.ndarray,
    bias: np.ndarray | None,
    moved: dict[str, tuple[int, ...]],
    groups: int,
    metadata: dict[str, Any],
) -> nir.NIRNode:
    one = len(size) == 2
    given = {name: values[0] if one else values for name, values in moved.items()}
    return (nir.Conv1d if one else nir.Conv2d)(
        input_shape=size[1] if one else size[1:],
        weight=weight,
        bias=np.zeros(len(weight)) if bias is None else bias,
        groups=groups,
        metadata=metadata,
        **given,
    )


def read_conv(node: nir.NIRNode, context: Context) -> Any:
    """The convolution that it was."""
    weight, bias = np.asarray(node.weight), np.asarray(node.bias)
    if not _is_ours(node):
        return Conv(weight, bias, node.stride, node.padding, node.dilation, int(node.groups))
    kind = Conv1d if weight.ndim == 3 else Conv2d
    moved: dict[str, Any] = {
        name: tuple(int(n) for n in np.atleast_1d(getattr(node, name)))
        for name in ("stride", "padding", "dilation")
    }
    return kind(
        context.shape,
        len(weight),
        weight.shape[2:],
        groups=int(node.groups),
        w_init=np.moveaxis(weight, (0, 1), (-1, -2)),
        b_init=bias if bias.any() else None,
        **moved,
    )


def _mean_node(module: AvgPool2d, context: Context) -> nir.NIRNode:
    pads = tuple(low for low, _ in module.pads)
    sizes = (np.array(value) for value in (module.kernel_size, module.stride, pads))
    return nir.AvgPool2d(*sizes, metadata=_mark())


def read_pool(node: nir.NIRNode, context: Context) -> Any:
    """The pooling layer that it was."""
    mean = isinstance(node, nir.AvgPool2d)
    if mean and _is_ours(node):
        kernel, stride, padding = (
            tuple(int(n) for n in np.broadcast_to(value, 2))
            for value in (node.kernel_size, node.stride, node.padding)
        )
        return AvgPool2d(context.shape, kernel, stride, padding)
    pool = Pool(node.kernel_size, node.stride, node.padding, mean)
    if mean and any(pool.padding):
        text = "NIR does not say whether zeros beyond the edge count; they do, as in PyTorch"
        context.report("padding", "approximated", text)
    return pool


def _mean_line_node(module: AvgPool1d, context: Context) -> nir.NIRNode:
    context.report("pooling", "kept", "a convolution, since NIR pools images only")
    channels, (length,) = module.size[0], module.kernel_size
    weight = np.full((channels, 1, length), 1.0 / length)
    moved = {"stride": module.stride, "padding": (module.pads[0][0],), "dilation": (1,)}
    return _conv(module.size, weight, None, moved, channels, {})


def _flatten_node(module: Flatten, context: Context) -> nir.NIRNode:
    last = len(module.size) - 1
    return nir.Flatten({"input": np.array(module.size)}, 0, last, metadata=_mark())


def read_flatten(node: nir.Flatten, context: Context) -> Any:
    """The layer that it was."""
    if _is_ours(node):
        return Flatten(context.shape)
    return AnyFlatten(context.shape, int(node.start_dim), int(node.end_dim))


def _dropout_node(module: Dropout, context: Context) -> nir.NIRNode:
    context.report("dropout", "dropped", "what is trained drops values, what runs does not")
    return nir.Scale(np.ones(module.size))


def _norm_node(module: TDBN, context: Context) -> nir.NIRNode:
    context.report("norm", "kept", "by its running means, a product and a sum in the file")
    unit = u.get_unit(module.scale.value)
    if unit != u.UNITLESS:
        context.report("units", "kept", f"outputs in {unit} are numbers in mV or mA")
    variance = np.asarray(module.running_var.value, np.float64) + module.eps
    factor = _array(module.scale.value) / np.sqrt(variance)
    of_input = float(number(1.0 * unit))  # what 1 on the edge is in the unit of the layer
    bias = _array(module.bias.value) - factor * np.asarray(module.running_mean.value)
    factor = factor / of_input
    if len(module.size) == 1:
        return nir.Affine(np.diag(factor), bias)
    axes = len(module.size) - 1
    still = {"stride": (1,) * axes, "padding": (0,) * axes, "dilation": (1,) * axes}
    weight = factor.reshape(-1, *(1,) * (axes + 1))
    return _conv(module.size, weight, bias, still, len(factor), {})


def _array(values: Quantity) -> np.ndarray:
    return np.asarray(number(values), np.float64)


DEEP = (
    Counterpart(Conv1d, nir.Conv1d, _conv_node),
    Counterpart(Conv2d, nir.Conv2d, _conv_node),
    Counterpart(AvgPool1d, nir.Conv1d, _mean_line_node),
    Counterpart(AvgPool2d, nir.AvgPool2d, _mean_node),
    Counterpart(Flatten, nir.Flatten, _flatten_node),
    Counterpart(Dropout, nir.Scale, _dropout_node),
    Counterpart(TDBN, nir.Affine, _norm_node),
    Counterpart(TDBN, nir.Conv2d, _norm_node),
)
