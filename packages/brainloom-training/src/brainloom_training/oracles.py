r"""Gradient oracles: what a surrogate gradient is compared with.

A surrogate derivative $s'(z)$ is the derivative of a smooth function $S(z)$, 1/2 at threshold.
Two statements follow, and each can be checked.

1. The network in which every spike is replaced by $S(z)$ is differentiable, and its derivative is
   what automatic differentiation gives for it: the machinery (units, states, loops, synapses)
   agrees with finite differences to rounding.
2. Where spikes are drawn with the probability $S(z)$, the derivative of the expected loss by one
   of the $z$, all spikes before being given, is
   $s'(z)\,\mathrm{E}[L(1) - L(0)]$, the difference that this spike makes. The surrogate gradient
   has $s'(z)\,\mathrm{E}[\partial L / \partial s]$ instead. Both are the same where the loss is
   linear in each single spike; elsewhere the difference is the bias of the surrogate gradient.

That makes surrogate gradients exact for single neurons, with escape noise, and not for layers in
series, where the first spikes act on a loss that is not linear in them.
"""

import contextlib
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError
from brainloom_core.types import Array, ArrayLike, PyTree, SpikeFunction
from brainloom_core.units import show

from .observation import (
    Run,
    initialize,
    named,
    slope_of,
    spike_functions,
    spiking_layers,
    trained_states,
)
from .types import Measure, Parameters

__all__ = ["Expectation", "GradientReport", "check_expectation", "check_gradients"]


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found: true where every error is below the tolerance.

    Attributes:
        errors: Relative error of the gradient of each parameter against finite differences.
        slopes: Derivatives along random directions, by automatic differentiation and by finite
            differences, for each parameter.
        tolerance: What is accepted.
    """

    errors: dict[str, float]
    slopes: dict[str, tuple[float, float]]
    tolerance: float

    def __bool__(self) -> bool:
        return all(error <= self.tolerance for error in self.errors.values())

    def __str__(self) -> str:
        lines = [f"{name}: relative error {error:.1e}" for name, error in self.errors.items()]
        verdict = "agree" if self else "DISAGREE"
        return "\n".join([*lines, f"gradients {verdict} (tolerance {self.tolerance:.0e})"])


def check_gradients(
    model: brainstate.nn.Module,
    loss: Measure,
    xs: PyTree,
    ys: PyTree,
    parameters: Parameters | None = None,
    *,
    directions: int = 4,
    step: float = 1e-5,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> GradientReport:
    r"""Compare the gradient of the smoothed network with finite differences, in float64.

    Spikes are replaced by $S(z)$, with the derivative that each spike function has, and gradients
    go through the resets, as with `detach_reset=False`, since these are smooth then. For every
    parameter the derivative along random directions is compared with central differences.

    Args:
        model: A module whose call advances it by one step. Resets have to be soft, and there may
            be no refractory period: others ask whether there is a spike, and that is not smooth.
        loss: A function of outputs `(T, *batch, n_out)` and targets, that gives a number.
        xs: Inputs, time first, `(T, *batch, n_in)`, or a tuple of them.
        ys: Targets, as the loss takes them.
        parameters: What is trained, a dictionary of states; all `brainstate.ParamState`.
        directions: Number of random directions for each parameter.
        step: Step of the differences, times the size of the parameter. With float64 the error is
            then of the order of 1e-10, from both the curvature and rounding.
        tolerance: Relative error that is accepted.
        seed: Seed of the directions.

    Returns:
        A report, which is true where all agree.

    Raises:
        InputError: A layer does not have a soft reset, or the model has no spiking layer.

    References:
        Gygax & Zenke (2025), Neural Computation 37, 886, arXiv:2404.14964: their smoothed
        probabilistic models.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_core import Neuron, Sigmoid, initializer, param, state
        >>> from brainloom_training import LeakyRateReadout, check_gradients
        >>> class Cell(Neuron):
        ...     V_th = param(default=1.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     V_reset, tau = 0.0 * u.mV, 20.0 * u.ms
        ...     def dV(self, V, I):
        ...         return (1.0 * u.ohm * I - V) / self.tau
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> model = brainstate.nn.Sequential(Cell(2, spk_fun=Sigmoid()), LeakyRateReadout(2, 1))
        >>> currents = jnp.full((20, 2), 1.5) * u.mA
        >>> bool(check_gradients(model, lambda out, y: ((out - y) ** 2).mean(), currents, 1.0))
        True
    """
    initialize(model, xs)
    layers = spiking_layers(model)
    _require_smooth(layers)
    trained = trained_states(model, parameters)
    smooth = [(layer, _smoothed(layer.spk_fun)) for layer in layers.values()]
    with (
        _double(model, trained, (xs, ys)) as (xs, ys),
        spike_functions(smooth),
        _smooth_resets(layers.values()),
    ):
        initialize(model, xs)
        run = Run(model, loss, xs, ys, trained)
        value = jax.jit(run.value)
        gradient = jax.jit(jax.grad(run.value))(run.parameters)
        leaves, tree = jax.tree.flatten(run.parameters)
        draw = np.random.default_rng(seed)
        slopes = {}
        for at, (name, slope) in enumerate(named(gradient).items()):
            size = step * (np.sqrt(np.mean(np.square(leaves[at]))) or 1.0)
            pairs = []
            for _ in range(directions):
                way = draw.standard_normal(slope.shape)
                up, down = (
                    value(
                        jax.tree.unflatten(tree, [*leaves[:at], leaves[at] + s, *leaves[at + 1 :]])
                    )
                    for s in (size * way, -size * way)
                )
                pairs.append((float(np.sum(slope * way)), float(up - down) / (2.0 * size)))
            found, expected = np.array(pairs).T
            slopes[name] = found, expected
    initialize(model, xs)
    errors = {name: _relative(*pair) for name, pair in slopes.items()}
    return GradientReport(errors, slopes, tolerance)


def _relative(found: PyTree, expected: PyTree) -> float:
    size = max(float(np.linalg.norm(found)), float(np.linalg.norm(expected)))
    return float(np.linalg.norm(found - expected)) / size if size else 0.0


def _require_smooth(layers: dict[str, brainstate.nn.Module]) -> None:
    for name, layer in layers.items():
        hard = getattr(layer, "spk_reset", "soft") != "soft"
        if hard or hasattr(layer, "steps_held") or getattr(layer, "interpolate", False):
            raise InputError(
                f"check_gradients: {name}: expected a soft reset, no refractory period and no "
                f"interpolation, since others are not smooth in a spike, got {type(layer).__name__}"
            )


@contextlib.contextmanager
def _smooth_resets(layers: Iterable[brainstate.nn.Module]) -> Iterator[None]:
    """Let gradients go through the resets for a while."""
    own = [(layer, layer.detach_reset) for layer in layers if hasattr(layer, "detach_reset")]
    try:
        for layer, _ in own:
            layer.detach_reset = False
        yield
    finally:
        for layer, detached in own:
            layer.detach_reset = detached


@contextlib.contextmanager
def _double(
    model: brainstate.nn.Module, trained: dict[str, brainstate.State], data: PyTree
) -> Iterator[PyTree]:
    """Parameters and data in float64 for a while, the states initialised anew by the caller."""
    kept = {name: state.value for name, state in trained.items()}

    def wide(x: ArrayLike) -> Array:
        x = np.asarray(x)
        return jnp.asarray(x, np.float64 if np.issubdtype(x.dtype, np.floating) else x.dtype)

    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        try:
            for name, state in trained.items():
                state.value = jax.tree.map(wide, kept[name])
            yield jax.tree.map(wide, data)
        finally:
            for name, state in trained.items():
                state.value = kept[name]


def _smoothed(spk_fun: SpikeFunction) -> SpikeFunction:
    """The smooth function S in place of the step, with the derivative of a spike function."""

    @jax.custom_jvp
    def smooth(z: Array) -> Array:
        return _integral(spk_fun, z)

    @smooth.defjvp
    def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        return smooth(*primals), jax.jvp(spk_fun, primals, tangents)[1]

    return smooth


@functools.cache  # not at import, of which the linear algebra behind it would be the longest part
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights from 0 to 1, on panels that halve towards 0.

    Surrogates have their peak, and often a kink, there.
    """
    panels = np.concatenate([[0.0], 2.0 ** np.arange(-24, 1)])
    nodes, weights = np.polynomial.legendre.leggauss(16)
    lengths = np.diff(panels)[:, None]
    places = np.ravel(panels[:-1, None] + lengths * (nodes + 1.0) / 2.0)
    return places, np.ravel(lengths * weights / 2.0)


def _integral(spk_fun: SpikeFunction, z: Array) -> Array:
    r"""$S(z) = \tfrac12 + \int_0^z s'$: the closed form where there is one, else by quadrature."""
    if hasattr(spk_fun, "smooth"):
        return spk_fun.smooth(z)
    nodes, weights = (values.astype(z.dtype) for values in _quadrature())
    points = jnp.asarray(z)[..., None] * nodes
    return 0.5 + z * (slope_of(spk_fun, points) @ weights)


@dataclass(frozen=True)
class Expectation:
    r"""Two gradients by the distance to threshold of single spikes, with statistical errors.

    Attributes:
        at: Indices of the spikes, `(k, ndim)`.
        surrogate: Mean of the surrogate gradient over random spikes, `(k,)`.
        expected: The derivative of the expected loss, `(k,)`.
        spread: Standard error of `expected`, `(k,)`.
        bias: Root mean square of the difference, relative to that of `expected`.
        bias_error: The standard error of this.
    """

    at: np.ndarray
    surrogate: np.ndarray
    expected: np.ndarray
    spread: np.ndarray
    bias: float
    bias_error: float

    def __bool__(self) -> bool:
        return self.bias <= max(3.0 * self.bias_error, 1e-4)  # 1e-4: float32 differences of losses

    def __str__(self) -> str:
        verdict = "agrees with" if self else "DIFFERS from"
        return (
            f"the surrogate gradient {verdict} that of the expected loss: relative difference "
            f"{self.bias:.2g} ± {self.bias_error:.1g}, at {len(self.expected)} spikes"
        )


def check_expectation(
    spk_fun: SpikeFunction,
    z: Array,
    loss: Measure,
    *,
    spikes: int = 32,
    samples: int = 256,
    seed: int = 0,
) -> Expectation:
    r"""Compare the surrogate gradient with that of the expected loss under escape noise.

    Spikes are drawn with the probability $S(z)$, independently. For some of them, chosen at
    random, the mean of $s'(z)\,\partial L / \partial s$ is compared with that of
    $s'(z)\,(L(1) - L(0))$, on the same draws of all others. They agree where the loss is linear in
    each spike; what remains is the bias of the surrogate gradient of one layer.

    Args:
        spk_fun: The spike function.
        z: Distances to threshold of one layer, of any shape, those that a batch has for example.
        loss: A function of the spikes, of the shape of `z`, that gives a number: what follows the
            layer, and the loss.
        spikes: Number of spikes that are looked at.
        samples: Number of draws.
        seed: Seed of the draws.

    Raises:
        InputError: $S(z)$ leaves the range from 0 to 1, and is no probability.

    References:
        Gygax & Zenke (2025), Neural Computation 37, 886, arXiv:2404.14964.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_core import Sigmoid
        >>> from brainloom_training import check_expectation
        >>> z = jnp.linspace(-1.0, 1.0, 12)
        >>> bool(check_expectation(Sigmoid(), z, lambda s: (2.0 * s).sum()))
        True
        >>> bool(check_expectation(Sigmoid(), z, lambda s: (s.sum() - 1.0) ** 4))
        False
    """
    z = jnp.asarray(z)
    chance = jnp.asarray(_integral(spk_fun, z))
    low, high = float(chance.min()), float(chance.max())
    if low < -1e-6 or high > 1.0 + 1e-6:
        raise InputError(
            "check_expectation: expected a surrogate derivative whose integral is a probability, "
            f"got values from {low:.3g} to {high:.3g} for {show(spk_fun)}: its area is above 1"
        )
    keys = jax.random.split(jax.random.key(seed), samples + 1)
    chosen = jax.random.choice(keys[0], z.size, (min(spikes, z.size),), replace=False)

    def draw(key: Array) -> tuple[Array, Array]:
        drawn = (jax.random.uniform(key, z.shape) < chance).astype(z.dtype)
        by_slope = jnp.ravel(jax.grad(lambda s: u.get_magnitude(loss(s)))(drawn))[chosen]

        def difference(i: Array) -> Array:
            with_, without = (
                u.get_magnitude(loss(drawn.ravel().at[i].set(s).reshape(z.shape)))
                for s in (1.0, 0.0)
            )
            return with_ - without

        return by_slope, jax.lax.map(difference, chosen)

    slope = jnp.ravel(slope_of(spk_fun, z))[chosen]
    by_slope, by_spike = (
        np.asarray(slope * g) for g in jax.jit(lambda: jax.lax.map(draw, keys[1:]))()
    )
    expected, gap = by_spike.mean(0), by_slope - by_spike
    size = np.sqrt(np.mean(expected**2)) or 1.0
    return Expectation(
        at=np.stack(np.unravel_index(np.asarray(chosen), z.shape), -1),
        surrogate=by_slope.mean(0),
        expected=expected,
        spread=by_spike.std(0, ddof=1) / np.sqrt(samples),
        bias=float(np.sqrt(np.mean(gap.mean(0) ** 2)) / size),
        bias_error=float(np.sqrt(np.mean(gap.var(0, ddof=1) / samples)) / size),
    )
