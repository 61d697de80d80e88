"""Spike sources with a memory or a time course: gamma renewal and inhomogeneous Poisson."""

import math
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError, keys, option, param, positive, state
from brainloom_core.context import current_dt
from brainloom_core.types import Array, DTypeLike, Quantity, Shape, Time
from brainloom_core.units import show

from .rates import as_spikes, in_double, is_of_time, rate_param, spike_type
from .sources import PoissonTrains, RateSource

__all__ = ["GammaSpike", "InhomogeneousPoisson"]

MAX_TERMS = 100_000
Key = Any  # one of jax, or two words of a key by name


class GammaSpike(RateSource):
    r"""Independent gamma renewal processes: spike trains that are more regular than Poisson.

    Intervals are independent, with the density of a gamma distribution of mean $1/f$ and
    coefficient of variation $c$ (shape $k = 1/c^2$, scale $1/(k f)$); $c = 1$ is Poisson, $c < 1$
    more regular, $c > 1$ bursting.

    The process runs in continuous time, and the step only says in which bin a spike is counted:
    nothing else depends on `dt`, which may also change on the way. It starts in equilibrium:
    the time to the first spike has the density $f\,(1 - F(t))$ of the forward recurrence time,
    $F$ being the distribution of intervals, so that the rate is $f$ from the beginning.

    A rate may change in time: the process then runs in the time $\int f\,dt$, in which it is that
    of rate 1, so that the rate is $f(t)$ and intervals are shorter where it is high.

    Args:
        in_size: Number of neurons, or the shape of the population.
        freqs: Rates $f$, in Hz, as of [`PoissonSpike`][brainloom_neurons.PoissonSpike]: a scalar or
            one per neuron; an object that draws them; a function of the time (negative values count
            as zero); or an array over the time, with one row per step or, with `bin_width`, one
            value or row per bin, after whose end there are no spikes.
        cv: Coefficient of variation of the intervals $c$, above 0; scalar or one per neuron.
        spk_type: Type of the spikes: `bool` for whether there is a spike in the step, where nearly
            all steps have one at most; `int` or `float` for their number.
        bin_width: Width of a bin where `freqs` has one value or row per bin, at least `dt`. None,
            the default, where it has not.
        name: Name of the module.

    Attributes:
        spike: Spikes of the last step, shape `(*batch, *in_size)`.
        wait: Time to the next spike in units of the mean interval, shape `(*batch, *in_size)`.
        wait_error: What rounding has taken from `wait`, so that slow processes are exact too.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: The spikes are `bool`, and a rate is above `1 / dt`, or more than 5 % of them
            would be lost since several fall into one step; that of a function is no rate.

    References:
        Cox (1962), Renewal Theory; Marsaglia & Tsang (2000), ACM Trans. Math. Softw. 26, 363,
        doi:10.1145/358407.358414.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import GammaSpike
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> source = brainstate.nn.init_all_states(GammaSpike(100, 20 * u.Hz, cv=0.5))
        >>> brainstate.transform.for_loop(lambda i: source(), jnp.arange(50)).shape
        (50, 100)
    """

    freqs: Quantity = rate_param(doc="rates", kw_only=False)
    cv: Quantity = param(
        constraint=positive, doc="coefficient of variation", unit=u.UNITLESS, kw_only=False
    )
    spk_type: DTypeLike = option(default=bool, constraint=spike_type, doc="type of the spikes")
    bin_width: Quantity = param(
        default=None, constraint=positive, doc="width of a bin", unit=u.ms, optional=True
    )
    wait = state(lambda model, shape: model._first(shape), "time to the next spike")
    wait_error = state(
        lambda model, shape: jnp.zeros(shape, brainstate.environ.dftype()),
        "what rounding has taken",
    )

    def _first(self, shape: Shape) -> Quantity:
        """Time 0 falls into an interval in proportion to its length, and anywhere in it."""
        dtype, k = brainstate.environ.dftype(), self.cv**-2.0
        over = jnp.full(shape, -np.finfo(dtype).tiny, dtype)
        around, _ = _renewed(over, jnp.broadcast_to(k + 1.0, shape), *_key())
        return around * (1.0 + 1.0 / k) * keys.uniform(shape, dtype)

    def drawn(self, t: Time | None = None) -> Quantity:
        """The spikes of one step.

        Args:
            t: Time at the beginning of the step, None for that of the environment.
        """
        y = self.state_values()
        elapsed = jnp.maximum(self.expected(t), 0.0)
        self._require_few_together()
        change = -elapsed - y["wait_error"]
        left = y["wait"] + change
        error = (left - y["wait"]) - change
        k = jnp.broadcast_to(self.cv**-2.0, left.shape)
        wait, counts = _renewed(left, k, *_key())
        self.assign_states({"wait": wait, "wait_error": error})
        return as_spikes(counts, self.spk_type)

    def _require_few_together(self) -> None:
        """Raise if many spikes would be lost, as bool, since several fall into one step."""
        known = [u.get_mantissa(value) for value in (self.freqs, self.cv, current_dt())]
        if np.dtype(self.spk_type) != bool or is_of_time(self.freqs):
            return
        if any(isinstance(number, jax.core.Tracer) for number in known):
            return
        highest = np.asarray(u.get_magnitude(in_double(self.freqs) * in_double(current_dt())))
        lost = _lost_as_bool(highest, np.asarray(known[1], np.float64))
        if lost > 0.05:
            raise InputError(
                f"GammaSpike.spk_type: with bool {100 * lost:.0f} % of the spikes would be lost, "
                f"since several of a neuron fall into one step of {show(current_dt())}. Write "
                "spk_type=int for their number, or take a shorter dt"
            )


def _lost_as_bool(expected: np.ndarray, cv: np.ndarray) -> float:
    r"""The largest part of the spikes that are not the first of their step.

    It is the mean over a step of $F(x)$, the probability of an interval below $x$. For intervals
    of gamma distribution $\int_0^a P(k, x)\,dx = a P(k, a) - k P(k + 1, a)$, of which
    $P(k, a) = \sum_n a^{k + n} e^{-a} / \Gamma(k + n + 1)$.
    """
    mean, spread = np.broadcast_arrays(expected, cv)
    mean, spread = np.unique(np.stack([mean.ravel(), spread.ravel()]), axis=1)
    k = spread[mean > 0.0] ** -2.0
    a = np.minimum(mean[mean > 0.0], 1.0) * k
    lost = _below(k, a) - k / a * _below(k + 1.0, a)
    return float(lost.max(initial=0.0))


def _below(k: np.ndarray, a: np.ndarray) -> np.ndarray:
    """The incomplete gamma function P(k, a), of a up to k."""
    logs = np.array([math.lgamma(shape + 1.0) for shape in k])
    term = np.exp(k * np.log(a) - a - logs)
    total, n = term, 1
    while n < MAX_TERMS and np.any(term > 1e-9 * total):
        term = term * a / (k + n)
        total, n = total + term, n + 1
    return total


def _key() -> tuple[Key, keys.Word | None]:
    """A key, and the first neuron that is at hand where the key is one by name, else None."""
    key, is_by_name = keys.own_key()
    return key, keys.first_neuron() if is_by_name else None


@jax.jit
def _renewed(
    wait: jax.Array, k: jax.Array, key: Key, first: keys.Word | None
) -> tuple[jax.Array, jax.Array]:
    """Add intervals where the wait is over, and count them; a few neurons at a time."""
    size, shape = wait.size, wait.shape
    width = min(size, max(64, size // 8))
    k = k.reshape(-1).astype(wait.dtype)

    def one(carry: tuple[Key, Array, Array, Array]) -> tuple[Key, Array, Array, Array]:
        key, wait, counts, tried = carry
        over = jnp.nonzero(wait < 0.0, size=width, fill_value=size)[0]
        its = k.at[over].get(mode="clip")
        if first is None:
            key, used = jax.random.split(key)
            drawn = _numbers(used, its)
        else:
            drawn = _by_name(key, tried.at[over].get(mode="clip"), over, shape, first, its.dtype)
            tried = tried.at[over].add(1, mode="drop")
        interval, good = _proposal(its, *drawn)
        over = jnp.where(good, over, size)
        wait = wait.at[over].add(interval, mode="drop")
        return key, wait, counts.at[over].add(1, mode="drop"), tried

    none = jnp.zeros(size, jnp.int32)
    start = key, wait.reshape(-1), none, none
    wait, counts = jax.lax.while_loop(lambda carry: jnp.any(carry[1] < 0.0), one, start)[1:3]
    return wait.reshape(shape), counts.reshape(shape)


def _numbers(key: jax.Array, k: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """A normal number and two uniform ones above zero for each."""
    normal_key, uniform_key, power_key = jax.random.split(key, 3)
    x = jax.random.normal(normal_key, k.shape, k.dtype)
    uniform, other = (
        1.0 - jax.random.uniform(each, k.shape, k.dtype) for each in (uniform_key, power_key)
    )
    return x, uniform, other


def _by_name(
    key: Key,
    tried: jax.Array,
    over: jax.Array,
    shape: Shape,
    first: keys.Word,
    dtype: DTypeLike,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The same, which for a neuron depend on how often it has drawn and not on others."""
    words = [keys.words_at(key, tried, which, over, shape[-1], first) for which in range(3)]
    uniform, other = (1.0 - keys.as_uniform(each, dtype) for each in words[1:])
    return keys.as_normal(words[0], dtype), uniform, other


def _proposal(
    k: jax.Array, x: jax.Array, uniform: jax.Array, other: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Intervals of mean 1 and shape k, and which of them to accept.

    The method of Marsaglia & Tsang for shapes from 1; below, a number of shape k + 1 times a
    power of a uniform one.
    """
    d = jnp.where(k < 1.0, k + 1.0, k) - 1.0 / 3.0
    v = (1.0 + x / jnp.sqrt(9.0 * d)) ** 3
    log_v = jnp.log(jnp.maximum(v, np.finfo(k.dtype).tiny))
    good = (v > 0.0) & (jnp.log(uniform) < 0.5 * x**2 + d * (1.0 - v + log_v))
    power = jnp.where(k < 1.0, other ** (1.0 / k), 1.0)
    return d * v * power / k, good


class InhomogeneousPoisson(PoissonTrains):
    r"""Independent Poisson spike trains whose rate changes in time.

    In the step from $t$ to $t + \Delta t$ a neuron spikes with probability
    $\int_t^{t+\Delta t} f$, at most once, which is as regular as with a refractory period of one
    step where that exceeds about 0.1; with a type of number as `spk_type` the spikes are their
    number, which is Poisson, of the same mean. The integral is
    $f(t + \Delta t / 2)\,\Delta t$: exact for a rate that is constant in the step, and of second
    order in $\Delta t$ otherwise. [`PoissonSpike`][brainloom_neurons.PoissonSpike] takes the same
    rates, as `freqs`.

    Args:
        in_size: Number of neurons, or the shape of the population.
        rate: Rate $f$, a function of the time that returns Hz, scalar or one per neuron
            (negative values count as zero); or an array of rates in Hz, one per bin, with an
            axis for the neurons behind if they differ, after whose end there are no spikes.
        bin_width: Width of a bin if `rate` is an array, at least `dt`; bins begin at the
            nearest step. None where each row of `rate` is one step.
        spk_type: Type of the spikes: `bool` for at most one in a step, `int` or `float` for
            their number.
        name: Name of the module.

    Attributes:
        spike: Spikes of the last step, shape `(*batch, *in_size)`.

    Raises:
        ParameterError: The array of rates or `bin_width` has the wrong unit, shape or range.
        InputError: The function returns something else than a rate, a bin is below `dt`, or a rate
            is above `1 / dt` and the spikes are `bool`.

    References:
        Dayan & Abbott (2001), Theoretical Neuroscience, section 1.4; Gerstner, Kistler, Naud &
        Paninski (2014), Neuronal Dynamics, chapter 7, doi:10.1017/CBO9781107447615.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import InhomogeneousPoisson
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> wave = lambda t: (10 + 10 * jnp.sin(t / (20 * u.ms))) * u.Hz
        >>> with brainstate.environ.context(i=0):
        ...     InhomogeneousPoisson(100, wave)().shape
        (100,)
        >>> psth = InhomogeneousPoisson(100, [5, 80, 20] * u.Hz, bin_width=50 * u.ms)
    """

    _rate_name = "rate"

    rate: Quantity = rate_param(doc="rate as a function of time, or per bin", kw_only=False)
    bin_width: Quantity = param(
        default=None, constraint=positive, doc="width of a bin", unit=u.ms, optional=True
    )
    spk_type: DTypeLike = option(default=bool, constraint=spike_type, doc="type of the spikes")
