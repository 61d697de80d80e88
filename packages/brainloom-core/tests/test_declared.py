"""Parameters and states as declarations: constructors, values, errors, initialisation."""

import copy
import inspect
import math
import re
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import (
    ANY_UNIT,
    BrainloomError,
    Declared,
    Neuron,
    ParameterError,
    ReluGrad,
    Sigmoid,
    StateError,
    SynOut,
    UnitError,
    between,
    full,
    initializer,
    non_negative,
    option,
    param,
    positive,
    simulate,
    state,
)


class Leaky(Neuron):
    """A neuron as users write it."""

    R = param(1.0 * u.ohm, positive, "resistance")
    tau = param(5.0 * u.ms, positive, "time constant")
    V_th = param(1.0 * u.mV, doc="threshold", above="V_reset")
    V_reset = param(0.0 * u.mV, doc="reset potential")
    V_initializer = initializer(0.0 * u.mV)
    V = state("V_initializer", "membrane potential")

    def dV(self, V: Any, I: Any) -> Any:
        return (self.R * I - V) / self.tau


class Adapting(Leaky):
    """Adds, moves and redeclares."""

    tau_a = param(100.0 * u.ms, positive, after="tau")
    R = param(2.0 * u.ohm, positive)
    V_initializer = initializer(0.25 * u.mV, after="spk_reset")
    a_initializer = initializer(0.0, after="V_initializer")
    a = state("a_initializer", "adaptation")

    def da(self, a: Any) -> Any:
        return -a / self.tau_a


class Gate(Declared):
    """All kinds of declarations."""

    E = param(unit=u.mV)
    share = param(0.5, between(0, 1))
    rate = param(1.0 * u.Hz, non_negative, differs_from="other")
    other = param(2.0 * u.Hz)
    weight = param(1.0, unit=ANY_UNIT)
    limit = param(None, unit=u.mV, optional=True)
    label = option("a")


class Steady(Leaky):
    """A state that starts as a function of the parameters."""

    m = state(lambda model, shape: full(u.get_magnitude(model.V_th / u.mV) / 2, shape))
    count = state(lambda model, shape: jnp.zeros(shape, jnp.int32), kind=brainstate.ShortTermState)


class ByHand(Neuron):
    """A neuron with its own constructor, states and step, as brainpy.state's users write."""

    def __init__(
        self,
        in_size: Any,
        tau: Any = 5.0 * u.ms,
        spk_fun: Any = ReluGrad(),
        spk_reset: str = "soft",
        name: str | None = None,
    ) -> None:
        super().__init__(in_size, name=name, spk_fun=spk_fun, spk_reset=spk_reset)
        self.tau, self.V_th = tau, 1.0 * u.mV

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        size = self.in_size if batch_size is None else (batch_size, *self.in_size)
        self.V = brainstate.HiddenState(jnp.zeros(size) * u.mV)

    def get_spike(self, V: Any = None) -> Any:
        V = self.V.value if V is None else V
        return self.spk_fun(u.get_magnitude((V - self.V_th) / self.V_th))

    def update(self, x: Any = 0.0 * u.mA) -> Any:
        V = self.V.value - self.V_th * self.get_spike()
        V = brainstate.nn.exp_euler_step(lambda v: self.slope(v, x), V)
        self.V.value = self.sum_delta_inputs(V)
        return self.get_spike()

    def slope(self, V: Any, x: Any) -> Any:
        return (1.0 * u.ohm * self.sum_current_inputs(x, V) - V) / self.tau


class ByHandAgain(ByHand):
    """Takes over the constructor of its base."""


# Constructors


def names(cls: type) -> list[str]:
    return list(inspect.signature(cls).parameters)


def test_the_signature_follows_the_declarations() -> None:
    expected = ["in_size", "R", "tau", "V_th", "V_reset", "V_initializer"]
    tail = ["spk_fun", "spk_reset", "name", "solver", "interpolate", "detach_reset"]
    assert names(Leaky) == [*expected, *tail]


def test_what_a_subclass_adds_moves_or_redeclares() -> None:
    expected = ["in_size", "R", "tau", "tau_a", "V_th", "V_reset", "spk_fun", "spk_reset"]
    tail = ["V_initializer", "a_initializer", "name", "solver", "interpolate", "detach_reset"]
    assert names(Adapting) == [*expected, *tail]
    assert 2.0 * u.ohm == Adapting(1).R
    assert 1.0 * u.ohm == Leaky(1).R


def test_defaults_and_kinds_of_the_signature() -> None:
    parameters = inspect.signature(Leaky).parameters
    assert parameters["in_size"].default is inspect.Parameter.empty
    assert parameters["tau"].default == 5.0 * u.ms
    assert parameters["solver"].kind is inspect.Parameter.KEYWORD_ONLY
    assert parameters["tau"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD


def test_the_constructor_has_the_same_signature() -> None:
    assert list(inspect.signature(Leaky.__init__).parameters) == ["self", *names(Leaky)]
    assert Leaky.__init__.__qualname__ == "Leaky.__init__"


def test_by_position_and_by_name() -> None:
    neuron = Leaky(3, 2.0 * u.ohm, tau=7.0 * u.ms)
    assert (neuron.R, neuron.tau, neuron.V_th) == (2.0 * u.ohm, 7.0 * u.ms, 1.0 * u.mV)
    with pytest.raises(TypeError, match="too many positional arguments"):
        Leaky(*[3, *[None] * 8], "rk4")


def test_a_plain_value_in_a_subclass_is_no_parameter() -> None:
    class Fixed(Leaky):
        tau: Any = 9.0 * u.ms

    assert "tau" not in names(Fixed)
    assert Fixed(1).tau == 9.0 * u.ms
    with pytest.raises(TypeError, match="unexpected keyword argument 'tau'"):
        Fixed(1, tau=5.0 * u.ms)


def test_a_declaration_can_be_read_from_the_class() -> None:
    assert Leaky.tau.default == 5.0 * u.ms
    assert (Leaky.tau.name, Leaky.tau.doc, Leaky.tau.unit) == ("tau", "time constant", u.ms)
    assert (Leaky.V.name, Leaky.V.doc) == ("V", "membrane potential")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"in_size": 3, "taw": 1}, "got an unexpected keyword argument 'taw'"),
        ({}, "missing a required argument: 'in_size'"),
    ],
)
def test_wrong_arguments_list_the_right_ones(arguments: dict[str, Any], cause: str) -> None:
    with pytest.raises(TypeError, match=f"Leaky: {cause}. Its parameters are: in_size, R, tau"):
        Leaky(**arguments)


def test_a_constructor_of_one_s_own() -> None:
    neuron = ByHand(3, spk_fun=Sigmoid(), spk_reset="hard", name="mine")
    assert names(ByHand) == ["in_size", "tau", "spk_fun", "spk_reset", "name"]
    assert (neuron.in_size, neuron.name, neuron.solver) == ((3,), "mine", "auto")
    assert (neuron.spk_fun, neuron.spk_reset) == (Sigmoid(), "hard")


def test_a_model_by_hand_steps() -> None:
    neuron = ByHand(3)
    brainstate.nn.init_all_states(neuron, batch_size=2)
    run = brainstate.transform.jit(
        lambda: brainstate.transform.for_loop(lambda i: neuron(3.0 * u.mA), jnp.arange(100))
    )
    spikes = run()
    assert spikes.shape == (100, 2, 3)
    assert (spikes.sum(axis=0) > 3).all()


def test_a_subclass_takes_over_a_written_constructor() -> None:
    assert names(ByHandAgain) == names(ByHand)
    assert ByHandAgain(3, 7.0 * u.ms).tau == 7.0 * u.ms
    assert ByHandAgain(3).V_th == 1.0 * u.mV


@pytest.mark.parametrize("size", [3, (3,), [2, 3], np.int64(3), (np.int32(2), 1)])
def test_sizes(size: Any) -> None:
    neuron = Leaky(size)
    assert neuron.in_size == neuron.out_size == tuple(np.atleast_1d(size))
    assert all(type(n) is int for n in neuron.in_size)


@pytest.mark.parametrize("size", [0, -1, 2.5, True, (), (2, 0), "a", None])
def test_wrong_sizes(size: Any) -> None:
    with pytest.raises(ParameterError, match=r"Leaky.in_size: expected a whole number >= 1 or a"):
        Leaky(size)


# Values


def test_scalars_stay_plain_numbers() -> None:
    for value in (
        5 * u.ms,
        np.float32(5) * u.ms,
        jnp.asarray(5.0) * u.ms,
        u.Quantity(5, unit=u.ms),
    ):
        tau = Leaky(3, tau=value).tau
        assert type(tau.mantissa) is float
        assert tau == 5.0 * u.ms


def test_the_unit_that_was_given_is_kept() -> None:
    assert u.get_unit(Leaky(3, tau=0.005 * u.second).tau) == u.second
    assert Leaky(3, tau=u.ms).tau == 1.0 * u.ms


@pytest.mark.parametrize(
    "value",
    [
        np.asarray([1, 2, 3]) * u.ms,
        np.asarray([1.0, 2.0, 3.0]) * u.ms,
        [1.0 * u.ms, 2.0 * u.ms, 3.0 * u.ms],
        [1.0, 2.0, 3.0] * u.ms,
        (1.0 * u.ms, 0.002 * u.second, 3.0 * u.ms),
    ],
)
def test_one_value_per_neuron(value: Any) -> None:
    tau = Leaky(3, tau=value).tau
    assert tau.mantissa.dtype == jnp.float32
    np.testing.assert_allclose(tau.to_decimal(u.ms), [1, 2, 3], rtol=1e-6)


def test_one_value_per_neuron_of_a_grid() -> None:
    assert Leaky((2, 3), tau=jnp.ones((2, 3)) * u.ms).tau.shape == (2, 3)


def test_an_initializer_is_called_with_the_shape() -> None:
    neuron = Leaky((2, 3), tau=lambda shape: jnp.full(shape, 7.0) * u.ms)
    assert neuron.tau.shape == (2, 3)
    assert (neuron.tau == 7.0 * u.ms).all()


def test_the_precision_of_the_environment(float64: None) -> None:
    assert Leaky(3, tau=np.ones(3, np.float32) * u.ms).tau.dtype == jnp.float64


@pytest.mark.parametrize("kind", [brainstate.ParamState, brainstate.nn.Param])
def test_trainable_parameters_are_read_as_values(kind: Any) -> None:
    neuron = Leaky(3, tau=kind(jnp.full(3, 7.0) * u.ms))
    assert isinstance(neuron.tau, u.Quantity)
    np.testing.assert_allclose(neuron.tau.to_decimal(u.ms), 7.0)
    assert len(neuron.states(brainstate.ParamState)) == 1


def test_trainable_parameters_have_gradients() -> None:
    """Far from threshold, where the surrogate has no slope, it is that of the exact solution."""
    tau = brainstate.ParamState(7.0 * u.ms)
    neuron = Leaky(3, tau=tau, spk_fun=ReluGrad(width=0.5))
    brainstate.nn.init_all_states(neuron)

    def end() -> Any:
        brainstate.transform.for_loop(lambda i: neuron(0.5 * u.mA), jnp.arange(20))
        return neuron.V.value.to_decimal(u.mV).sum()

    gradient = brainstate.transform.jit(brainstate.transform.grad(end, tau))()
    expected = -3 * 0.5 * np.exp(-2 / 7) * 2 / 49
    np.testing.assert_allclose(u.get_mantissa(gradient), expected, rtol=1e-4)


def test_a_trainable_parameter_with_a_transformation() -> None:
    tau = brainstate.nn.Param(7.0 * u.ms, t=brainstate.nn.SoftplusT(0.0 * u.ms))
    np.testing.assert_allclose(Leaky(3, tau=tau).tau.to_decimal(u.ms), 7.0, rtol=1e-6)


def test_traced_values_pass() -> None:
    @jax.jit
    def twice(tau: jax.Array) -> jax.Array:
        return 2 * Leaky(3, tau=tau * u.ms, V_th=tau * u.mV).tau.to_decimal(u.ms)

    assert twice(4.0) == 8.0


def test_optional_values_and_any_unit() -> None:
    gate = Gate(E=1.0 * u.mV)
    assert gate.limit is None
    assert Gate(E=1.0 * u.mV, limit=2.0 * u.mV).limit == 2.0 * u.mV
    assert Gate(E=1.0 * u.mV, weight=3 * u.nS).weight == 3.0 * u.nS


# Errors


ERRORS = [
    ({"tau": 5.0 * u.mV}, UnitError, "Leaky.tau: expected a time > 0 (for example 5 ms), got 5 mV"),
    ({"tau": 5.0}, UnitError, "Leaky.tau: expected a time > 0 (for example 5 ms), got 5"),
    ({"tau": [5.0, 6.0]}, UnitError, "Leaky.tau: expected a time > 0 (for example 5 ms), got an"),
    ({"tau": 0 * u.ms}, ParameterError, "Leaky.tau: expected a time > 0, got 0 ms"),
    ({"tau": -5.0 * u.ms}, ParameterError, "Leaky.tau: expected a time > 0, got -5 ms"),
    ({"tau": np.nan * u.ms}, ParameterError, "Leaky.tau: expected a time > 0, finite, got nan ms"),
    ({"tau": np.inf * u.ms}, ParameterError, "Leaky.tau: expected a time > 0, finite, got inf ms"),
    ({"tau": None}, ParameterError, "Leaky.tau: expected a time > 0, got None"),
    ({"tau": "5 ms"}, ParameterError, "Leaky.tau: expected a time > 0, got '5 ms'"),
    ({"tau": True}, ParameterError, "Leaky.tau: expected a time > 0, got True"),
    ({"tau": ["a", "b"]}, ParameterError, "Leaky.tau: expected a time > 0, got ['a', 'b']"),
    (
        {"tau": np.asarray([5.0, -1.0]) * u.ms},
        ParameterError,
        "Leaky.tau: expected a time > 0, got an array of shape (2,) ms",
    ),
    (
        {"tau": np.ones(3) * u.ms},
        ParameterError,
        "Leaky.tau: expected a scalar or an array of shape (2,), got shape (3,)",
    ),
    (
        {"tau": np.ones((2, 1)) * u.ms},
        ParameterError,
        "Leaky.tau: expected a scalar or an array of shape (2,), got shape (2, 1)",
    ),
    (
        {"tau": lambda shape: -jnp.ones(shape) * u.ms},
        ParameterError,
        "Leaky.tau: expected a time > 0, got an array of shape (2,) ms",
    ),
    ({"R": 5.0 * u.mS}, UnitError, "Leaky.R: expected a resistance > 0 (for example 1 ohm), got"),
    (
        {"V_th": -1.0 * u.mV},
        ParameterError,
        "Leaky.V_th: expected V_th > V_reset, got V_th = -1 mV, V_reset = 0 mV",
    ),
    (
        {"V_reset": np.asarray([0.0, 1.5]) * u.mV},
        ParameterError,
        "Leaky.V_th: expected V_th > V_reset, got V_th = 1 mV, V_reset = an array of shape (2,) mV",
    ),
    ({"V_initializer": 1.0}, UnitError, "Leaky.V_initializer: expected a voltage (for example 0"),
    (
        {"V_initializer": np.ones(3) * u.mV},
        ParameterError,
        "Leaky.V_initializer: expected a scalar or an array of shape (2,), got shape (3,)",
    ),
    (
        {"spk_reset": "medium"},
        ParameterError,
        "Leaky.spk_reset: expected one of 'soft', 'hard', got 'medium'",
    ),
    (
        {"spk_fun": ReluGrad},
        ParameterError,
        "Leaky.spk_fun: expected a spike function such as ReluGrad() (an instance, not the class)",
    ),
    (
        {"solver": "rk5"},
        ParameterError,
        "Leaky.solver: expected one of 'auto', 'exp_euler', 'exp_strang', 'exp_rosenbrock', "
        "'euler', 'rk2', 'rk4', 'sequential_euler', 'izhikevich2003', one in parts such as "
        "'rk4x10', or a function, got 'rk5'",
    ),
    ({"solver": 4}, ParameterError, "Leaky.solver: expected one of 'auto', 'exp_euler'"),
]


@pytest.mark.parametrize(("arguments", "kind", "text"), ERRORS)
def test_errors_name_model_parameter_expectation_and_value(
    arguments: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        Leaky(2, **arguments)
    assert type(caught.value) is kind
    assert str(caught.value).startswith(text)


def test_a_list_of_several_dimensions() -> None:
    with pytest.raises(ParameterError, match="Leaky.tau: expected a time > 0"):
        Leaky(2, tau=[1.0 * u.ms, 1.0 * u.mV])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"E": 1.0}, r"Gate.E: expected a voltage \(for example 1 mV\), got 1$"),
        ({"share": 1.5}, r"Gate.share: expected a number without unit between 0 and 1, got 1.5$"),
        ({"rate": -1 * u.Hz}, r"Gate.rate: expected a frequency >= 0, got -1 Hz$"),
        (
            {"rate": 2 * u.Hz},
            r"Gate.rate: expected rate different from other, got rate = 2 Hz, other = 2 Hz, "
            r"which is its default: pass other too$",
        ),
        ({"weight": "w"}, r"Gate.weight: expected a number, got 'w'$"),
        ({"limit": 1 * u.mA}, r"Gate.limit: expected a voltage \(for example .*\), got 1 mA$"),
        ({"other": None}, r"Gate.other: expected a frequency, got None$"),
    ],
)
def test_errors_of_all_kinds_of_declarations(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        Gate(**{"E": 1.0 * u.mV, **arguments})


@pytest.mark.parametrize("value", [0.005 * u.second, 5000.0 * u.us, [1.0, 10.0] * u.ms])
def test_bounds_hold_in_any_unit(value: Any) -> None:
    class Bounded(Leaky):
        tau = param(5.0 * u.ms, between(1, 10))

    assert Bounded(2, tau=value).tau is not None
    with pytest.raises(ParameterError, match="Bounded.tau: expected a time between 1 and 10"):
        Bounded(2, tau=5.0 * u.second)


def test_relations_hold_in_any_unit() -> None:
    assert Leaky(2, V_th=0.002 * u.volt, V_reset=1.0 * u.mV).V_th == 2.0 * u.mV
    with pytest.raises(ParameterError, match="expected V_th > V_reset, got V_th = 2 mV"):
        Leaky(2, V_th=2.0 * u.mV, V_reset=0.003 * u.volt)


def test_a_required_parameter() -> None:
    with pytest.raises(TypeError, match="Gate: missing a required argument: 'E'. Its parameters"):
        Gate()


@pytest.mark.parametrize("value", [-1.0 * u.ms, 1.0 * u.mV])
@pytest.mark.parametrize("kind", [brainstate.ParamState, brainstate.nn.Param])
def test_trainable_parameters_are_checked(kind: Any, value: Any) -> None:
    with pytest.raises(ParameterError, match="Leaky.tau: expected a time > 0"):
        Leaky(2, tau=kind(value))


def test_units_of_traced_values_are_checked() -> None:
    with pytest.raises(UnitError, match="Leaky.tau: expected a time > 0 .*, got a traced value"):
        jax.jit(lambda tau: Leaky(2, tau=tau * u.mV) and tau)(1.0)


def test_an_output_without_a_size_takes_scalars_and_arrays() -> None:
    class Out(SynOut):
        E = param(0.0 * u.mV)

    assert 2.0 * u.mV == Out(E=2 * u.mV).E
    assert Out(E=np.ones(4) * u.mV).E.shape == (4,)


@pytest.mark.parametrize(
    ("initial", "text"),
    [
        (lambda shape: jnp.zeros(shape), "Leaky.V_initializer: expected a voltage, got an array"),
        (lambda shape: jnp.zeros(5) * u.mV, r"Leaky.V_initializer: expected .*\(2,\).*\(5,\)"),
    ],
)
def test_initial_values_that_do_not_fit(initial: Any, text: str) -> None:
    neuron = Leaky(2, V_initializer=initial)
    with pytest.raises(ParameterError, match=text):
        brainstate.nn.init_all_states(neuron)


# States


def test_a_state_that_does_not_exist_says_what_to_do() -> None:
    neuron = Leaky(3)
    text = r"Leaky.V: the state does not exist yet. Call brainstate.nn.init_all_states\(net\)"
    with pytest.raises(StateError, match=text):
        neuron.V  # noqa: B018
    assert not hasattr(neuron, "V")
    with pytest.raises(StateError, match=text):
        neuron(0 * u.mA)
    with pytest.raises(StateError, match=text):
        brainstate.nn.reset_all_states(neuron)


@pytest.mark.parametrize("batch", [None, 1, 4])
@pytest.mark.parametrize("size", [3, (2, 3)])
def test_shapes_units_and_kinds_of_states(size: Any, batch: int | None) -> None:
    neuron = Steady(size)
    brainstate.nn.init_all_states(neuron, batch_size=batch)
    shape = neuron.in_size if batch is None else (batch, *neuron.in_size)
    assert neuron.V.value.shape == neuron.m.value.shape == neuron.count.value.shape == shape
    assert u.get_unit(neuron.V.value) == u.mV
    assert isinstance(neuron.V, brainstate.HiddenState)
    assert not isinstance(neuron.count, brainstate.HiddenState)
    assert (neuron.V.value.dtype, neuron.count.value.dtype) == (jnp.float32, jnp.int32)


def test_states_of_the_precision_of_the_environment(float64: None) -> None:
    neuron = Leaky(3)
    brainstate.nn.init_all_states(neuron)
    assert neuron.V.value.dtype == jnp.float64


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize(
    "initial",
    [
        0.5 * u.mV,
        np.full(3, 0.5) * u.mV,
        lambda shape: jnp.full(shape, 0.5) * u.mV,
        lambda shape: 0.5 * u.mV,
        brainstate.ParamState(0.5 * u.mV),
        brainstate.nn.Param(jnp.full(3, 0.5) * u.mV),
    ],
    ids=["scalar", "array", "function", "function to a scalar", "ParamState", "Param"],
)
def test_initial_values(initial: Any, batch: int | None) -> None:
    neuron = Leaky(3, V_initializer=initial)
    brainstate.nn.init_all_states(neuron, batch_size=batch)
    assert neuron.V.value.shape == ((3,) if batch is None else (2, 3))
    np.testing.assert_array_equal(neuron.V.value.to_decimal(u.mV), 0.5)


def test_initial_values_as_a_function_of_the_parameters() -> None:
    neuron = Steady(3, V_th=np.asarray([1.0, 2.0, 4.0]) * u.mV)
    brainstate.nn.init_all_states(neuron, batch_size=2)
    np.testing.assert_array_equal(neuron.m.value, [[0.5, 1.0, 2.0]] * 2)


@pytest.mark.parametrize("batch", [None, 2])
def test_reset_writes_the_initial_values_back(batch: int | None) -> None:
    neuron = Steady(3, V_initializer=0.25 * u.mV)
    brainstate.nn.init_all_states(neuron, batch_size=batch)
    before = {path: (s, s.value) for path, s in neuron.states().items()}
    brainstate.transform.jit(neuron)(5.0 * u.mA)
    assert (neuron.V.value > 0.25 * u.mV).all()
    brainstate.nn.reset_all_states(neuron)
    for path, (kept, value) in before.items():
        assert neuron.states()[path] is kept
        assert u.math.allclose(kept.value, value)


def test_reset_to_another_batch_size() -> None:
    neuron = Leaky(3)
    brainstate.nn.init_all_states(neuron, batch_size=2)
    brainstate.nn.reset_all_states(neuron, batch_size=5)
    assert neuron.V.value.shape == (5, 3)


def test_initialising_again_keeps_compiled_functions_valid() -> None:
    neuron = Leaky(3)
    brainstate.nn.init_all_states(neuron)
    kept, step = neuron.V, brainstate.transform.jit(neuron)
    step(1.0 * u.mA)
    first = neuron.V.value
    brainstate.nn.init_all_states(neuron)
    assert neuron.V is kept
    assert (neuron.V.value == 0 * u.mV).all()
    step(1.0 * u.mA)
    assert (neuron.V.value == first).all()


def test_initialising_again_with_a_batch() -> None:
    neuron = Leaky(3)
    brainstate.nn.init_all_states(neuron)
    step = brainstate.transform.jit(neuron)
    step(1.0 * u.mA)
    brainstate.nn.init_all_states(neuron, batch_size=2)
    assert step(1.0 * u.mA).shape == (2, 3)
    assert neuron.V.value.shape == (2, 3)


def test_mapped_initialisation() -> None:
    def noise(shape: Any) -> Any:
        return brainstate.random.uniform(0.0, 0.5, shape) * u.mV

    neuron = Leaky(3, V_initializer=noise)
    brainstate.nn.vmap_init_all_states(neuron, axis_size=4, state_tag="lanes")
    start = neuron.V.value.to_decimal(u.mV)
    assert start.shape == (4, 3)
    assert len(np.unique(start)) == 12
    mapped = brainstate.nn.Vmap(neuron, in_axes=None, vmap_states="lanes", axis_size=4)
    mapped(0.0 * u.mA)
    decayed = start * np.exp(-0.1 / 5)
    np.testing.assert_allclose(neuron.V.value.to_decimal(u.mV), decayed, rtol=1e-5)


def test_a_copy_is_independent() -> None:
    neuron = Leaky(3, tau=np.ones(3) * u.ms)
    brainstate.nn.init_all_states(neuron)
    twin = copy.deepcopy(neuron)
    brainstate.transform.jit(twin)(5.0 * u.mA)
    assert (neuron.V.value == 0 * u.mV).all()
    assert (twin.V.value > 0 * u.mV).all()
    assert (twin.tau == neuron.tau).all()


def test_a_subclass_may_drop_a_state() -> None:
    class Frozen(Adapting):
        a: Any = 0.5

    neuron = Frozen(2)
    brainstate.nn.init_all_states(neuron)
    assert [path[-1] for path in neuron.states()] == ["V", "spike"]
    assert neuron.a == 0.5


# States that depend on options, on other states, or have an axis of their own


class Rich(Leaky):
    """What a state may declare besides its initial value."""

    parts: Any = option(default=("one", "two", "three"))
    weights: Any = param(default=1.0 * u.mV, per="parts")
    counting: bool = option(default=False)
    x_initializer: Any = initializer(default=None, steady=True)
    y_initializer: Any = initializer(default=0.0 * u.mV, per="parts")
    x = state("x_initializer", "half of V", steady=lambda model: model.V.value / u.mV / 2)
    y = state("y_initializer", "one value per part", per="parts")
    count = state(lambda model, shape: jnp.zeros(shape, int), "steps", when="counting")


@pytest.mark.parametrize("batch", [None, 4])
def test_an_initializer_of_none_means_the_steady_state(batch: int | None) -> None:
    model = Rich(2, V_initializer=[0.2, 0.6] * u.mV)
    brainstate.nn.init_all_states(model, batch_size=batch)
    expected = np.broadcast_to([0.1, 0.3], (2,) if batch is None else (batch, 2))
    np.testing.assert_allclose(model.x.value, expected, rtol=1e-6)
    model.x.value = 0.0 * model.x.value
    model.reset_state()
    np.testing.assert_allclose(model.x.value, expected, rtol=1e-6)


def test_a_given_initializer_comes_before_the_steady_state() -> None:
    model = Rich(2, x_initializer=0.7)
    brainstate.nn.init_all_states(model)
    np.testing.assert_allclose(model.x.value, [0.7, 0.7])


@pytest.mark.parametrize("batch", [None, 4])
def test_a_state_may_have_an_axis_of_its_own(batch: int | None) -> None:
    model = Rich(2, y_initializer=[1.0, 2.0, 3.0] * u.mV)
    brainstate.nn.init_all_states(model, batch_size=batch)
    shape = (2, 3) if batch is None else (batch, 2, 3)
    assert model.y.value.shape == shape
    model.reset_state()
    assert model.y.value.shape == shape
    np.testing.assert_array_equal(model.y.value.mantissa, np.broadcast_to([1.0, 2.0, 3.0], shape))


def test_a_parameter_with_one_value_per_element_of_an_option() -> None:
    assert Rich(2, weights=[1.0, 2.0, 3.0] * u.mV).weights.shape == (3,)
    expected = r"Rich.weights: expected a scalar or an array of shape \(3,\), got shape \(2,\)"
    with pytest.raises(ParameterError, match=expected):
        Rich(2, weights=[1.0, 2.0] * u.mV)


def test_a_state_is_kept_where_its_option_asks_for_it() -> None:
    without, with_it = Rich(2), Rich(2, counting=True)
    brainstate.nn.init_all_states([without, with_it])
    assert with_it.count.value.shape == (2,)
    with pytest.raises(StateError, match="kept only by a model that was made with counting=True"):
        _ = without.count
    assert ("count",) not in without.states()


# Assignment


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("tau", -5 * u.ms, "Leaky.tau: expected a time > 0, got -5 ms"),
        ("tau", 5 * u.mV, "Leaky.tau: expected a time > 0 (for example 5 ms), got 5 mV"),
        ("tau", np.ones(4) * u.ms, "a scalar or an array of shape (3,), got shape (4,)"),
        ("tau", math.nan * u.ms, "Leaky.tau: expected a time > 0, finite, got nan ms"),
        ("V_th", -1 * u.mV, "V_th > V_reset, got V_th = -1 mV, V_reset = 0 mV"),
        ("V_reset", 2 * u.mV, "V_th > V_reset, got V_th = 1 mV, V_reset = 2 mV"),
        ("V_initializer", 2 * u.ms, "Leaky.V_initializer: expected a voltage"),
        ("spk_reset", "sofd", "Leaky.spk_reset: expected one of"),
        ("in_size", 4, "Leaky.in_size: cannot be changed, since the states follow from it"),
        ("taw", 5 * u.ms, "Leaky.taw: there is no such parameter; the nearest is tau."),
        ("v_th", 5 * u.mV, "Leaky.v_th: there is no such parameter; the nearest is V_th."),
        ("taw", brainstate.ParamState(5 * u.ms), "the nearest is tau."),
        ("V", 5 * u.mV, "Leaky.V: expected a state, got 5 mV. Write its value, V.value = ..."),
        ("V", brainstate.HiddenState(jnp.ones(4) * u.mV), "Leaky.V: expected shape (3,)"),
        ("V", brainstate.HiddenState(jnp.ones(3)), "Leaky.V: expected a voltage"),
    ],
)
def test_what_is_assigned_is_checked_and_a_refusal_changes_nothing(
    name: str, value: Any, text: str
) -> None:
    neuron = Leaky(3)
    brainstate.nn.init_all_states(neuron)
    before = dict(vars(neuron))
    with pytest.raises(BrainloomError, match=re.escape(text)):
        setattr(neuron, name, value)
    assert vars(neuron) == before


def test_what_is_assigned_is_kept_as_the_constructor_keeps_it() -> None:
    neuron = Leaky(3)
    neuron.tau = lambda shape: np.full(shape, 7.0) * u.ms
    assert neuron.tau.shape == (3,)
    neuron.tau = [1.0, 2.0, 3.0] * u.ms
    assert neuron.tau.dtype == brainstate.environ.dftype()
    neuron.V_th, neuron.V_reset = 3 * u.mV, 2 * u.mV
    assert neuron.V_reset == 2 * u.mV


def test_an_assignment_between_two_simulations_acts_from_the_next_step() -> None:
    def first(tau: Any) -> Any:
        neuron.tau = tau
        brainstate.nn.init_all_states(neuron)
        recording = simulate(neuron, 0.1 * u.ms, inputs=1 * u.mA, record="V")
        return float(recording["V"].values.to_decimal(u.mV)[0, 0])

    neuron = Leaky(1)
    for tau in (5.0, 1.0, 5.0):
        assert first(tau * u.ms) == pytest.approx(1 - math.exp(-0.1 / tau), rel=1e-5)


def test_a_number_for_a_trained_parameter_is_written_into_its_state() -> None:
    state_of = brainstate.ParamState(np.array([1.0, 2.0]) * u.ms)
    neuron = Leaky(2, tau=state_of)
    neuron.tau = 0.003 * u.second
    assert neuron.trained() == {"tau": state_of}
    np.testing.assert_allclose(state_of.value.to_decimal(u.ms), [3.0, 3.0])
    with pytest.raises(ParameterError, match=r"Leaky.tau: expected a time > 0, got -3 ms"):
        neuron.tau = -3 * u.ms
    np.testing.assert_allclose(neuron.tau.to_decimal(u.ms), [3.0, 3.0])
    another = brainstate.ParamState(4.0 * u.ms)
    neuron.tau = another
    assert neuron.trained() == {"tau": another}


def test_a_traced_value_can_be_assigned_with_the_right_unit_and_shape() -> None:
    neuron = Leaky(2)

    def slope(tau: Any) -> Any:
        neuron.tau = tau * u.ms
        with pytest.raises(UnitError):
            neuron.tau = tau
        return neuron.dV(1 * u.mV, 0 * u.mA).to_decimal(u.mV / u.ms)

    assert jax.jit(jax.grad(slope))(2.0) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            np.ones(4) * u.mV,
            "Leaky.V: expected shape (3,), with a batch axis or without",
        ),
        (5 * u.mV, "Leaky.V: expected shape (3,)"),
        (np.ones(3), "Leaky.V: expected a voltage (for example 1 mV), got an array"),
        (np.ones((3, 5)) * u.mV, "Leaky.V: expected shape (3,)"),
        ("high", "Leaky.V: expected an array of shape (3,), got 'high'"),
        (None, "Leaky.V: expected an array of shape (3,), got None"),
    ],
)
def test_a_state_keeps_its_shape_and_unit(value: Any, text: str) -> None:
    neuron = Leaky(3)
    brainstate.nn.init_all_states(neuron)
    with pytest.raises(BrainloomError, match=re.escape(text)):
        neuron.V.value = value
    assert neuron.V.value.shape == (3,)


def test_a_state_converts_what_it_is_given_to_its_unit_and_dtype() -> None:
    neuron = Steady(2)
    brainstate.nn.init_all_states(neuron)
    neuron.V.value = np.array([1, 2]) * u.volt
    assert u.get_unit(neuron.V.value) == u.mV
    assert neuron.V.value.dtype == jnp.float32
    np.testing.assert_allclose(neuron.V.value.to_decimal(u.mV), [1000.0, 2000.0])
    neuron.V.value = np.ones((5, 2)) * u.mV  # a batch axis
    with pytest.raises(BrainloomError, match=r"Steady\.count: expected numbers of int32"):
        neuron.count.value = np.array([0.5, 1.5])
    neuron.count.value = np.array([1, 2])
    assert neuron.count.value.dtype == jnp.int32


def test_options_from_which_states_follow_are_read_only() -> None:
    cell = Rich(2)
    with pytest.raises(ParameterError, match=r"parts: cannot be changed.*Make a new object"):
        cell.parts = ("one",)


def test_a_subclass_has_attributes_of_its_own() -> None:
    class Own(Leaky):
        def __init__(self, n: int) -> None:
            super().__init__(n)
            self.tau2, self.label = 3 * u.ms, "mine"
            self.part = Leaky(2)
            with pytest.raises(ParameterError):
                self.tau = -1 * u.ms

        def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
            super().init_state(batch_size, **kwargs)
            self.V2 = brainstate.HiddenState(jnp.zeros(2))

    own = Own(2)
    brainstate.nn.init_all_states(own)
    own.label, own.tau2, own.colour = "other", 4 * u.ms, "red"
    twin = copy.deepcopy(own)
    assert (twin.tau2, twin.label) == (4 * u.ms, "other")
    with pytest.raises(ParameterError):
        twin.tau = -1 * u.ms
