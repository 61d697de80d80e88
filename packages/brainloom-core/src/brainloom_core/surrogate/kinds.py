"""The spike functions: each is the formula of its derivative."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf as _erf
from jax.scipy.special import ndtr as _ndtr

from .. import keys
from ..declare.constraints import Constraint, non_negative, positive, whole
from ..declare.fields import option_field, quantity_field
from ..types import Array
from ..units import exprel
from .base import Surrogate

__all__ = [
    "ERF",
    "S2NN",
    "Arctan",
    "Boxcar",
    "FastSigmoid",
    "GaussianGrad",
    "InvSquareGrad",
    "LeakyRelu",
    "LogTailedRelu",
    "MultiGaussianGrad",
    "NonzeroSignLog",
    "PiecewiseExp",
    "PiecewiseLeakyRelu",
    "PiecewiseQuadratic",
    "QPseudoSpike",
    "ReluGrad",
    "Sigmoid",
    "SlayerGrad",
    "SoftSign",
    "SquarewaveFourierSeries",
    "Stochastic",
    "StraightThrough",
    "SuperSpike",
    "Tanh",
]


def _number(default: float, constraint: Constraint | None = None) -> Any:
    return quantity_field(default=default, constraint=constraint)


# Bounded support


@dataclass(frozen=True)
class ReluGrad(Surrogate):
    r"""Triangle $\max(0,\ \alpha (w - |z|))$, width `width` on either side.

    Args:
        alpha: Slope of the sides and, times `width`, the height of the peak, 0.3.
        width: Half-width of the base, 1.

    References:
        Esser et al. (2016), PNAS 113, 11441, doi:10.1073/pnas.1604850113.
    """

    alpha: float = _number(0.3, positive)
    width: float = _number(1.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return jnp.maximum(0.0, self.alpha * (self.width - abs(z)))

    def smooth(self, z: jax.Array) -> jax.Array:
        inside = jnp.clip(z, -self.width, self.width)
        return 0.5 + self.alpha * inside * (self.width - abs(inside) / 2.0)


@dataclass(frozen=True)
class PiecewiseQuadratic(Surrogate):
    r"""Triangle of area 1, $\max(0,\ \alpha - \alpha^2 |z|)$, the derivative of two parabolas.

    Args:
        alpha: Height of the peak, the inverse of the half-width, 1.
    """

    alpha: float = _number(1.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return jnp.maximum(0.0, self.alpha - self.alpha**2 * abs(z))

    def smooth(self, z: jax.Array) -> jax.Array:
        scaled = jnp.clip(self.alpha * z, -1.0, 1.0)
        return 0.5 + scaled * (1.0 - abs(scaled) / 2.0)


@dataclass(frozen=True)
class Boxcar(Surrogate):
    r"""Rectangle, `height` where $|z| \le w / 2$ and 0 elsewhere.

    Args:
        width: Width $w$ of the base, 2.
        height: The slope within it; 0.5 times 2, an area of 1, by default.
    """

    width: float = _number(2.0, positive)
    height: float = _number(0.5, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return jnp.where(abs(z) > self.width / 2.0, 0.0, self.height)

    def smooth(self, z: jax.Array) -> jax.Array:
        return 0.5 + self.height * jnp.clip(z, -self.width / 2.0, self.width / 2.0)


# Exponential tails


@dataclass(frozen=True)
class Sigmoid(Surrogate):
    r"""Derivative of a logistic function, $\alpha\,\sigma(\alpha z)\,(1 - \sigma(\alpha z))$.

    Args:
        alpha: Steepness $\alpha$, 4.
    """

    alpha: float = _number(4.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        # 1 - sigmoid(z) loses its digits for large z, sigmoid(-z) does not.
        return self.alpha * self.smooth(z) * self.smooth(-z)

    def smooth(self, z: jax.Array) -> jax.Array:
        return jax.nn.sigmoid(self.alpha * z)


@dataclass(frozen=True)
class Tanh(Surrogate):
    r"""Derivative of a hyperbolic tangent, $1 - \tanh^2(\alpha z)$, of height 1.

    Args:
        alpha: Steepness $\alpha$, 1.
    """

    alpha: float = _number(1.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        x = 2.0 * self.alpha * z  # in place of 1 - tanh(x / 2)^2, which loses its digits
        return 4.0 * jax.nn.sigmoid(x) * jax.nn.sigmoid(-x)

    def smooth(self, z: jax.Array) -> jax.Array:
        return 0.5 + jnp.tanh(self.alpha * z) / self.alpha


@dataclass(frozen=True)
class PiecewiseExp(Surrogate):
    r"""Laplace density, $\frac{\alpha}{2} e^{-\alpha |z|}$.

    Args:
        alpha: Decay $\alpha$, 1.
    """

    alpha: float = _number(1.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return self.alpha / 2.0 * jnp.exp(-self.alpha * abs(z))

    def smooth(self, z: jax.Array) -> jax.Array:
        return 0.5 - jnp.sign(z) * jnp.expm1(-self.alpha * abs(z)) / 2.0


@dataclass(frozen=True)
class SlayerGrad(Surrogate):
    r"""Exponential of height 1, $e^{-\alpha |z|}$ (SLAYER).

    Args:
        alpha: Decay $\alpha$, 1.

    References:
        Shrestha & Orchard (2018), NeurIPS 31, arXiv:1810.08646.
    """

    alpha: float = _number(1.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return jnp.exp(-self.alpha * abs(z))

    def smooth(self, z: jax.Array) -> jax.Array:
        return 0.5 + z * exprel(-self.alpha * abs(z))


@dataclass(frozen=True)
class ERF(Surrogate):
    r"""Derivative of an error function, $\frac{\alpha}{\sqrt\pi} e^{-\alpha^2 z^2}$.

    Args:
        alpha: Steepness $\alpha$, 1.
    """

    alpha: float = _number(1.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return self.alpha / np.sqrt(np.pi).item() * jnp.exp(-((self.alpha * z) ** 2))

    def smooth(self, z: jax.Array) -> jax.Array:
        return 0.5 + _erf(self.alpha * z) / 2.0


@dataclass(frozen=True)
class GaussianGrad(Surrogate):
    r"""Gaussian, $\alpha\, \mathcal N(z;\, 0, \sigma^2)$.

    Args:
        sigma: Width $\sigma$, 0.5.
        alpha: Area $\alpha$, 0.5.
    """

    sigma: float = _number(0.5, positive)
    alpha: float = _number(0.5, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return self.alpha * _gaussian(z, self.sigma)

    def smooth(self, z: jax.Array) -> jax.Array:
        return 0.5 + self.alpha * (_ndtr(z / self.sigma) - 0.5)


@dataclass(frozen=True)
class MultiGaussianGrad(Surrogate):
    r"""A Gaussian with a negative side lobe on either side.

    $$
    \gamma\,[(1 + h)\, \mathcal N(z;\, 0, \sigma^2)
    - h\, \mathcal N(z;\, \sigma, (s\sigma)^2) - h\, \mathcal N(z;\, -\sigma, (s\sigma)^2)]
    $$

    Args:
        h: Weight $h$ of the side lobes, 0.15.
        s: Their width $s$, in widths of the peak, 6.
        sigma: Width $\sigma$ of the peak, 0.5.
        scale: Factor $\gamma$ of all, 0.5.

    References:
        Yin, Corradi & Bohté (2021), Nature Machine Intelligence 3, 905,
        doi:10.1038/s42256-021-00397-w.
    """

    h: float = _number(0.15, non_negative)
    s: float = _number(6.0, positive)
    sigma: float = _number(0.5, positive)
    scale: float = _number(0.5, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        wide = self.s * self.sigma
        lobes = _gaussian(z - self.sigma, wide) + _gaussian(z + self.sigma, wide)
        return self.scale * ((1.0 + self.h) * _gaussian(z, self.sigma) - self.h * lobes)

    def smooth(self, z: jax.Array) -> jax.Array:
        wide = self.s * self.sigma
        lobes = _ndtr((z - self.sigma) / wide) + _ndtr((z + self.sigma) / wide) - 1.0
        peak = _ndtr(z / self.sigma) - 0.5
        return 0.5 + self.scale * ((1.0 + self.h) * peak - self.h * lobes)


def _gaussian(z: jax.Array, sigma: Array | float) -> jax.Array:
    return jnp.exp(-((z / sigma) ** 2) / 2.0) / (np.sqrt(2.0 * np.pi).item() * sigma)


# Heavy tails


@dataclass(frozen=True)
class Arctan(Surrogate):
    r"""Derivative of an arctangent, $\frac{\alpha}{2} / (1 + (\tfrac{\pi}{2} \alpha z)^2)$.

    Args:
        alpha: Steepness $\alpha$, 1.
    """

    alpha: float = _number(1.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return self.alpha / 2.0 / (1.0 + (jnp.pi / 2.0 * self.alpha * z) ** 2)

    def smooth(self, z: jax.Array) -> jax.Array:
        return 0.5 + jnp.arctan(jnp.pi / 2.0 * self.alpha * z) / jnp.pi


@dataclass(frozen=True)
class SoftSign(Surrogate):
    r"""Derivative of a soft sign, $\frac{\alpha}{2} / (1 + |\alpha z|)^2$.

    Args:
        alpha: Steepness $\alpha$, 1.
    """

    alpha: float = _number(1.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return self.alpha / 2.0 / (1.0 + self.alpha * abs(z)) ** 2

    def smooth(self, z: jax.Array) -> jax.Array:
        return 0.5 + self.alpha * z / (1.0 + self.alpha * abs(z)) / 2.0


@dataclass(frozen=True)
class InvSquareGrad(Surrogate):
    r"""Fast-sigmoid derivative (SuperSpike), $1 / (\alpha |z| + 1)^2$.

    Args:
        alpha: Steepness $\alpha$, 100; snnTorch and Spyx call it slope and take 25.

    References:
        Zenke & Ganguli (2018), Neural Computation 30, 1514, doi:10.1162/neco_a_01086.
    """

    alpha: float = _number(100.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return 1.0 / (self.alpha * abs(z) + 1.0) ** 2

    def smooth(self, z: jax.Array) -> jax.Array:
        return 0.5 + z / (self.alpha * abs(z) + 1.0)


SuperSpike = FastSigmoid = InvSquareGrad


@dataclass(frozen=True)
class NonzeroSignLog(Surrogate):
    r"""Derivative of a signed logarithm, $1 / (1/\alpha + |z|)$; its height is $\alpha$.

    Args:
        alpha: Steepness $\alpha$, 1.
    """

    alpha: float = _number(1.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return 1.0 / (1.0 / self.alpha + abs(z))

    def smooth(self, z: jax.Array) -> jax.Array:
        return 0.5 + jnp.sign(z) * jnp.log1p(self.alpha * abs(z))


@dataclass(frozen=True)
class QPseudoSpike(Surrogate):
    r"""A power of the distance, $(1 + \frac{2}{\alpha + 1} |z|)^{-\alpha}$.

    Args:
        alpha: How fast the tails fall, $\alpha$, 2; large values approach an exponential.

    References:
        Herranz-Celotti & Rouat (2022), arXiv:2202.00282.
    """

    alpha: float = _number(2.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return (1.0 + 2.0 / (self.alpha + 1.0) * abs(z)) ** -self.alpha

    def smooth(self, z: jax.Array) -> jax.Array:
        log = jnp.log1p(2.0 / (self.alpha + 1.0) * abs(z))
        area = (self.alpha + 1.0) / 2.0 * log * exprel((1.0 - self.alpha) * log)
        return 0.5 + jnp.sign(z) * area


# Different on the two sides, periodic or constant


@dataclass(frozen=True)
class S2NN(Surrogate):
    r"""A logistic function below the threshold and a logarithm above.

    $\alpha\,\sigma(\alpha z)\,(1 - \sigma(\alpha z))$ where $z < 0$ and $\beta / (z + 1)$
    elsewhere.

    Args:
        alpha: Steepness $\alpha$ below the threshold, 4.
        beta: Slope $\beta$ at the threshold, from above, 1.
        epsilon: Part of the formula elsewhere, where it keeps a logarithm finite, 1e-8; it does not
            act on the slope.
    """

    alpha: float = _number(4.0, positive)
    beta: float = _number(1.0, positive)
    epsilon: float = _number(1e-8, non_negative)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        below = jax.nn.sigmoid(self.alpha * z)
        above = self.beta / (jnp.maximum(z, 0.0) + 1.0)
        return jnp.where(z < 0, self.alpha * below * (1.0 - below), above)

    def smooth(self, z: jax.Array) -> jax.Array:
        above = 0.5 + self.beta * jnp.log1p(jnp.maximum(z, 0.0))
        return jnp.where(z < 0, jax.nn.sigmoid(self.alpha * z), above)


@dataclass(frozen=True)
class LeakyRelu(Surrogate):
    r"""Two constants, $\alpha$ where $z < 0$ and $\beta$ elsewhere.

    Args:
        alpha: Slope below the threshold, 0.1.
        beta: Slope above it, 1.
    """

    alpha: float = _number(0.1)
    beta: float = _number(1.0)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return jnp.where(z < 0, self.alpha, self.beta)

    def smooth(self, z: jax.Array) -> jax.Array:
        return 0.5 + z * self.surrogate_grad(z)


@dataclass(frozen=True)
class LogTailedRelu(Surrogate):
    r"""$\alpha$ where $z \le 0$, 1 up to $z = 1$ and $1 / z$ beyond.

    Args:
        alpha: Slope below the threshold and at it, 0.

    References:
        Cai, He, Sun & Vasconcelos (2017), arXiv:1702.00953.
    """

    alpha: float = _number(0.0)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return jnp.where(z > 0, 1.0 / jnp.maximum(z, 1.0), self.alpha)

    def smooth(self, z: jax.Array) -> jax.Array:
        above = jnp.minimum(z, 1.0) + jnp.log(jnp.maximum(z, 1.0))
        return 0.5 + jnp.where(z > 0, above, self.alpha * z)


@dataclass(frozen=True)
class PiecewiseLeakyRelu(Surrogate):
    r"""$1 / 2w$ where $|z| \le w$ and $c$ elsewhere.

    Args:
        c: Slope $c$ of the tails, 0.01.
        w: Half-width $w$ of the middle, 1.
    """

    c: float = _number(0.01)
    w: float = _number(1.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return jnp.where(abs(z) > self.w, self.c, 0.5 / self.w)

    def smooth(self, z: jax.Array) -> jax.Array:
        inside = jnp.clip(z, -self.w, self.w)
        return 0.5 + inside / self.w / 2.0 + self.c * (z - inside)


@dataclass(frozen=True)
class SquarewaveFourierSeries(Surrogate):
    r"""The derivative of a truncated Fourier series of a square wave.

    $\frac{4}{T} \sum_{k=1}^{n} \cos\bigl((2k - 1) \frac{2\pi}{T} z\bigr)$

    Args:
        n: Number $n$ of terms, 2.
        t_period: Period $T$, 8.
    """

    n: int = option_field(default=2, constraint=whole)
    t_period: float = _number(8.0, positive)

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        waves = sum((jnp.cos(w * z) for w in self._frequencies()), jnp.zeros_like(z))
        return 4.0 / self.t_period * waves

    def smooth(self, z: jax.Array) -> jax.Array:
        waves = sum((jnp.sin(w * z) / w for w in self._frequencies()), jnp.zeros_like(z))
        return 0.5 + 4.0 / self.t_period * waves

    def _frequencies(self) -> list[Array | float]:
        return [(2 * k + 1) * 2.0 * jnp.pi / self.t_period for k in range(self.n)]


@dataclass(frozen=True)
class StraightThrough(Surrogate):
    """The derivative 1 everywhere: the step is skipped on the way back.

    References:
        Bengio, Léonard & Courville (2013), arXiv:1308.3432.
    """

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return jnp.ones_like(z)

    def smooth(self, z: jax.Array) -> jax.Array:
        return 0.5 + z


@dataclass(frozen=True)
class Stochastic(Sigmoid):
    r"""Spikes drawn with the probability $\sigma(\alpha z)$, whose derivative is the slope.

    Every call draws anew, as `brainloom_core.keys` does; the mean over many calls has exactly the
    slope. A neuron calls it once in a step and keeps the spikes; while it is refractory there are
    none. The probability is one for a step, whatever its length; neurons with a hazard in time are
    the `EscapeLIF` family. Spikes that are found from the course of the potential, those of
    `Crossing` and with `interpolate=True`, cannot be drawn.

    Args:
        alpha: Steepness $\alpha$, 4.
    """

    is_drawn = True

    def step(self, z: jax.Array) -> jax.Array:
        r"""The value: 1 with the probability $\sigma(\alpha z)$, else 0."""
        drawn = keys.uniform(z.shape).astype(z.dtype)
        return (drawn < self.smooth(z)).astype(z.dtype)
