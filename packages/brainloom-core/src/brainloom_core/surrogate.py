r"""Spike functions with a surrogate gradient.

Each is a callable `f(z)` of the dimensionless distance to threshold: its value is the step
$\Theta(z)$ (1 where $z \ge 0$), its derivative a smooth stand-in. Any callable with these
properties can be passed as `spk_fun`, those of `braintools.surrogate` among them.
"""

from abc import abstractmethod
from dataclasses import dataclass

import jax
import jax.numpy as jnp

__all__ = ["Arctan", "InvSquareGrad", "ReluGrad", "Sigmoid", "Surrogate"]


@dataclass(frozen=True)
class Surrogate:
    """Base of the spike functions: a subclass gives the derivative, instances compare by value."""

    def __call__(self, z: jax.Array) -> jax.Array:
        return _spike(self, z)

    @abstractmethod
    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        """The derivative that stands in for that of the step."""


@jax.custom_jvp
def _step(z: jax.Array, slope: jax.Array) -> jax.Array:
    return (z >= 0).astype(z.dtype)


@_step.defjvp
def _step_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    z, slope = primals
    return _step(z, slope), slope * tangents[0]


def _spike(surrogate: Surrogate, z: jax.Array) -> jax.Array:
    z = jnp.asarray(z)
    return _step(z, jax.lax.stop_gradient(surrogate.surrogate_grad(z)))


@dataclass(frozen=True)
class ReluGrad(Surrogate):
    r"""Triangle $\max(0,\ \alpha (w - |z|))$, width `width` on either side.

    Args:
        alpha: Slope of the sides and, times `width`, the height of the peak.
        width: Half-width of the base.
    """

    alpha: float = 0.3
    width: float = 1.0

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return jnp.maximum(0.0, self.alpha * (self.width - abs(z)))


@dataclass(frozen=True)
class Sigmoid(Surrogate):
    r"""Derivative of a logistic function, $\alpha\,\sigma(\alpha z)\,(1 - \sigma(\alpha z))$."""

    alpha: float = 4.0

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        s = jax.nn.sigmoid(self.alpha * z)
        return self.alpha * s * (1.0 - s)


@dataclass(frozen=True)
class Arctan(Surrogate):
    r"""Derivative of an arctangent, $\frac{\alpha}{2} / (1 + (\tfrac{\pi}{2} \alpha z)^2)$."""

    alpha: float = 1.0

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return self.alpha / 2.0 / (1.0 + (jnp.pi / 2.0 * self.alpha * z) ** 2)


@dataclass(frozen=True)
class InvSquareGrad(Surrogate):
    r"""Fast-sigmoid derivative (SuperSpike), $1 / (\alpha |z| + 1)^2$.

    References:
        Zenke & Ganguli (2018), Neural Computation 30, 1514, doi:10.1162/neco_a_01086.
    """

    alpha: float = 100.0

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return 1.0 / (self.alpha * abs(z) + 1.0) ** 2
