"""`diagnose`: why a network does not learn, with what to do about it.

Every check is a function from an `Observation` to the findings that it has, and its threshold is
a constant that stands above it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core.context import current_dt
from brainloom_core.types import PyTree
from brainloom_core.units import show

from .observation import Layer, Observation, dotted, initialize, observe, short_states, slope_of
from .types import Measure, Parameters

__all__ = ["Finding", "Report", "diagnose"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: What it is, such as `"silent layer"`.
        where: Dotted path of the layer, parameter, module or state that has it.
        detail: What was seen, in words with numbers.
        remedy: What to do about it, in words with numbers.
        numbers: The numbers.
    """

    kind: str
    where: str
    detail: str
    remedy: str
    numbers: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind} at {self.where}: {self.detail}. Remedy: {self.remedy}."


@dataclass(frozen=True)
class Report:
    """What `diagnose` saw: prints as a table of the layers and a list of findings.

    Attributes:
        findings: What is wrong, empty for a healthy network.
        loss: The loss of the batch.
        table: What was measured of each spiking layer, by its path.
    """

    findings: tuple[Finding, ...]
    loss: float
    table: dict[str, dict[str, float]]

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def __bool__(self) -> bool:
        return self.healthy

    def __str__(self) -> str:
        width = max(len(name) for name in ("layer", *self.table))
        columns = list(next(iter(self.table.values())))
        lines = [f"loss {self.loss:.4g}", "  ".join([f"{'layer':<{width}}", *columns])]
        for name, row in self.table.items():
            cells = (f"{value:{len(column)}.3g}" for column, value in row.items())
            lines.append("  ".join([f"{name:<{width}}", *cells]))
        found = [f"- {finding}" for finding in self.findings]
        return "\n".join([*lines, *(found or ["nothing found"])])


def diagnose(
    model: brainstate.nn.Module,
    loss: Measure,
    xs: PyTree,
    ys: PyTree,
    parameters: Parameters | None = None,
    *,
    train_step: Callable[[PyTree, PyTree], object] | None = None,
) -> Report:
    r"""Run a model over one batch, forward and backward, and say what keeps it from learning.

    For each spiking layer it looks at the spikes, at the distance to threshold
    $z = (V - V_\mathrm{th}) / s$ that the spike function sees, at $\partial L / \partial V_t$ for
    the potential with which each step begins, and at the factor $\varrho$ by which a small change
    of the layer's own states grows in a step of the linearised network, the other layers held
    (the leading Lyapunov exponent of the surrogate's backward pass, which for a step that does not
    change is the logarithm of the spectral radius).

    The states are the initial ones afterwards, and the parameters what they were.

    Args:
        model: A module whose call advances it by one step.
        loss: A function of outputs `(T, *batch, n_out)` and targets, that gives a number.
        xs: Inputs, time first, `(T, *batch, n_in)`, or a tuple of them.
        ys: Targets, as the loss takes them.
        parameters: What is trained, a dictionary of states as `model.states(...)` gives; all
            `brainstate.ParamState` of the model.
        train_step: A function `(xs, ys)` that runs the model and updates it, None to leave out
            the check whether it resets the states.

    Raises:
        InputError: The model has no spiking layer.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_core import Neuron, initializer, param, state
        >>> from brainloom_training import LeakyRateReadout, diagnose
        >>> class Cell(Neuron):
        ...     V_th = param(default=1.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     V_reset, tau = 0.0 * u.mV, 20.0 * u.ms
        ...     def dV(self, V, I):
        ...         return (1.0 * u.ohm * I - V) / self.tau
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> model = brainstate.nn.Sequential(Cell(2), LeakyRateReadout(2, 1))
        >>> currents = jnp.full((50, 2), 0.5) * u.mA
        >>> report = diagnose(model, lambda out, y: ((out - y) ** 2).mean(), currents, 1.0)
        >>> print(report.findings[0].kind, "at", report.findings[0].where)
        silent layer at layers.0
        >>> print(report.findings[0].detail)
        the drive is too weak: V comes 46% of the way to threshold at most
    """
    seen = observe(model, loss, xs, ys, parameters)
    checks = (_finite, _time_constants, _labels, _resets)
    found = [finding for check in checks for finding in check(seen)]
    if not any(finding.kind == "not finite" for finding in found):
        found += [finding for check in _CHECKS for finding in check(seen)]
    if train_step is not None:
        found += _leftovers(seen, xs, ys, train_step)
    initialize(model, xs)
    table = {layer.name: _row(layer) for layer in seen.layers}
    return Report(tuple(found), seen.loss, table)


def _row(layer: Layer) -> dict[str, float]:
    slope = _slopes(layer)
    return {
        "spikes/step": float(layer.spikes.mean()),
        "silent": float((layer.share == 0.0).mean()),
        "saturated": float((layer.share > SATURATED).mean()),
        "in surrogate": float((slope > NEGLIGIBLE).mean()),
        "growth": layer.growth,
        "|dL/dV| first": float(_norms(layer)[0]),
        "|dL/dV| last": float(_norms(layer)[-1]),
    }


# What makes all other numbers void


def _finite(seen: Observation) -> Iterator[Finding]:
    """The first layer and step that is not finite, and the parameters and gradients."""
    for name, value in seen.parameters.items():
        if not np.isfinite(value).all():
            share = 1.0 - np.isfinite(value).mean()
            remedy = "go back to the last finite values and take smaller steps"
            yield Finding("not finite", name, f"{share:.0%} of the parameter", remedy)
            return
    broken = {
        layer.name: int(np.argmin(finite))
        for layer in seen.layers
        if not (finite := np.isfinite(layer.V).all((1, 2))).all()
    }
    if broken:
        first = min(broken, key=lambda name: broken[name])
        detail = f"V is not finite from step {broken[first]} on"
        remedy = "make dt smaller, or what feeds it, and look at its time constants"
        yield Finding("not finite", first, detail, remedy, {"step": broken[first]})
    elif not np.isfinite(seen.outputs).all():
        yield Finding(
            "not finite",
            "outputs",
            "the states are finite, the outputs are not",
            "look at what follows the last spiking layer",
        )
    elif not np.isfinite(seen.loss):
        yield Finding(
            "not finite",
            "loss",
            f"the outputs are finite, the loss is {seen.loss}",
            "look for a logarithm or a division of zero in the loss",
        )
    else:
        names = [n for n, value in seen.gradients.items() if not np.isfinite(value).all()]
        if names:
            detail = f"the loss is finite, the gradient is not, for {', '.join(names)}"
            remedy = "look for a root, a norm or a division at zero"
            yield Finding("not finite", names[0], detail, remedy)


# Spikes

# Above this share of the spikes that it could have, a neuron has nothing left to say by its rate:
# at 0.9 it is off in one step of ten.
SATURATED = 0.9
# More of the neurons silent, or saturated, on a whole batch than this: less than a third of the
# layer takes part. (At good initial values spikes are sparse, and half is silent on a small batch.)
MOST = 2 / 3
# Spikes per neuron and step to which a remedy aims: between the 0.01 and the 0.1 that trained
# networks with steps of 1 ms have.
AIM = 0.05


def _activity(seen: Observation) -> Iterator[Finding]:
    """Layers that do not spike, or do in every step; or most of their neurons."""
    starved = False  # a layer without drive behind one without spikes
    for layer in seen.layers:
        silent, full = (layer.share == 0.0).mean(), (layer.share > SATURATED).mean()
        if silent == 1.0 and not (starved and _reached(layer) <= 0.0):
            starved = True
            yield _silent(seen, layer)
        elif MOST < silent < 1.0:
            detail = f"{silent:.0%} of the neurons have no spike on the whole batch"
            yield Finding(
                "dead neurons", layer.name, detail, _rescale(seen, layer), {"share": silent}
            )
        if full > MOST:
            detail = f"{full:.0%} of the neurons spike in nearly every step that they could"
            yield Finding(
                "saturated neurons", layer.name, detail, _rescale(seen, layer), {"share": full}
            )


def _silent(seen: Observation, layer: Layer) -> Finding:
    reached = _reached(layer)
    if reached <= 0.0:
        detail = (
            "no potential comes nearer to threshold than it starts: the drive is zero or negative"
        )
        remedy = f"look at the inputs, and at the signs of {_names(seen, layer)}"
        return Finding("silent layer", layer.name, detail, remedy, {"reached": reached})
    detail = f"the drive is too weak: V comes {reached:.0%} of the way to threshold at most"
    return Finding("silent layer", layer.name, detail, _rescale(seen, layer), {"reached": reached})


def _reached(layer: Layer) -> float:
    """The part of the way to threshold that any potential makes."""
    start = layer.start.mean()
    return float((layer.z.max() - start) / -start) if start < 0.0 else 0.0


def _rescale(seen: Observation, layer: Layer) -> str:
    """By what to multiply the weights of a layer, tried on this batch."""
    factors = np.geomspace(1e-3, 1e3, 61)
    names = seen.feeding(layer.name)
    rates = seen.replay(layer.name, names, factors)
    best = np.argmin(abs(np.log((rates + 1e-6) / AIM)))
    what = ", ".join(names) if names else "the inputs"
    return (
        f"multiply {what} by about {factors[best]:.2g} (tried: then {rates[best]:.2g} spikes per "
        "neuron and step)"
    )


def _names(seen: Observation, layer: Layer) -> str:
    return ", ".join(seen.feeding(layer.name)) or "what feeds it"


# The surrogate derivative

# A slope below this share of that at threshold: a gradient through it is lost among the others.
NEGLIGIBLE = 0.01
# With fewer samples than this in the surrogate, most neurons learn in no step of a batch.
FEW = 0.01
# Where the slope is above this share of the largest almost everywhere, it is a constant, and
# does not know of the threshold.
FLAT = 0.9


def _surrogate(seen: Observation) -> Iterator[Finding]:
    """The width of the surrogate against the spread of the distance to threshold."""
    for layer in seen.layers:
        slope, spread = _slopes(layer), float(np.median(abs(layer.z)))
        inside, width = float((slope > NEGLIGIBLE).mean()), _width(layer)
        numbers = {"inside": inside, "spread": spread, "width": width}
        if inside < FEW:
            detail = (
                f"{inside:.1%} of the samples are where the surrogate has a slope: it reaches to "
                f"|z| = {width:.2g}, and the median of |z| is {spread:.2g}"
            )
            remedy = f"make the surrogate about {spread / max(width, 1e-6):.2g} times as wide"
            yield Finding("narrow surrogate", layer.name, detail, remedy, numbers)
        elif np.quantile(slope, 0.05) > FLAT and np.ptp(layer.z) > 0.0:
            far = float(np.quantile(abs(layer.z), 0.95))
            detail = (
                f"the surrogate is flat: its slope is above {FLAT:.0%} of the largest for 95% of "
                f"the samples, up to |z| = {far:.2g}"
            )
            remedy = f"make the surrogate narrower, so that it falls to half at |z| = {spread:.2g}"
            yield Finding("flat surrogate", layer.name, detail, remedy, numbers)


def _slopes(layer: Layer) -> np.ndarray:
    """The surrogate's slope for all samples, as a share of that at threshold."""
    slope, peak = (abs(slope_of(layer.module.spk_fun, np.ravel(z))) for z in (layer.z, _ZERO))
    return np.asarray(slope / jnp.where(peak > 0.0, peak, 1.0))


_ZERO = np.zeros(1, np.float32)


def _width(layer: Layer) -> float:
    """The largest distance at which the surrogate has a slope."""
    near = np.geomspace(1e-8, 1e4, 2001)
    z = np.concatenate([-near[::-1], [0.0], near]).astype(np.float32)
    slope = abs(slope_of(layer.module.spk_fun, z))
    return float(abs(z)[slope > NEGLIGIBLE * slope[len(near)]].max(initial=0.0))


# Gradients through time

# Growth of a gradient over the sequence that counts as an explosion. In a healthy network it
# rises from the last step back, as contributions of more steps add up and pass the filters of
# membranes and readout: by some hundreds.
EXPLODED = 1e4
# Below this share of its largest value, a gradient in float32 (rounding 6e-8) is lost in sums
# with what arrives from later steps.
VANISHED = 1e-6


def _through_time(seen: Observation) -> Iterator[Finding]:
    """Growth and decay of the gradient from the last step back to the first."""
    for layer in seen.layers:
        norms = _norms(layer)
        if not norms.any():
            continue
        ratio, length = _ratio(norms), len(norms)
        numbers = {"ratio": ratio, "first": float(norms[0]), "last": float(norms[-1])}
        detail = f"|dL/dV| has a ratio of {ratio:.3g} per step back"
        if _grown(ratio, length) > EXPLODED:
            detail += f", {norms.max():.2g} at most, {norms[-1]:.2g} in the last step"
            remedy = (
                f"multiply the layer's weights to itself, or its surrogate's height, by about "
                f"{1.0 / ratio:.2g}; or clip the gradient, or detach it every "
                f"{max(1, int(np.log(EXPLODED) / np.log(ratio)))} steps (rollout: segment, detach)"
            )
            yield Finding("exploding gradient", layer.name, detail, remedy, numbers)
        elif np.median(norms[: length // 2]) < VANISHED * norms.max():
            reach = int((norms > VANISHED * norms.max()).sum())
            detail += f", and reaches {reach} of {length} steps"
            remedy = (
                f"make the time constants longer (to bridge {length} steps: above "
                f"{length / 5:.3g} dt), widen the surrogate, or have a loss at more steps"
            )
            yield Finding(
                "vanishing gradient", layer.name, detail, remedy, {**numbers, "reach": reach}
            )


def _norms(layer: Layer) -> np.ndarray:
    return np.sqrt(np.sum(np.square(layer.gradient, dtype=np.float64), (1, 2)))


def _grown(ratio: float, length: int) -> float:
    """By how much that grows over so many steps; infinite rather than an error."""
    with np.errstate(over="ignore"):
        return float(np.float64(ratio) ** length)


def _ratio(norms: np.ndarray) -> float:
    """Growth per step back, of a straight line through the logarithms of what has not vanished."""
    steps = np.flatnonzero(norms > VANISHED * norms.max())
    if len(steps) < 2:
        return 1.0
    return float(np.exp(-np.polyfit(steps, np.log(norms[steps]), 1)[0]))


def _recurrence(seen: Observation) -> Iterator[Finding]:
    """Layers whose own loop amplifies changes."""
    for layer in seen.layers:
        length = len(layer.V)
        if _grown(layer.growth, length) > EXPLODED:
            detail = (
                f"the spectral radius of the linearised step of the layer is {layer.growth:.3g}: "
                f"over {length} steps a change grows {_grown(layer.growth, length):.2g} fold"
            )
            remedy = (
                f"multiply its recurrent weights by about {1.0 / layer.growth:.2g}, or lower the "
                "surrogate's slope by that"
            )
            numbers = {"radius": layer.growth}
            yield Finding("unstable recurrence", layer.name, detail, remedy, numbers)


# Gradients of parameters and the scale of the loss

# The gradients of layers, relative to their weights, further apart than this need steps that
# differ as much: with one learning rate the slow layer stands still.
APART = 1e4
# A gradient as large as this times the weights moves them by their own size in one step of 0.001.
LARGE = 1e3
# Ten times the epsilon of Adam (1e-8): below, its steps shrink with the gradient.
SMALL = 1e-7


def _parameters(seen: Observation) -> Iterator[Finding]:
    """Parameters without a gradient, and gradients of very different or extreme size."""
    zero = [name for name, gradient in seen.gradients.items() if not np.any(gradient)]
    for name in zero:
        if name in seen.unused:
            detail = "its gradient is zero whatever the inputs are: the loss does not depend on it"
            remedy = (
                "use it, take it from the parameters, or look for a stop_gradient, a comparison "
                "or a rounding in between"
            )
            yield Finding("no gradient", name, detail, remedy)
    if not any((layer.share == 0.0).all() for layer in seen.layers):  # which has that reason
        for name in set(zero) - set(seen.unused):
            detail = "its gradient is zero on this batch"
            remedy = "look whether its inputs are zero, or widen the surrogate behind it"
            yield Finding("zero gradient", name, detail, remedy)
    yield from _scales(seen, [name for name in seen.gradients if name not in zero])


def _scales(seen: Observation, names: list[str]) -> Iterator[Finding]:
    sizes = {n: (_rms(seen.gradients[n]), _rms(seen.parameters[n])) for n in names}
    relative = {n: g / p for n, (g, p) in sizes.items() if p > 0.0 and seen.gradients[n].ndim > 1}
    if not relative:
        return
    low, high = (pick(relative, key=lambda n: relative[n]) for pick in (min, max))
    apart, largest = relative[high] / relative[low], max(g for g, _ in sizes.values())
    if apart > APART:
        detail = f"its gradient over its size is {apart:.2g} times smaller than that of {high}"
        remedy = (
            f"give it a learning rate about {apart:.1g} times larger, use Adam, or bring the "
            "layers to similar rates and surrogates"
        )
        yield Finding("unequal gradients", low, detail, remedy, {"ratio": apart})
    if relative[high] > LARGE:
        detail = f"the gradient of {high} is {relative[high]:.2g} times its weights"
        remedy = f"divide the loss by about {relative[high]:.1g}, or clip the gradient"
        yield Finding("large loss", "loss", detail, remedy, {"relative": relative[high]})
    elif largest < SMALL:
        detail = f"the largest gradient is {largest:.2g}, {high} has it"
        remedy = f"multiply the loss by about {1e-3 / largest:.1g}"
        yield Finding("small loss", "loss", detail, remedy, {"largest": largest})


def _rms(value: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(value, dtype=np.float64))))


# Outputs and targets


def _outputs(seen: Observation) -> Iterator[Finding]:
    """Outputs that say nothing, or cannot be what they should."""
    if np.ptp(seen.outputs) == 0.0:
        detail = f"every output is {seen.outputs.flat[0]:.3g} in all steps and samples"
        remedy = "see whether the layer before spikes, and whether the readout's weights are zero"
        yield Finding("constant output", "outputs", detail, remedy)
    targets = np.asarray(u.get_mantissa(seen.targets))
    if not np.issubdtype(targets.dtype, np.floating) or not targets.size:
        return
    low, high = targets.min(), targets.max()
    if np.isin(seen.outputs, (0.0, 1.0)).all() and not 0.0 <= low <= high <= 1.0:
        detail = f"outputs are spikes, 0 or 1, and targets reach from {low:.3g} to {high:.3g}"
        remedy = "read the spikes out by LeakyRateReadout, or bring the targets to between 0 and 1"
        yield Finding("unreachable targets", "outputs", detail, remedy)


def _labels(seen: Observation) -> Iterator[Finding]:
    """Whole numbers as targets that are no numbers of outputs: jax would clip them in silence."""
    targets = np.asarray(u.get_mantissa(seen.targets))
    if np.issubdtype(targets.dtype, np.integer) and targets.size and seen.outputs.ndim:
        n = seen.outputs.shape[-1]
        if targets.min() < 0 or targets.max() >= n:
            detail = (
                f"labels reach from {targets.min()} to {targets.max()}, and there are {n} outputs"
            )
            remedy = (
                f"make {targets.max() + 1} outputs" if targets.min() >= 0 else "count labels from 0"
            )
            yield Finding("labels", "outputs", detail, remedy)


# Time and states


def _time_constants(seen: Observation) -> Iterator[Finding]:
    """Time constants that are shorter than a step."""
    dt = current_dt()
    for path, module in seen.model.nodes().items():
        for name in (n for n in vars(module) if n.startswith("tau") and n != "tau_ref"):
            tau = getattr(module, name)
            tau = getattr(tau, "value", tau)
            if isinstance(tau, u.Quantity) and tau.dim == dt.dim and bool(u.math.any(tau < dt)):
                least = u.math.min(tau)
                detail = f"{name} = {show(least)} is shorter than dt = {show(dt)}"
                remedy = f"take dt = {show(least / 5.0)} or less, or a longer {name}"
                yield Finding("short time constant", dotted(path), detail, remedy)


def _resets(seen: Observation) -> Iterator[Finding]:
    """States that are where the batch left them after `reset_all_states`."""
    for name, state in short_states(seen.model).items():
        state.value = seen.final[name]
    brainstate.nn.reset_all_states(seen.model)
    for name, state in short_states(seen.model).items():
        final = seen.final[name]
        if _same(state.value, final) and not _same(final, seen.initial[name]):
            detail = "brainstate.nn.reset_all_states leaves it as the last batch did"
            owner = name.rpartition(".")[0] or "the model"
            remedy = f"give {owner} a method reset_state that writes the initial value"
            yield Finding("state not reset", name, detail, remedy)


def _leftovers(
    seen: Observation, xs: PyTree, ys: PyTree, train_step: Callable[[PyTree, PyTree], object]
) -> Iterator[Finding]:
    """States that a second training step takes over from the first.

    With the parameters put back in between, two steps on one batch end in the same states, unless
    the second began where the first had ended.
    """
    short = short_states(seen.model)
    others = [s for s in seen.model.states().values() if not any(s is it for it in short.values())]
    others.append(brainstate.random.DEFAULT)
    before = [state.value for state in others]
    ends = []
    for _ in range(2):
        for state, value in zip(others, before, strict=True):
            state.value = value
        train_step(xs, ys)
        ends.append({name: state.value for name, state in short.items()})
    for state, value in zip(others, before, strict=True):
        state.value = value
    names = [name for name in short if not _same(ends[0][name], ends[1][name])]
    if names:
        detail = f"the same step from the same parameters ends otherwise: {', '.join(names)}"
        remedy = "call brainstate.nn.reset_all_states(model) as the training step begins"
        yield Finding("batch not reset", "train_step", detail, remedy)


def _same(a: object, b: object) -> bool:
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.allclose(x, y, rtol=1e-5, atol=0.0, equal_nan=True) for x, y in pairs)


_CHECKS = (_activity, _surrogate, _through_time, _recurrence, _parameters, _outputs)
