"""The counterparts of layers without a state, and of delays."""

import brainstate
import brainunit as u
import nir
import numpy as np
from brainloom_core import Delay, ReluGrad
from brainloom_core.types import ArrayLike, Quantity
from brainloom_core.units import in_steps, show
from brainloom_training import Linear

from .boundary import TIME, NIRError, number, plain, quantity
from .cells import Strictly
from .counterpart import Context, Counterpart
from .deep import read_conv, read_flatten, read_pool
from .layers import Conv, Flatten, Input, Matrices, Output, Pool, Scale, Threshold
from .private import packed, surrogate, unpacked

__all__ = ["MAPS"]


def _array(values: ArrayLike) -> np.ndarray:
    return np.asarray(number(values))


# Ends


def _input_node(module: Input, context: Context) -> nir.NIRNode:
    return nir.Input(input_type={"input": np.array(module.in_size)})


def _input_module(node: nir.Input, context: Context) -> Input:
    return Input(context.shape)


def _output_node(module: Output, context: Context) -> nir.NIRNode:
    return nir.Output(output_type={"output": np.array(context.shape)})


def _output_module(node: nir.Output, context: Context) -> Output:
    return Output(context.shape)


# Linear maps


OURS = "brainloom_training.Linear"  # in the file: which of the two layers it was


def _linear_node(module: brainstate.nn.Linear, context: Context) -> nir.NIRNode:
    if len(module.in_size) != 1:
        raise NIRError(f"{context.name}: expected a map of vectors, got shape {module.in_size}")
    held = module.weight.value
    weight = held["weight"] if module.w_mask is None else held["weight"] * module.w_mask
    if module.w_mask is not None:
        context.report("mask", "approximated", "zeros in the weights; training may fill them")
    return _map_node(weight, held.get("bias"), context, {})


def _our_linear_node(module: Linear, context: Context) -> nir.NIRNode:
    bias = None if module.bias is None else module.bias.value
    return _map_node(module.weight.value, bias, context, {"layer": OURS})


def _map_node(
    weight: Quantity, bias: Quantity | None, context: Context, private: dict[str, str]
) -> nir.NIRNode:
    """The node of a map by weights `(n_in, n_out)`, with a bias where there is one."""
    unit = u.get_unit(weight)
    if unit != u.UNITLESS:
        context.report("units", "kept", f"weights in {unit} are numbers in mV or mA")
    matrix, metadata = _array(weight).T, packed(private)
    if bias is None:
        return nir.Linear(matrix, metadata=metadata)
    return nir.Affine(matrix, _array(bias), metadata=metadata)


def _linear_module(node: nir.Linear | nir.Affine, context: Context) -> brainstate.nn.Module:
    weight, bias = np.asarray(node.weight), getattr(node, "bias", None)
    if weight.ndim > 2:
        return Matrices(weight, bias)
    n_out, n_in = weight.shape
    dtype = brainstate.environ.dftype()
    offsets = None if bias is None else np.asarray(bias, dtype)
    if unpacked(node).get("layer") == OURS:
        return Linear(n_in, n_out, w_init=weight.T.astype(dtype), b_init=offsets)
    return brainstate.nn.Linear(n_in, n_out, w_init=weight.T.astype(dtype), b_init=offsets)


def _matrices_node(module: Matrices, context: Context) -> nir.NIRNode:
    weight = np.asarray(module.weight.value)
    if module.bias is None:
        return nir.Linear(weight)
    return nir.Affine(weight, np.asarray(module.bias.value))


def _scale_node(module: Scale, context: Context) -> nir.NIRNode:
    return nir.Scale(np.asarray(module.weight.value))


def _scale_module(node: nir.Scale, context: Context) -> Scale:
    return Scale(np.broadcast_to(node.scale, context.shape))


# Convolution and pooling


def _conv_node(module: Conv, context: Context) -> nir.NIRNode:
    weight = np.asarray(module.weight.value)
    bias = np.zeros(len(weight)) if module.bias is None else np.asarray(module.bias.value)
    if module.bias is None:
        context.report("bias", "kept", "none, zeros in the file")
    one = module.axes == 1
    padding = module.padding
    return (nir.Conv1d if one else nir.Conv2d)(
        input_shape=context.shape[-1] if one else context.shape[-2:],
        weight=weight,
        stride=module.stride[0] if one else module.stride,
        padding=padding[0] if one and not isinstance(padding, str) else padding,
        dilation=module.dilation[0] if one else module.dilation,
        groups=module.groups,
        bias=bias,
    )


def _pool_node(module: Pool, context: Context) -> nir.NIRNode:
    sizes = (np.array(value) for value in (module.kernel, module.stride, module.padding))
    return (nir.AvgPool2d if module.mean else nir.SumPool2d)(*sizes)


def _flatten_node(module: Flatten, context: Context) -> nir.NIRNode:
    return nir.Flatten({"input": np.array(module.in_size)}, module.start, module.end)


# Thresholds and delays


def _threshold_node(module: Threshold, context: Context) -> nir.NIRNode:
    strict, data = isinstance(module.spk_fun, Strictly), surrogate(module.spk_fun)
    rule = "a spike where v > threshold" if strict else "a spike where v >= threshold"
    context.report("threshold", "kept" if strict else "private", rule)
    if data is None:
        context.report("surrogate", "dropped", f"spk_fun is {module.spk_fun!r}")
    else:
        context.report("surrogate", "private", f"NIR has none; {module.spk_fun!r}")
    private = packed({} if data is None else {"spk_fun": data})
    return nir.Threshold(np.asarray(module.weight.value), metadata=private)


def _threshold_module(node: nir.Threshold, context: Context) -> Threshold:
    data = unpacked(node).get("spk_fun")
    if data is None:
        context.report("surrogate", "approximated", "not in the file: ReluGrad()")
    fallback = Strictly(ReluGrad()) if context.strict else ReluGrad()
    spk_fun = fallback if data is None else surrogate(data)
    return Threshold(np.broadcast_to(node.threshold, context.shape), spk_fun)


def _delay_node(module: Delay, context: Context) -> nir.NIRNode:
    if module.unit != u.UNITLESS:
        raise NIRError(f"{context.name}: expected a delay of numbers, got one of {module.unit}")
    _report_delay(module, context)
    if module.max_delay is not None or module.interpolate:
        context.report("delay", "private", "max_delay and interpolate")
    private = {"interpolate": module.interpolate}
    if module.max_delay is not None:
        private["max_delay"] = plain(module.max_delay, u.ms, ()).tolist()
    return nir.Delay(plain(module.delay, TIME, module.in_size), metadata=packed(private))


def _delay_module(node: nir.Delay, context: Context) -> Delay:
    private = unpacked(node)
    longest = private.get("max_delay")
    delay = Delay(
        context.shape,
        quantity(node.delay, TIME, u.ms),
        max_delay=None if longest is None else longest * u.ms,
        interpolate=private.get("interpolate", False),
    )
    _report_delay(delay, context)
    return delay


def _report_delay(module: Delay, context: Context) -> None:
    if context.dt is None:
        context.report("delay", "approximated", "rounded to whole steps, of a dt not known yet")
        return
    steps = np.asarray(in_steps(module.delay, context.dt))
    if module.interpolate or np.allclose(steps, np.round(steps), atol=1e-6):
        context.report("delay", "kept", f"steps of dt = {show(context.dt)}")
    else:
        context.report("delay", "approximated", f"rounded to steps of dt = {show(context.dt)}")


MAPS = (
    Counterpart(Input, nir.Input, _input_node, _input_module),
    Counterpart(Output, nir.Output, _output_node, _output_module),
    Counterpart(brainstate.nn.Linear, nir.Affine, _linear_node, _linear_module),
    Counterpart(brainstate.nn.Linear, nir.Linear, _linear_node, _linear_module),
    Counterpart(Linear, nir.Affine, _our_linear_node),
    Counterpart(Linear, nir.Linear, _our_linear_node),
    Counterpart(Matrices, nir.Affine, _matrices_node),
    Counterpart(Matrices, nir.Linear, _matrices_node),
    Counterpart(Scale, nir.Scale, _scale_node, _scale_module),
    Counterpart(Conv, nir.Conv1d, _conv_node, read_conv),
    Counterpart(Conv, nir.Conv2d, _conv_node, read_conv),
    Counterpart(Pool, nir.SumPool2d, _pool_node, read_pool),
    Counterpart(Pool, nir.AvgPool2d, _pool_node, read_pool),
    Counterpart(Flatten, nir.Flatten, _flatten_node, read_flatten),
    Counterpart(Threshold, nir.Threshold, _threshold_node, _threshold_module),
    Counterpart(Delay, nir.Delay, _delay_node, _delay_module),
)
