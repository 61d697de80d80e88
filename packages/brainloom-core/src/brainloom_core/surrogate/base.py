"""The base of the spike functions: the step, and the derivative that takes its place."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import brainstate
import jax
import jax.numpy as jnp
import numpy as np

from ..extras import needs
from ..types import PyTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Surrogate"]


@dataclass(frozen=True)
class Surrogate:
    r"""Base of the spike functions: a subclass gives the derivative, instances compare by value.

    A subclass is a frozen dataclass with `surrogate_grad`. One whose parameters are to be trained
    gives `smooth` as well, the function of which that is the derivative; the gradient of a
    parameter $\theta$ is then

    $$
    \frac{\partial L}{\partial \theta}
    = \frac{\partial L}{\partial s}\, \frac{\partial S(z; \theta)}{\partial \theta},
    \qquad S(z; \theta) = \tfrac12 + \int_0^z s'(x; \theta)\, dx
    $$

    Examples:
        >>> import jax
        >>> from brainloom_core import ReluGrad
        >>> print(ReluGrad()(0.5), jax.grad(ReluGrad())(0.5))
        1.0 0.15

        A function of one's own:

        >>> from dataclasses import dataclass
        >>> import jax.numpy as jnp
        >>> from brainloom_core import Surrogate
        >>> @dataclass(frozen=True)
        ... class Cosine(Surrogate):
        ...     def surrogate_grad(self, z):
        ...         return jnp.where(abs(z) < 1.0, 0.5 * (1.0 + jnp.cos(jnp.pi * z)), 0.0)
        >>> print(jax.grad(Cosine())(0.0))
        1.0
    """

    is_drawn: ClassVar[bool] = False  # whether equal distances may give different spikes

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Make what is trained a leaf of the instance, where brainstate and jax find it."""
        super().__init_subclass__(**kwargs)
        jax.tree_util.register_pytree_with_keys(cls, _flatten, partial(_unflatten, cls))

    def __call__(self, z: jax.Array) -> jax.Array:
        """The spikes, with the surrogate derivative.

        Args:
            z: Dimensionless distance to threshold, of any shape.

        Returns:
            Spikes of the shape and dtype of `z`, 1 where it is at least 0.
        """
        z = jnp.asarray(z)
        slope = self.surrogate_grad(z).astype(z.dtype)
        spikes = _with_slope(self.step(z), z, jax.lax.stop_gradient(slope))
        if not any(map(_varies, vars(self).values())):
            return spikes
        by_parameter = self.smooth(jax.lax.stop_gradient(z)).astype(z.dtype)
        return spikes + (by_parameter - jax.lax.stop_gradient(by_parameter))

    @abstractmethod
    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        """The derivative that stands in for that of the step.

        Args:
            z: Dimensionless distance to threshold, of any shape.
        """

    def smooth(self, z: jax.Array) -> jax.Array:
        """The smooth function of which `surrogate_grad` is the derivative, 1/2 at 0.

        Args:
            z: Dimensionless distance to threshold, of any shape.

        Raises:
            NotImplementedError: The class does not give it.
        """
        raise NotImplementedError(
            f"{type(self).__name__}.smooth: not given; a spike function whose parameters are "
            f"trained needs the function of which surrogate_grad is the derivative"
        )

    def step(self, z: jax.Array) -> jax.Array:
        r"""The value: 1 where $z \ge 0$, else 0.

        Args:
            z: Dimensionless distance to threshold, of any shape.
        """
        return (z >= 0).astype(z.dtype)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the smooth function and its derivative over `z` from -2 to 2.

        Args:
            ax: Axes to draw into; those of a new figure.

        Raises:
            ImportError: matplotlib is not installed.
        """
        if ax is None:
            ax = needs("matplotlib.pyplot", "plot").figure(layout="constrained").subplots()
        z = jnp.linspace(-2.0, 2.0, 401)
        ax.plot(z, self.smooth(z), label="smooth function")
        ax.plot(z, self.surrogate_grad(z), label="its derivative, the surrogate gradient")
        ax.set_xlabel("distance to threshold z")
        ax.set_title(str(self), loc="left", fontsize="medium")
        ax.legend()
        return ax


@jax.custom_jvp
def _with_slope(spikes: jax.Array, z: jax.Array, slope: jax.Array) -> jax.Array:
    return spikes


@_with_slope.defjvp
def _with_slope_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    spikes, z, slope = primals
    return _with_slope(spikes, z, slope), slope * tangents[1]


def _varies(value: object) -> bool:
    """Whether this is trained, traced or an array, and not a constant."""
    return isinstance(value, (brainstate.State, brainstate.nn.Param, jax.Array, np.ndarray))


def _flatten(surrogate: Surrogate) -> tuple[list[tuple[object, PyTree]], tuple[object, ...]]:
    own = vars(surrogate)
    varying = {name: value for name, value in own.items() if _varies(value)}
    constant = tuple((name, value) for name, value in own.items() if name not in varying)
    leaves = [(jax.tree_util.GetAttrKey(name), value) for name, value in varying.items()]
    return leaves, (tuple(varying), constant)


def _unflatten(
    cls: type[Surrogate], structure: tuple[Any, ...], leaves: Sequence[PyTree]
) -> Surrogate:
    names, constant = structure
    surrogate = object.__new__(cls)
    vars(surrogate).update(constant, **dict(zip(names, leaves, strict=True)))
    return surrogate
