"""Reductions of outputs over time: what a loss needs of a sequence.

A reduction of outputs `(T, *batch, n)` is used in two ways that give the same: on a stacked
sequence, `reduction(outputs)`, and as a fold within a loop, which need not store the outputs:

```python
state = reduction.start(y, n_steps)  # y: one output, or its shape, dtype and unit
for i in range(n_steps):
    state = reduction.fold(state, model(x[i]), i)
reduced = reduction.result(state, n_steps)
```
"""

from abc import abstractmethod
from dataclasses import dataclass

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError, ParameterError
from brainloom_core.types import Array, ArrayLike, PyTree
from brainloom_core.units import show

__all__ = [
    "FirstSpikeTime",
    "LastOverTime",
    "MaxOverTime",
    "MeanLogSoftmax",
    "MeanOverTime",
    "Reduction",
    "Stack",
    "SumOverTime",
]


@dataclass(frozen=True)
class Reduction:
    """Base of the reductions over time; what is folded may be any tree of outputs."""

    def __call__(self, outputs: PyTree) -> PyTree:
        """The reduction of a stacked sequence, `(T, *batch, n)`.

        Args:
            outputs: Outputs over time, shape `(T, *batch, n)`, with or without a unit; or a tree of
                them.

        Raises:
            InputError: There is no step.
        """
        if not np.ndim(u.get_mantissa(outputs)) or not len(u.get_mantissa(outputs)):
            raise InputError(
                f"{type(self).__name__}(outputs): expected a sequence of at least one step, time "
                f"first, got {show(outputs)}"
            )
        return jax.tree.map(self._whole, outputs)

    def start(self, output: PyTree, n_steps: int | None = None) -> PyTree:
        """The state before the first step.

        Args:
            output: One output, or `jax.ShapeDtypeStruct` of it (in a quantity, for its unit).
            n_steps: How many steps there will be; only `Stack` needs to know.
        """
        return jax.tree.map(lambda y: self._start(y, n_steps), output)

    def fold(self, state: PyTree, y: PyTree, i: Array) -> PyTree:
        """The state after the output `y` of step `i`.

        Args:
            state: The state before it.
            y: The output, shape `(*batch, n)`.
            i: Number of the step, from 0.
        """
        return jax.tree.map(lambda y, state: self._fold(state, y, i), y, state)

    def result(self, state: PyTree, n_steps: int) -> PyTree:
        """The reduction of the `n_steps` outputs that were folded.

        Args:
            state: The state after the last output.
            n_steps: How many outputs there were.
        """
        return state

    @abstractmethod
    def _whole(self, y: jax.Array) -> jax.Array:
        """The reduction of one array."""

    @abstractmethod
    def _start(self, y: Array, n_steps: int | None) -> PyTree:
        """The state for one array, of the shape and dtype of `y`."""

    @abstractmethod
    def _fold(self, state: PyTree, y: jax.Array, i: Array) -> PyTree:
        """The next state for one array."""


@dataclass(frozen=True)
class SumOverTime(Reduction):
    """The sum over time; of spikes, their number.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import SumOverTime
        >>> print(SumOverTime()(jnp.array([[0.0, 1.0], [1.0, 1.0]])))
        [1. 2.]
    """

    def _whole(self, y: jax.Array) -> jax.Array:
        return jnp.sum(y, axis=0)

    def _start(self, y: Array, n_steps: int | None) -> jax.Array:
        return jnp.sum(jnp.zeros((1, *y.shape), y.dtype), axis=0)

    def _fold(self, state: jax.Array, y: jax.Array, i: Array) -> jax.Array:
        return state + y


@dataclass(frozen=True)
class MeanOverTime(SumOverTime):
    """The mean over time; of spikes, the fraction of steps with one.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import MeanOverTime
        >>> print(MeanOverTime()(jnp.array([[0.0, 1.0], [1.0, 1.0]])))
        [0.5 1. ]
    """

    def __call__(self, outputs: PyTree) -> PyTree:
        """The mean of a stacked sequence, `(T, *batch, n)`."""
        return self.result(super().__call__(outputs), len(u.get_mantissa(outputs)))

    def result(self, state: PyTree, n_steps: int) -> PyTree:
        """The mean of the `n_steps` outputs that were folded."""
        return jax.tree.map(lambda total: total / along(n_steps, total), state)


@dataclass(frozen=True)
class MeanLogSoftmax(MeanOverTime):
    """The mean over time of the logarithm of the softmax along the last axis.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import MeanLogSoftmax
        >>> print(jnp.exp(MeanLogSoftmax()(jnp.ones((5, 4)))).round(5))
        [0.25 0.25 0.25 0.25]
    """

    def _whole(self, y: jax.Array) -> jax.Array:
        return super()._whole(jax.nn.log_softmax(1.0 * y))

    def _start(self, y: Array, n_steps: int | None) -> jax.Array:
        return 1.0 * super()._start(y, n_steps)

    def _fold(self, state: jax.Array, y: jax.Array, i: Array) -> jax.Array:
        return state + jax.nn.log_softmax(1.0 * y)


@dataclass(frozen=True)
class MaxOverTime(Reduction):
    """The maximum over time, of each output.

    Examples:
        >>> import brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import MaxOverTime
        >>> print(MaxOverTime()(jnp.array([[0.0, 9.0], [3.0, 1.0]]) * u.mV))
        [3. 9.] mV
    """

    def _whole(self, y: jax.Array) -> jax.Array:
        return jnp.max(y, axis=0)

    def _start(self, y: Array, n_steps: int | None) -> jax.Array:
        least: bool | float = False if y.dtype == bool else -jnp.inf
        if jnp.issubdtype(y.dtype, jnp.integer):
            least = np.iinfo(y.dtype).min
        return jnp.full(y.shape, least, y.dtype)

    def _fold(self, state: jax.Array, y: jax.Array, i: Array) -> jax.Array:
        return jnp.maximum(state, y)


@dataclass(frozen=True)
class LastOverTime(Reduction):
    """The output of the last step.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import LastOverTime
        >>> print(LastOverTime()(jnp.array([[0.0, 9.0], [3.0, 1.0]])))
        [3. 1.]
    """

    def _whole(self, y: jax.Array) -> jax.Array:
        return y[-1]

    def _start(self, y: Array, n_steps: int | None) -> jax.Array:
        return jnp.zeros(y.shape, y.dtype)

    def _fold(self, state: jax.Array, y: jax.Array, i: Array) -> jax.Array:
        return y


@dataclass(frozen=True)
class Stack(Reduction):
    """No reduction: the whole sequence, `(T, *batch, n)`.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import Stack
        >>> Stack()(jnp.zeros((20, 8, 3))).shape
        (20, 8, 3)
    """

    def _whole(self, y: jax.Array) -> jax.Array:
        return y

    def _start(self, y: Array, n_steps: int | None) -> jax.Array:
        if n_steps is None:
            raise ParameterError("Stack.start: expected n_steps, the number of steps, got None")
        return jnp.zeros((n_steps, *y.shape), y.dtype)

    def _fold(self, state: jax.Array, y: jax.Array, i: Array) -> jax.Array:
        return state.at[i].set(y)


@dataclass(frozen=True)
class FirstSpikeTime(Reduction):
    r"""The number of steps before the first spike; that of all steps where there is none.

    $$
    n = \sum_{t=0}^{T-1} \prod_{k \le t} (1 - s_k)
    $$

    It is differentiable in the spikes: an earlier one would have brought $n$ down to its step, and
    without the first it would have grown up to the second.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> from brainloom_training import FirstSpikeTime
        >>> spikes = jnp.array([0.0, 0.0, 1.0, 0.0, 1.0])
        >>> print(FirstSpikeTime()(spikes), jax.grad(FirstSpikeTime())(spikes))
        2.0 [-2. -1. -2. -0. -0.]
    """

    def result(self, state: PyTree, n_steps: int) -> PyTree:
        """The number of steps before the first spike."""
        return state[1]

    def _whole(self, y: jax.Array) -> jax.Array:
        return jnp.sum(jnp.cumprod(1.0 - y, axis=0), axis=0)

    def _start(self, y: Array, n_steps: int | None) -> tuple[jax.Array, jax.Array]:
        silent = 1.0 - jnp.zeros(y.shape, y.dtype)
        return silent, jnp.zeros_like(silent)

    def _fold(self, state: PyTree, y: jax.Array, i: Array) -> tuple[jax.Array, jax.Array]:
        silent, steps = state
        silent = silent * (1.0 - y)
        return silent, steps + silent


def along(values: ArrayLike, like: Array) -> jax.Array:
    """Values `(*batch,)`, or one, that can be combined with an array `(*batch, ...)`."""
    held = jnp.asarray(values)
    return held.reshape(*held.shape, *(1,) * (np.ndim(like) - held.ndim)) if held.ndim else held
