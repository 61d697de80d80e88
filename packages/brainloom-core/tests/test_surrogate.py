"""Spike functions: a step forward, a smooth slope backward."""

import dataclasses
import inspect
from typing import Any

import brainloom_core
import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Neuron, ParameterError, UnitError, initializer, param, state, surrogate
from brainloom_core.surrogate import (
    ERF,
    S2NN,
    Arctan,
    Boxcar,
    FastSigmoid,
    GaussianGrad,
    InvSquareGrad,
    LeakyRelu,
    LogTailedRelu,
    MultiGaussianGrad,
    NonzeroSignLog,
    PiecewiseExp,
    PiecewiseLeakyRelu,
    PiecewiseQuadratic,
    QPseudoSpike,
    ReluGrad,
    Sigmoid,
    SlayerGrad,
    SoftSign,
    SquarewaveFourierSeries,
    Stochastic,
    StraightThrough,
    SuperSpike,
    Surrogate,
    Tanh,
)
from numpy.polynomial.legendre import leggauss

# Slopes at these distances, from braintools 0.3.0 in float64.
DISTANCES = [-1.3, -0.4, 0.0, 0.25, 1.2]
SLOPES = [
    (Sigmoid(), [0.0218248, 0.5590552, 1, 0.7864477, 0.03238377]),
    (Sigmoid(1.5), [0.1635597, 0.3431764, 0.375, 0.3621194, 0.182594]),
    (PiecewiseQuadratic(), [0, 0.6, 1, 0.75, 0]),
    (PiecewiseQuadratic(0.8), [0, 0.544, 0.8, 0.64, 0.032]),
    (PiecewiseExp(), [0.1362659, 0.33516, 0.5, 0.3894004, 0.1505971]),
    (PiecewiseExp(2.0), [0.07427358, 0.449329, 1, 0.6065307, 0.09071795]),
    (SoftSign(), [0.09451796, 0.255102, 0.5, 0.32, 0.1033058]),
    (SoftSign(2.0), [0.07716049, 0.308642, 1, 0.4444444, 0.08650519]),
    (Arctan(), [0.09671352, 0.3584784, 0.5, 0.4331958, 0.1098163]),
    (Arctan(3.0), [0.03893154, 0.3294489, 1.5, 0.6281636, 0.04548553]),
    (NonzeroSignLog(), [0.4347826, 0.7142857, 1, 0.8, 0.4545455]),
    (NonzeroSignLog(2.0), [0.5555556, 1.111111, 2, 1.333333, 0.5882353]),
    (ERF(), [0.104104, 0.4807706, 0.5641896, 0.5300071, 0.1336722]),
    (ERF(2.0), [0.00130805, 0.5949858, 1.128379, 0.8787826, 0.003555649]),
    (PiecewiseLeakyRelu(), [0.01, 0.5, 0.5, 0.5, 0.01]),
    (PiecewiseLeakyRelu(0.1, 0.5), [0.1, 1, 1, 1, 0.1]),
    (SquarewaveFourierSeries(), [-0.2372094, 0.7694209, 1, 0.9061274, -0.1816356]),
    (SquarewaveFourierSeries(4, 3.0), [0.3407802, 0.3648788, 5.333333, -1.154701, 1.078689]),
    (S2NN(), [0.0218248, 0.5590552, 1, 0.8, 0.4545455]),
    (S2NN(1.0, 2.0), [0.1682984, 0.2402607, 2, 1.6, 0.9090909]),
    (QPseudoSpike(), [0.2869898, 0.6232687, 1, 0.7346939, 0.308642]),
    (QPseudoSpike(1.0), [0.4347826, 0.7142857, 1, 0.8, 0.4545455]),
    (LeakyRelu(), [0.1, 0.1, 1, 1, 1]),
    (LeakyRelu(0.3, 0.7), [0.3, 0.3, 0.7, 0.7, 0.7]),
    (LogTailedRelu(), [0, 0, 0, 1, 0.8333333]),
    (LogTailedRelu(0.2), [0.2, 0.2, 0.2, 1, 0.8333333]),
    (ReluGrad(), [0, 0.18, 0.3, 0.225, 0]),
    (ReluGrad(2.0, 0.5), [0, 0.2, 1, 0.5, 0]),
    (GaussianGrad(), [0.01358297, 0.2896916, 0.3989423, 0.3520653, 0.02239453]),
    (GaussianGrad(1.0, 2.0), [0.3427372, 0.7365403, 0.7978846, 0.7733362, 0.3883721]),
    (MultiGaussianGrad(), [-0.002335372, 0.3136426, 0.4391116, 0.3852694, 0.007553809]),
    (
        MultiGaussianGrad(0.3, 2.0, 1.0, 2.0),
        [0.2654337, 0.7494098, 0.8260107, 0.7953323, 0.3204423],
    ),
    (InvSquareGrad(), [5.827166e-05, 0.000594884, 1, 0.00147929, 6.830135e-05]),
    (InvSquareGrad(5.0), [0.01777778, 0.1111111, 1, 0.1975309, 0.02040816]),
    (SlayerGrad(), [0.2725318, 0.67032, 1, 0.7788008, 0.3011942]),
    (SlayerGrad(2.0), [0.07427358, 0.449329, 1, 0.6065307, 0.09071795]),
]
# Written by hand: nothing of braintools is the same.
SLOPES += [
    (Boxcar(), [0, 0.5, 0.5, 0.5, 0]),
    (Boxcar(0.6, 2.0), [0, 0, 2, 2, 0]),
    (Tanh(), [1 / np.cosh(z) ** 2 for z in DISTANCES]),
    (Tanh(3.0), [1 / np.cosh(3 * z) ** 2 for z in DISTANCES]),
    (StraightThrough(), [1, 1, 1, 1, 1]),
]
FUNCTIONS = [function for function, _ in SLOPES]
every = pytest.mark.parametrize("function", FUNCTIONS, ids=repr)
# What they inherit is shown by a few.
FEW = [ReluGrad(), Sigmoid(), S2NN(), SquarewaveFourierSeries(), StraightThrough()]
few = pytest.mark.parametrize("function", FEW, ids=repr)
kinds = pytest.mark.parametrize("function", [f for f in FUNCTIONS if f == type(f)()], ids=repr)


class LIF(Neuron):
    tau: Any = param(default=5.0 * u.ms, doc="time constant")
    V_th: Any = param(default=1.0 * u.mV, doc="threshold")
    V_initializer: Any = initializer(default=0.0 * u.mV)
    V = state("V_initializer", "membrane potential")
    V_reset = 0.0 * u.mV
    linear = True

    def dV(self, V: Any, I: Any) -> Any:
        return (1.0 * u.ohm * I - V) / self.tau


@kinds
def test_a_step_forward(function: Surrogate) -> None:
    z = jnp.asarray([-2.0, -1e-30, -0.0, 0.0, 1e-30, 0.5, 3.0])
    np.testing.assert_array_equal(function(z), [0, 0, 1, 1, 1, 1, 1])


@pytest.mark.parametrize(("function", "expected"), SLOPES, ids=repr)
def test_the_slope_is_the_one_of_the_field(
    function: Surrogate, expected: list[float], float64: None
) -> None:
    """To the seven digits that were written down."""
    slope = jax.vmap(jax.grad(function))(jnp.asarray(DISTANCES))
    np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-12)


@every
def test_the_smooth_function_is_the_integral_of_the_slope(
    function: Surrogate, float64: None
) -> None:
    """Gauss-Legendre quadrature on 60 pieces, at whose ends lie all kinks of these functions."""
    ends = np.linspace(0.0, 3.0, 61)
    nodes, weights = leggauss(8)
    for side in (1.0, -1.0):
        points = ends[:-1, None] + 0.025 * (nodes + 1.0)
        pieces = (function.surrogate_grad(side * points) * weights * 0.025).sum(axis=1)
        expected = 0.5 + side * np.cumsum(pieces)
        np.testing.assert_allclose(function.smooth(side * ends[1:]), expected, atol=2e-7)
    np.testing.assert_allclose(function.smooth(jnp.zeros(1)), 0.5, atol=1e-15)


@pytest.mark.parametrize("function", [Sigmoid(4.0), Tanh(2.0)], ids=str)
def test_single_precision_keeps_the_digits_of_the_slope_far_from_threshold(
    function: Surrogate,
) -> None:
    z = np.array([-5.0, -3.0, 3.0, 5.0], np.float32)
    e = np.exp(-4.0 * np.abs(z.astype(np.float64)))
    exact = 4.0 * e / (1.0 + e) ** 2  # of both, s = 1 / (1 + e)
    np.testing.assert_allclose(function.surrogate_grad(jnp.asarray(z)), exact, rtol=1e-5)


def test_the_triangle_ends_at_its_width() -> None:
    slope = jax.vmap(jax.grad(ReluGrad(width=0.5)))(jnp.asarray([-1.0, -0.5, 0.5, 1.0]))
    np.testing.assert_array_equal(slope, np.zeros(4))


@few
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float64])
def test_keeps_the_dtype(function: Surrogate, dtype: Any, float64: None) -> None:
    z = jnp.asarray([-1.0, 0.0, 1.0], dtype)
    assert function(z).dtype == dtype
    assert jax.grad(lambda z: function(z).sum())(z).dtype == dtype


@few
def test_forward_and_reverse_agree(function: Surrogate) -> None:
    z = jnp.linspace(-1.5, 1.5, 7)
    spikes, forward = jax.jvp(function, (z,), (jnp.full(7, 2.0),))
    (reverse,) = jax.vjp(function, z)[1](jnp.full(7, 2.0))
    np.testing.assert_array_equal(spikes, z >= 0)
    np.testing.assert_array_equal(forward, reverse)


@few
def test_compiled_and_mapped_are_the_same(function: Surrogate) -> None:
    z = jnp.linspace(-1.5, 1.5, 6).reshape(2, 3)
    slopes = jax.grad(lambda z: function(z).sum())(z)
    np.testing.assert_array_equal(jax.jit(jax.vmap(function))(z), function(z))
    mapped = jax.jit(jax.vmap(jax.vmap(jax.grad(function))))(z)
    np.testing.assert_allclose(mapped, slopes, rtol=1e-6)


def test_the_slope_reaches_a_parameter_with_a_unit() -> None:
    def spikes(V: Any) -> Any:
        return Sigmoid()(u.get_magnitude((V - 1.0 * u.mV) / u.mV))

    gradient = jax.grad(spikes)(1.0 * u.mV)
    np.testing.assert_allclose(u.get_mantissa(gradient), 1.0, rtol=1e-6)


@kinds
def test_instances_compare_by_value(function: Surrogate) -> None:
    same = dataclasses.replace(function)
    assert same is not function
    assert same == function
    assert hash(same) == hash(function)
    for field in dataclasses.fields(function):
        assert function != dataclasses.replace(function, **{field.name: 77})


def test_classes_are_different() -> None:
    assert len({ReluGrad(1.0), Sigmoid(1.0), Arctan(1.0), InvSquareGrad(1.0)}) == 4


def test_equal_instances_share_compiled_code() -> None:
    traces = []

    def apply(function: Surrogate, z: jax.Array) -> jax.Array:
        traces.append(1)
        return function(z)

    compiled = jax.jit(apply, static_argnums=0)
    for _ in range(3):
        compiled(Sigmoid(2.0), jnp.ones(3))
    assert len(traces) == 1


@dataclasses.dataclass(frozen=True)
class Tent(Surrogate):
    """A function of one's own, without the smooth one."""

    width: Any = 1.0

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return jnp.maximum(0.0, self.width - abs(z))


def test_a_function_of_one_s_own() -> None:
    value, slope = jax.vmap(jax.value_and_grad(Tent()))(jnp.asarray([-2.0, -0.5, 0.5]))
    np.testing.assert_array_equal(value, [0, 0, 1])
    np.testing.assert_array_equal(slope, [0, 0.5, 0.5])
    with pytest.raises(NotImplementedError, match="Tent.smooth: not given"):
        jax.grad(lambda width: Tent(width)(0.3))(1.0)


# Functions, names


def test_every_class_is_there_as_a_function_too() -> None:
    aliases = {"Surrogate", "FastSigmoid", "SuperSpike"}
    classes = [name for name in surrogate.__all__ if name[0].isupper() and name not in aliases]
    functions = [name for name in surrogate.__all__ if name[0].islower()]
    assert sorted(name.lower() for name in classes) == sorted(
        name.replace("_", "") for name in functions
    )
    assert all(getattr(surrogate, name).__name__ == name for name in functions)
    assert {name for name in surrogate.__all__ if name[0].isupper()} <= {*brainloom_core.__all__}


def test_a_function_takes_the_parameters_of_its_class() -> None:
    z = jnp.asarray(0.4)
    assert (
        str(inspect.signature(surrogate.relu_grad)) == "(z, alpha: float = 0.3, width: float = 1.0)"
    )
    by_function = jax.grad(lambda z: surrogate.relu_grad(z, 2.0, width=0.5))(z)
    assert by_function == jax.grad(ReluGrad(2.0, 0.5))(z)


def test_names_of_other_libraries() -> None:
    assert FastSigmoid is SuperSpike is InvSquareGrad


@pytest.mark.parametrize(
    ("kind", "arguments", "error", "message"),
    [
        (
            ReluGrad,
            {"width": 0.0},
            ParameterError,
            r"ReluGrad\.width: expected a number .*> 0, got 0",
        ),
        (ReluGrad, {"alpha": "x"}, ParameterError, r"ReluGrad\.alpha: expected a number .*got 'x'"),
        (ReluGrad, {"alpha": 1.0 * u.mV}, UnitError, r"ReluGrad\.alpha: .* got 1 mV"),
        (Sigmoid, {"alpha": float("nan")}, ParameterError, r"Sigmoid\.alpha: .*finite, got nan"),
        (Sigmoid, {"alpha": jnp.ones}, ParameterError, r"Sigmoid\.alpha: expected a number"),
        (
            Sigmoid,
            {"alpha": brainstate.ParamState(-1.0)},
            ParameterError,
            r"Sigmoid\.alpha: .* got -1",
        ),
        (
            SquarewaveFourierSeries,
            {"n": 2.5},
            ParameterError,
            r"SquarewaveFourierSeries\.n: expected a whole number >= 1, got 2\.5",
        ),
    ],
)
def test_refusals(
    kind: type[Surrogate], arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        kind(**arguments)


# Spikes at random


def test_stochastic_spikes_have_their_probability() -> None:
    z, n = jnp.asarray([-0.5, 0.0, 0.3]), 40_000
    with brainstate.random.seed_context(0):
        spikes = Stochastic(2.0)(jnp.broadcast_to(z, (n, 3)))
    chance = 1.0 / (1.0 + np.exp(-2.0 * np.asarray(z)))
    assert set(np.unique(spikes)) == {0.0, 1.0}
    np.testing.assert_allclose(spikes.mean(axis=0), chance, atol=4 * 0.5 / np.sqrt(n))


def test_stochastic_spikes_have_the_slope_of_their_probability() -> None:
    z = jnp.linspace(-1.0, 1.0, 5)
    slope = jax.grad(lambda z: Stochastic(2.0)(z).sum())(z)
    np.testing.assert_allclose(slope, jax.vmap(jax.grad(Sigmoid(2.0).smooth))(z), rtol=1e-6)


# Trained parameters


@kinds
def test_parameters_have_the_derivative_of_the_smooth_function(
    function: Surrogate, float64: None
) -> None:
    """Central differences of step h, right to h²; z lies off the kinks."""
    z, h = jnp.linspace(-2.0, 2.0, 41) + 0.0123, 1e-5
    for field in dataclasses.fields(function):
        if field.name in ("n", "epsilon"):  # a count, and what has no effect
            continue
        value = getattr(function, field.name)

        def smooth(value: Any, name: str = field.name) -> Any:
            return dataclasses.replace(function, **{name: value}).smooth(z)

        def spikes(value: Any, name: str = field.name) -> Any:
            return dataclasses.replace(function, **{name: value})(z)

        found, slope = jax.jvp(spikes, (jnp.asarray(value),), (jnp.asarray(1.0),))
        differences = (smooth(value + h) - smooth(value - h)) / (2 * h)
        np.testing.assert_array_equal(found, z >= 0)
        np.testing.assert_allclose(slope, differences, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("wrap", [brainstate.ParamState, brainstate.nn.Param])
def test_a_trained_parameter_is_found_in_the_neuron(wrap: Any) -> None:
    neuron = LIF(1, spk_fun=ReluGrad(alpha=wrap(jnp.asarray(0.3))))
    ((path, found),) = neuron.states(brainstate.ParamState).items()
    assert path[:2] == ("spk_fun", "alpha")
    np.testing.assert_allclose(found.value, 0.3)
    found.value = jnp.asarray(0.7)
    np.testing.assert_allclose(neuron.spk_fun.alpha, 0.7)
    assert not LIF(1).states(brainstate.ParamState)


class Replay:
    """The smooth network around a run: spikes that vary with S(z; alpha) from those that were."""

    def __init__(self, alpha: float, calls: list[tuple[Any, Any, Any]]) -> None:
        self.function, self.calls = ReluGrad(alpha), iter(calls)

    def __call__(self, z: Any) -> Any:
        spikes, smooth, _ = next(self.calls)
        return spikes + self.function.smooth(z) - smooth


def test_the_gradient_of_a_slope_is_that_of_the_smooth_network(float64: None) -> None:
    """Over spikes, resets and what follows from them; differences of step h, right to h²."""
    currents, weights, h = [8.0, 3.0, 9.0, 1.0, 7.0], [1.0, -2.0, 3.0, 0.5, 1.5], 1e-6

    def loss(neuron: Any) -> Any:
        brainstate.nn.init_all_states(neuron)
        return sum(w * neuron(I * u.mA).sum() for w, I in zip(weights, currents, strict=True))

    alpha = brainstate.ParamState(jnp.asarray(0.3))
    calls: list[tuple[Any, Any, Any]] = []

    def record(z: Any) -> Any:
        spikes, smooth = ReluGrad(0.3)(z), ReluGrad(0.3).smooth(z)
        calls.append((spikes, smooth, z))
        return spikes

    with brainstate.environ.context(dt=1.0 * u.ms):
        total = loss(LIF(2, spk_fun=record, detach_reset=False))
        assert 0 < sum(spikes.sum() for spikes, _, _ in calls) < 2 * len(calls)
        sides = [loss(LIF(2, spk_fun=Replay(0.3 + d, calls), detach_reset=False)) for d in (h, -h)]
        neuron = LIF(2, spk_fun=ReluGrad(alpha=alpha), detach_reset=False)
        brainstate.nn.init_all_states(neuron)

        def trained() -> Any:
            neuron.reset_state()
            return sum(w * neuron(I * u.mA).sum() for w, I in zip(weights, currents, strict=True))

        found = brainstate.transform.grad(
            trained, neuron.states(brainstate.ParamState), return_value=True
        )()
    ((gradient,), value) = (found[0].values(), found[1])
    assert value == total
    assert abs(gradient) > 0.1
    np.testing.assert_allclose(gradient, (sides[0] - sides[1]) / (2 * h), rtol=1e-6)


def test_a_spike_function_is_a_tree_of_what_is_trained() -> None:
    assert jax.tree.leaves(ReluGrad(0.4)) == []
    each = ReluGrad(jnp.asarray([0.4, 0.5]), 2.0)  # one for each neuron
    doubled = jax.jit(lambda f: jax.tree.map(lambda x: 2.0 * x, f))(each)
    np.testing.assert_allclose(doubled.alpha, [0.8, 1.0])
    assert doubled.width == 2.0


def test_the_plot_shows_the_function_and_its_derivative() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    ax = ReluGrad(0.5).plot()
    smooth, slope = ax.get_lines()
    z = smooth.get_xdata()
    assert (z[0], z[-1]) == (-2.0, 2.0)
    np.testing.assert_allclose(smooth.get_ydata(), ReluGrad(0.5).smooth(z), rtol=1e-6)
    np.testing.assert_allclose(slope.get_ydata(), np.maximum(0.0, 0.5 * (1 - abs(z))), atol=1e-6)
    assert ReluGrad().plot(ax) is ax
    pyplot.close("all")
