r"""EventProp: exact gradients through spike times, for LIF neurons with an exponential current.

Between spikes the adjoints of potential and current obey linear equations; at a spike that of the
potential jumps. With $p_V = \partial L / \partial V$, $p_I = \partial L / \partial I$, the
potential's slopes $\dot V^\mp$ just before and after a spike at $t_k$, and the cotangent $c(t)$
that what follows has for a spike at time $t$:

$$
\dot p_V = \frac{p_V}{\tau}, \qquad
\dot p_I = \frac{p_I}{\tau_\mathrm{syn}} - \frac{R\, p_V}{\tau}, \qquad
p_V(t_k^-) = \frac{\dot V^+ p_V(t_k^+) - \dot c(t_k)}{\dot V^-}
$$

What arrives at a layer has the cotangent $p_I$, and so a layer behind one has the derivative of
this by time. Wunderlich & Pehle write $\lambda_V = -\tau\,p_V / R$ and
$\lambda_I = -\tau_\mathrm{syn}\,p_I$.
"""

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
from brainloom_core import (
    InputError,
    Neuron,
    ParameterError,
    initializer,
    one_of,
    option,
    param,
    positive,
    state,
)
from brainloom_core.context import current_dt
from brainloom_core.types import Array, Initializer, PyTree, Quantity, Time
from brainloom_core.units import exprel, same_dimension, show, to_number

__all__ = ["EventPropLIF", "check_eventprop", "first_spike_time"]


class EventPropLIF(Neuron):
    r"""Leaky integrate-and-fire neuron with an exponential current, trained by EventProp.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,g, \qquad
    \tau_\mathrm{syn} \frac{dg}{dt} = -g
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V_\mathrm{reset}$. What arrives in a step
    is added to $g$ at its beginning.

    The loss may be of first spike times (`first_spike_time`), or of anything behind that is smooth
    in the time of a spike, as a leaky integrator is. In `rollout(segment=...)` the time of a spike
    in the step before or after a border is differentiated from one side.

    Step by step this is an ordinary neuron with a surrogate gradient. Over a whole sequence
    (`over_time`, which `rollout` calls) the derivative is that of EventProp: exact in the limit of
    short steps, with an error that falls like $\Delta t$. It sees spikes move in time, not appear
    or vanish: a neuron that does not spike has no gradient, and neither has a count of spikes.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 20 ms; scalar or one per neuron.
        tau_syn: Synaptic time constant $\tau_\mathrm{syn}$, 5 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, 1 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, 0 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, 0 mV; scalar or one per neuron.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        g_initializer: Initial synaptic current, 0 mA; a constant, an array or a function of the
            shape.
        spk_fun: Spike function, for steps taken one by one, `ReluGrad()`.
        spk_reset: `"hard"`; there is no other.
        name: Name of the module.
        solver: `"auto"`: exact; there is no other.
        interpolate: False; there is no other.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        g: Synaptic current, shape `(*batch, *in_size)`, mA.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range, or is a trainable state
            while a whole sequence is run.
        InputError: An input has the wrong unit or shape.

    References:
        Wunderlich & Pehle (2021), Scientific Reports 11, 12829, doi:10.1038/s41598-021-91786-z.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import EventPropLIF, rollout
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = EventPropLIF(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = rollout(neuron, jnp.zeros((500, 1)).at[0].set(10.0))
        >>> print(spikes.argmax(), spikes.sum())
        28 1.0
    """

    R: Quantity = param(default=1.0 * u.ohm, constraint=positive, doc="membrane resistance")
    tau: Quantity = param(default=20.0 * u.ms, constraint=positive, doc="membrane time constant")
    tau_syn: Quantity = param(default=5.0 * u.ms, constraint=positive, doc="synaptic time constant")
    V_th: Quantity = param(default=1.0 * u.mV, doc="threshold", above="V_reset")
    V_reset: Quantity = param(default=0.0 * u.mV, doc="reset potential")
    V_rest: Quantity = param(default=0.0 * u.mV, doc="resting potential")
    V_initializer: Initializer = initializer(default=0.0 * u.mV)
    g_initializer: Initializer = initializer(default=0.0 * u.mA)
    spk_reset: str = option(default="hard", constraint=one_of("hard"), doc="reset rule")
    solver: str = option(default="auto", constraint=one_of("auto"), doc="time-stepping scheme")
    interpolate: bool = option(default=False, constraint=one_of(False), doc="not available")
    detach_reset: bool | None = None
    V = state("V_initializer", "membrane potential")
    g = state("g_initializer", "synaptic current")
    input_kind = "events"
    jump_state = "g"
    linear = True

    def dV(self, V: Quantity, g: Quantity, I: Quantity) -> Quantity:
        return (self.V_rest - V + self.R * (g + I)) / self.tau

    def dg(self, g: Quantity) -> Quantity:
        return -g / self.tau_syn

    def update(self, x: Quantity | None = None) -> Array:
        """Advance by one step in which `x` arrives, a current or a number of mA.

        Args:
            x: What arrives, mA or a number of mA; scalar, one per neuron, or of the shape of the
                states; None for nothing.
        """
        if x is not None:
            arriving = self._arriving(x)
            self.check_shape("update(x)", arriving)
            self.add_delta_input("arriving", arriving * u.mA)
        return super().update()

    def over_time(self, xs: Quantity) -> Array:
        """Advance by all steps of a sequence `(T, *batch, *in_size)` and return the spikes.

        Args:
            xs: What arrives in each step, mA or numbers of mA, shape `(T, *batch, *in_size)`.

        Returns:
            Spikes of the same shape.
        """
        self.check_constant()
        arriving = self._arriving(xs)
        if arriving.shape[1:] != self.V.value.shape:
            raise InputError(
                f"EventPropLIF.over_time(xs): expected steps of shape {self.V.value.shape}, "
                f"got a sequence of shape {arriving.shape}"
            )
        dt, dtype = current_dt(), self.V.value.dtype
        constants = {
            name: jnp.asarray(number, dtype)
            for name, number in {
                "dt": to_number(dt, u.ms),
                "tau": to_number(self.tau, u.ms),
                "tau_syn": to_number(self.tau_syn, u.ms),
                "R": to_number(self.R * u.mA, u.mV),
                "threshold": to_number(self.V_th - self.V_rest, u.mV),
                "reset": to_number(self.V_reset - self.V_rest, u.mV),
            }.items()
        }
        start = (to_number(self.V.value - self.V_rest, u.mV), to_number(self.g.value, u.mA))
        spikes, (V, g) = _run(constants, start, arriving.astype(dtype))
        self.assign_states({"V": V * u.mV + self.V_rest, "g": g * u.mA, "spike": spikes[-1]})
        return spikes

    def check_constant(self) -> None:
        """Raise an error where a parameter is to be trained: only what arrives has a gradient."""
        for name in self.declared_parameters():
            value = vars(self).get(name)
            if isinstance(value, (brainstate.State, brainstate.nn.Param)):
                raise ParameterError(
                    f"EventPropLIF.{name}: expected a constant, got a {type(value).__name__}: "
                    "EventProp has a gradient by what arrives only"
                )

    def _arriving(self, x: Quantity) -> Array:
        if isinstance(x, u.Quantity) and not same_dimension(x, u.mA):
            raise InputError(
                f"EventPropLIF: expected what arrives as a current or a number, got {show(x)}"
            )
        return jnp.asarray(to_number(x, u.mA))


@jax.custom_vjp
def _run(
    constants: dict[str, Array], start: tuple[Array, Array], arriving: Array
) -> tuple[Array, tuple[Array, Array]]:
    """Spikes of all steps, and the potential (above rest) and current in the end."""
    return _forward(constants, start, arriving)[0]


def _forward(constants: dict[str, Array], start: tuple[Array, Array], arriving: Array) -> PyTree:
    c = constants
    grow_V, grow_g, charge = _propagator(c)

    def step(carried: tuple[Array, Array], jump: Array) -> tuple[tuple[Array, Array], PyTree]:
        V, g = carried
        V, g = jnp.where(c["threshold"] > V, V, c["reset"]), g + jump
        new = grow_V * V + charge * g, grow_g * g
        spiked = new[0] >= c["threshold"]
        return new, (spiked, _slope(c, V, g, new[0]))

    end, (spiked, slope) = jax.lax.scan(step, start, arriving)
    return (spiked.astype(arriving.dtype), end), (c, spiked, slope)


def _backward(kept: PyTree, cotangents: PyTree) -> PyTree:
    """The adjoint equations from the last step to the first, with the jumps at spikes.

    The cotangent of the potential is that after a reset, also between two parts of a sequence.
    """
    c, spiked, slope = kept
    due, end = cotangents
    grow_V, grow_g, charge = _propagator(c)
    kick = (c["threshold"] - c["reset"]) / c["tau"]  # by which the reset raises the slope

    def step(
        carried: tuple[Array, Array], given: tuple[Array, Array, Array]
    ) -> tuple[tuple[Array, Array], PyTree]:
        p_V, p_g = carried
        spiked, slope, moved = given
        p_V = jnp.where(spiked, ((slope + kick) * p_V - moved) / slope, p_V)
        p_g = grow_g * p_g + charge * p_V
        return (grow_V * p_V, p_g), p_g

    moved = _by_time(due) / c["dt"]
    (p_V, p_g), arrived = jax.lax.scan(step, end, (spiked, slope, moved), reverse=True)
    return None, (p_V, p_g), arrived


_run.defvjp(_forward, _backward)


def _propagator(c: dict[str, Array]) -> tuple[Array, Array, Array]:
    """Of V, of g, and from g to V, over a step."""
    fast, slow = c["dt"] / c["tau_syn"], c["dt"] / c["tau"]
    grow_V = jnp.exp(-slow)
    return grow_V, jnp.exp(-fast), c["R"] * slow * grow_V * exprel(slow - fast)


def _slope(c: dict[str, Array], V: Array, g: Array, new: Array) -> Array:
    """The potential's slope at the crossing of the threshold, which a straight line dates."""
    part = jnp.clip((c["threshold"] - V) / jnp.where(new != V, new - V, 1.0), 0.0, 1.0)
    current = g * jnp.exp(-part * c["dt"] / c["tau_syn"])
    slope = (c["R"] * current - c["threshold"]) / c["tau"]
    mean = (new - V) / c["dt"]  # where the peak is within the step
    return jnp.where(slope > 0.0, slope, jnp.where(mean > 0.0, mean, 1.0))


def _by_time(due: Array) -> Array:
    """Central differences along the first axis, one-sided at its ends.

    Where the cotangent jumps at the spike itself, as behind a leaky integrator, the mean of both
    sides is what a loss that is quadratic in it needs.
    """
    if len(due) == 1:
        return jnp.zeros_like(due)
    inner = (due[2:] - due[:-2]) / 2.0
    return jnp.concatenate([due[1:2] - due[:1], inner, due[-1:] - due[-2:-1]])


def first_spike_time(spikes: Array) -> Time:
    r"""The time of the first spike of each neuron, with a derivative for EventProp.

    It is the middle of the step in which the spike is, $(k + \tfrac12)\,\Delta t$, and the end of
    the sequence where there is none. Its derivative by the spikes is a ramp through the first
    spike, whose slope by time is 1: EventProp differentiates what follows a spike by its time.

    Args:
        spikes: Spikes of an `EventPropLIF`, `(T, *batch, n)`.

    Returns:
        Times `(*batch, n)` from the start of the sequence.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import first_spike_time
        >>> with brainstate.environ.context(dt=0.5 * u.ms):
        ...     print(first_spike_time(jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])))
        [0.75 1.5 ] ms
    """
    dt = current_dt()
    return _first(spikes) * dt


@jax.custom_vjp
def _first(spikes: Array) -> Array:
    """In steps."""
    there = jnp.any(spikes > 0.0, 0)
    return jnp.where(there, jnp.argmax(spikes > 0.0, 0) + 0.5, len(spikes)).astype(spikes.dtype)


def _first_backward(spikes: Array, cotangent: Array) -> tuple[Array]:
    first = jnp.argmax(spikes > 0.0, 0)
    steps = jnp.arange(len(spikes)).reshape(-1, *(1,) * first.ndim)
    ramp = jnp.clip(steps - first, -1, 1) * jnp.any(spikes > 0.0, 0)
    return (ramp * cotangent,)


_first.defvjp(lambda spikes: (_first(spikes), spikes), _first_backward)


def check_eventprop(model: brainstate.nn.Module) -> None:
    """Raise an error where EventProp does not give the gradient of a model.

    Its spiking layers have to be `EventPropLIF`, each of them the model itself or a layer of a
    `brainstate.nn.Sequential` (which may stand in another): there `rollout` gives them the whole
    sequence. Within any other module they would be stepped, and have a surrogate gradient; a
    module that feeds spikes back to itself is among these.

    Args:
        model: A module whose call advances it by one step.

    Raises:
        InputError: There is no such layer, another spiking layer, or one inside another module.
        ParameterError: A parameter of such a layer is to be trained.
    """
    chain = {id(layer) for layer in _chain(model)}
    spiking = {
        ".".join(map(str, path)) or "the model": module
        for path, module in model.nodes().items()
        if hasattr(module, "get_spike")
    }
    if not spiking:
        raise InputError("eventprop: the model has no EventPropLIF")
    for name, module in spiking.items():
        if not isinstance(module, EventPropLIF):
            raise InputError(
                f"eventprop: {name} is a {type(module).__name__}: expected EventPropLIF as the "
                "only spiking layer"
            )
        module.check_constant()
        if id(module) not in chain:
            raise InputError(
                f"eventprop: {name} is inside of a module that runs it step by step, with a "
                "surrogate gradient: expected a layer of a brainstate.nn.Sequential"
            )


def _chain(model: brainstate.nn.Module) -> list[brainstate.nn.Module]:
    if isinstance(model, brainstate.nn.Sequential):
        return [inner for layer in model.layers for inner in _chain(layer)]
    return [model]
