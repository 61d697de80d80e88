r"""Losses and metrics: callables `loss(outputs, targets)` that give one number without a unit.

Outputs are a sequence `(T, *batch, n)`, as a model returns it. What a loss needs of it over time is
its reduction `over`; what follows is `of_reduced`, so that

```python
loss(outputs, targets) == loss.of_reduced(loss.over(outputs), targets)
```

and a long run can fold its outputs instead of storing them. Losses are means over the batch.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    ANY_UNIT,
    Constraint,
    InputError,
    non_negative,
    option_field,
    positive,
    quantity_field,
    whole,
)
from brainloom_core.context import current_dt
from brainloom_core.types import ArrayLike, PyTree, Quantity
from brainloom_core.units import dimension_name, same_dimension, show

from .padding import Masked, counted
from .reductions import (
    FirstSpikeTime,
    MaxOverTime,
    MeanLogSoftmax,
    MeanOverTime,
    Reduction,
    Stack,
    SumOverTime,
)

__all__ = [
    "MSE",
    "Accuracy",
    "FirstSpikeLoss",
    "LatencyCrossEntropy",
    "Loss",
    "MembraneCrossEntropy",
    "RateCrossEntropy",
    "RateMSE",
    "SpikeCountCrossEntropy",
    "SpikeCountMSE",
    "VanRossum",
]

_is_reduction = Constraint(
    "a reduction such as SumOverTime() (an instance, not the class)",
    lambda over: isinstance(over, Reduction),
)


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Base of the losses and metrics: a subclass gives `over` and `of_reduced`.

    Args:
        over: The reduction over time of the outputs, `Stack()`: none.

    Examples:
        >>> from dataclasses import dataclass
        >>> import jax.numpy as jnp
        >>> from brainloom_training import LastOverTime, Loss, Reduction
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Distance(Loss):
        ...     over: Reduction = LastOverTime()
        ...     def of_reduced(self, reduced, targets):
        ...         return jnp.abs(reduced - targets).mean()
        >>> print(Distance()(jnp.array([[1.0], [2.0]]), jnp.array([5.0])))
        3.0
    """

    over: Reduction = option_field(default=Stack(), constraint=_is_reduction)

    def __call__(
        self, outputs: PyTree, targets: PyTree, lengths: ArrayLike | None = None
    ) -> jax.Array:
        """The loss of a sequence of outputs, `(T, *batch, n)`.

        Args:
            outputs: Outputs over time, shape `(T, *batch, n)`.
            targets: Targets, shape `(*batch, ...)`, as the loss asks for.
            lengths: Number of steps of each sequence that count, shape `(*batch,)`; None for all.

        Returns:
            One number without a unit.
        """
        if lengths is None:
            return self.of_reduced(self.over(outputs), targets)
        return self.of_masked(Masked(self.over, lengths)(outputs), targets, lengths)

    def of_masked(self, reduced: PyTree, targets: PyTree, lengths: ArrayLike) -> jax.Array:
        """As `of_reduced`, where sequences have lengths; these are in what `over` gave already.

        Args:
            reduced: What `over` gives of the steps that count.
            targets: Targets, shape `(*batch, ...)`, as the loss asks for.
            lengths: Number of steps of each sequence, shape `(*batch,)`.

        Raises:
            InputError: The loss keeps all steps and does not say how some of them are left out.
        """
        if isinstance(self.over, Stack):
            raise InputError(
                f"{type(self).__name__}: expected a loss that says how steps beyond the end of a "
                "sequence are left out (of_masked), got one of all steps, over=Stack()"
            )
        return self.of_reduced(reduced, targets)

    @abstractmethod
    def of_reduced(self, reduced: PyTree, targets: PyTree) -> jax.Array:
        """The loss of what `over` gives for a sequence of outputs.

        Args:
            reduced: What `over` gives, for most losses of the shape `(*batch, n)`.
            targets: Targets, shape `(*batch, ...)`, as the loss asks for.

        Returns:
            One number without a unit.
        """

    def _scaled(self, what: str, value: Quantity, scale: Quantity) -> jax.Array:
        """The plain numbers of a value in units of `scale`."""
        if not same_dimension(value, scale):
            hint = "" if isinstance(value, u.Quantity) else ", with its unit"
            raise InputError(
                f"{type(self).__name__}({what}): expected {dimension_name(scale)}{hint} "
                f"(for example {show(1.0 * scale)}), got {show(value)}"
            )
        return jnp.asarray(u.get_magnitude(value / scale))

    def _same_shape(self, output: jax.Array, target: jax.Array) -> None:
        if target.shape != output.shape:
            raise InputError(
                f"{type(self).__name__}(targets): expected shape {output.shape}, that of the "
                f"outputs, got {target.shape}"
            )


@dataclass(frozen=True)
class OfClasses(Loss):
    """What losses and metrics of class labels share."""

    per_class = 1

    def scores(self, reduced: PyTree) -> jax.Array:
        """One plain number per class, `(*batch, classes)`.

        Args:
            reduced: What `over` gives for a sequence of outputs.
        """
        scores = self._scaled("outputs", reduced, u.UNITLESS)
        n = scores.shape[-1] if scores.ndim else 0
        if n == 0 or n % self.per_class:
            raise InputError(
                f"{type(self).__name__}(outputs): expected a multiple of {self.per_class} neurons "
                f"(per_class) along the last axis, got shape {scores.shape}"
            )
        scores = scores.astype(jnp.promote_types(scores.dtype, brainstate.environ.dftype()))
        return scores.reshape(*scores.shape[:-1], -1, self.per_class).sum(axis=-1)

    def classes(self, reduced: PyTree) -> int:
        """How many classes there are, by the shape of what `over` gives.

        Args:
            reduced: What `over` makes of the outputs, whose last axis is that of the neurons.
        """
        return int(np.shape(reduced)[-1]) // self.per_class

    def check_labels(
        self, classes: int, targets: ArrayLike, shape: tuple[int, ...] | None = None
    ) -> None:
        """Refuse labels that do not name one of the classes for each element of the batch.

        Args:
            classes: How many classes there are.
            targets: The labels; those that are traced are checked by their type and shape.
            shape: That of the batch, None for any.
        """
        traced = isinstance(targets, jax.core.Tracer)
        labels = targets if traced or isinstance(targets, u.Quantity) else np.asarray(targets)
        got = wrong_labels(labels, classes, shape)
        if got is not None:
            of_shape = "" if shape is None else f" of shape {shape}"
            raise InputError(
                f"{type(self).__name__}(targets): expected class labels, integers from 0 to "
                f"{classes - 1}{of_shape}, got {got}"
            )

    def _labels(self, scores: jax.Array, targets: ArrayLike) -> jax.Array:
        """The labels, checked; one that is no class, which only a traced one can be, is -1."""
        classes = scores.shape[-1]
        self.check_labels(classes, targets, scores.shape[:-1])
        labels = jnp.asarray(targets)
        return jnp.where((labels >= 0) & (labels < classes), labels, -1)

    def _cross_entropy(self, scores: jax.Array, targets: ArrayLike) -> jax.Array:
        return -_at(jax.nn.log_softmax(scores), self._labels(scores, targets)).mean()


def wrong_labels(labels: Any, classes: int, shape: tuple[int, ...] | None) -> str | None:
    """What is wrong with class labels, in words; None where they can be right."""
    if isinstance(labels, u.Quantity):
        return show(labels)
    if labels.dtype.kind in "OSU":
        return f"text such as {labels.ravel()[0]!r}" if labels.size else "no numbers"
    got = f"{labels.dtype} of shape {labels.shape}"
    if shape is not None and labels.shape == (*shape, classes):
        return f"{got} (y.argmax(-1) makes labels of those that are one-hot)"
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        return f"{got} (y.astype(int) where these are labels)"
    if shape is not None and labels.shape != shape:
        return f"an array of shape {labels.shape}"
    if isinstance(labels, jax.core.Tracer) or not labels.size:
        return None
    low, high = int(labels.min()), int(labels.max())
    return None if low >= 0 and high < classes else f"labels from {low} to {high}"


def _at(scores: jax.Array, labels: jax.Array) -> jax.Array:
    """The score of each label; NaN for one that is no class."""
    found = jnp.take_along_axis(scores, jnp.maximum(labels, 0)[..., None], axis=-1)[..., 0]
    return jnp.where(labels < 0, jnp.nan, found)


@dataclass(frozen=True, kw_only=True)
class SpikeCountCrossEntropy(OfClasses):
    r"""Cross entropy with the numbers of spikes as scores.

    $$
    L = -\Bigl\langle \ln \frac{e^{n_y}}{\sum_c e^{n_c}} \Bigr\rangle_\text{batch},
    \qquad n_c = \sum_t s_c(t)
    $$

    Args:
        over: What is taken as the score, `SumOverTime()`.
        per_class: Neurons per class, 1; their scores are added, those of class 0 coming first.

    Raises:
        InputError: The targets are not labels of the classes, one for each element of the batch.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import SpikeCountCrossEntropy
        >>> spikes = jnp.ones((5, 1, 4))  # four classes, all alike
        >>> print(jnp.exp(SpikeCountCrossEntropy()(spikes, jnp.array([2]))).round(5))
        4.0
    """

    over: Reduction = option_field(default=SumOverTime(), constraint=_is_reduction)
    per_class: int = option_field(default=1, constraint=whole)

    def of_reduced(self, reduced: PyTree, targets: PyTree) -> jax.Array:
        """The loss of the numbers of spikes, `(*batch, n)`."""
        return self._cross_entropy(self.scores(reduced), targets)


@dataclass(frozen=True, kw_only=True)
class RateCrossEntropy(OfClasses):
    r"""Cross entropy of the outputs in every step, averaged over time.

    $$
    L = -\Bigl\langle \ln \frac{e^{s_y(t)}}{\sum_c e^{s_c(t)}} \Bigr\rangle_{t,\ \text{batch}}
    $$

    It asks the right neuron to spike in every step and the others in none.

    Args:
        over: What is averaged, `MeanLogSoftmax()`.

    Raises:
        InputError: The targets are not labels of the classes, one for each element of the batch.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import RateCrossEntropy
        >>> spikes = jnp.ones((5, 1, 4))  # four classes, all alike in every step
        >>> print(jnp.exp(RateCrossEntropy()(spikes, jnp.array([2]))).round(5))
        4.0
    """

    over: Reduction = option_field(default=MeanLogSoftmax(), constraint=_is_reduction)

    def of_reduced(self, reduced: PyTree, targets: PyTree) -> jax.Array:
        """The loss of the averaged logarithms, `(*batch, n)`."""
        scores = self.scores(reduced)
        return -_at(scores, self._labels(scores, targets)).mean()


@dataclass(frozen=True, kw_only=True)
class MembraneCrossEntropy(OfClasses):
    r"""Cross entropy with potentials (or any other output) as scores.

    $$
    L = -\Bigl\langle \ln \frac{e^{v_y}}{\sum_c e^{v_c}} \Bigr\rangle_\text{batch},
    \qquad v_c = \max_t V_c(t) / V_0
    $$

    Args:
        over: How one potential comes from all, `MaxOverTime()`; also `LastOverTime()`,
            `MeanOverTime()` or `SumOverTime()`.
        scale: Unit of the scores $V_0$, 1 mV; a number for outputs without a unit.

    Raises:
        InputError: The outputs are not in the dimension of `scale`, or the targets not labels.

    Examples:
        >>> import brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import LastOverTime, MembraneCrossEntropy
        >>> V = jnp.array([[[0.0, 9.0]], [[1.0, 1.0]]]) * u.mV
        >>> loss = MembraneCrossEntropy(over=LastOverTime(), scale=2 * u.mV)
        >>> print(jnp.exp(loss(V, jnp.array([0]))).round(5))
        2.0
    """

    over: Reduction = option_field(default=MaxOverTime(), constraint=_is_reduction)
    scale: Quantity = quantity_field(default=u.mV, constraint=positive, unit=ANY_UNIT)

    def of_reduced(self, reduced: PyTree, targets: PyTree) -> jax.Array:
        """The loss of one potential per neuron, `(*batch, n)`."""
        scores = self.scores(self._scaled("outputs", reduced, self.scale))
        return self._cross_entropy(scores, targets)


@dataclass(frozen=True, kw_only=True)
class LatencyCrossEntropy(OfClasses):
    r"""Cross entropy with the negative times of the first spikes as scores.

    $$
    L = -\Bigl\langle \ln \frac{e^{-t_y / \tau}}{\sum_c e^{-t_c / \tau}} \Bigr\rangle_\text{batch}
    $$

    The right neuron is asked to spike first. One that is silent spikes at the end; its spikes have
    a gradient nevertheless, see [`FirstSpikeTime`][brainloom_training.FirstSpikeTime].

    Args:
        over: How a time comes from spikes, `FirstSpikeTime()`, in steps.
        tau: Time $\tau$ by which the first spike should lead, 1 ms.

    Raises:
        InputError: The targets are not labels of the classes, one for each element of the batch.

    References:
        Mostafa (2018), IEEE Trans. Neural Netw. Learn. Syst. 29, 3227,
        doi:10.1109/TNNLS.2017.2726060.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import LatencyCrossEntropy
        >>> spikes = jnp.zeros((10, 1, 2)).at[3, 0, 0].set(1.0).at[3, 0, 1].set(1.0)  # both at once
        >>> with brainstate.environ.context(dt=1 * u.ms):
        ...     print(jnp.exp(LatencyCrossEntropy()(spikes, jnp.array([0]))).round(5))
        2.0
    """

    over: Reduction = option_field(default=FirstSpikeTime(), constraint=_is_reduction)
    tau: Quantity = quantity_field(default=u.ms, constraint=positive)

    def of_reduced(self, reduced: PyTree, targets: PyTree) -> jax.Array:
        """The loss of the times of the first spikes in steps, `(*batch, n)`."""
        step = u.get_magnitude(current_dt() / self.tau)
        return self._cross_entropy(-step * self.scores(reduced), targets)


@dataclass(frozen=True, kw_only=True)
class SpikeCountMSE(OfClasses):
    r"""Squared distance of the numbers of spikes from those that are wanted.

    $$
    L = \bigl\langle (n_c - n^*_c)^2 \bigr\rangle_{c,\ \text{batch}},
    \qquad n^*_c = \text{correct if } c = y \text{, else incorrect}
    $$

    Args:
        correct: What is wanted of the right class: a number of spikes or, with
            `over=MeanOverTime()`, the fraction of the steps.
        incorrect: The same of the others, 0.
        over: `SumOverTime()` or `MeanOverTime()`.
        per_class: Neurons per class, 1; what they give is added.

    Raises:
        InputError: The targets are not labels of the classes, one for each element of the batch.

    References:
        Shrestha & Orchard (2018), NeurIPS 31, arXiv:1810.08646.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import SpikeCountMSE
        >>> spikes = jnp.array([[[1.0, 0.0]], [[1.0, 1.0]]])
        >>> print(SpikeCountMSE(correct=4.0)(spikes, jnp.array([0])))
        2.5
    """

    over: Reduction = option_field(default=SumOverTime(), constraint=_is_reduction)
    correct: float = quantity_field(constraint=non_negative, unit=u.UNITLESS)
    incorrect: float = quantity_field(default=0.0, constraint=non_negative)
    per_class: int = option_field(default=1, constraint=whole)

    def of_reduced(self, reduced: PyTree, targets: PyTree) -> jax.Array:
        """The loss of the numbers of spikes, `(*batch, n)`."""
        scores = self.scores(reduced)
        labels = self._labels(scores, targets)
        right = labels[..., None] == jnp.arange(scores.shape[-1])
        wanted = jnp.where(right, self.correct, self.incorrect)
        return jnp.mean((scores - jnp.where(labels[..., None] < 0, jnp.nan, wanted)) ** 2)


@dataclass(frozen=True, kw_only=True)
class Accuracy(OfClasses):
    """The fraction of the batch whose class has the highest score.

    Where $k$ classes share the highest score, each of them counts $1/k$: silent outputs are right
    by chance, and not always of class 0.

    Args:
        over: How scores come from outputs, `SumOverTime()`; units do not matter.
        per_class: Neurons per class, 1; their scores are added.

    Raises:
        InputError: The targets are not labels of the classes, one for each element of the batch.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import Accuracy
        >>> spikes = jnp.array([[[1.0, 0.0], [0.0, 0.0]]])
        >>> print(Accuracy()(spikes, jnp.array([0, 1])))
        0.75
    """

    over: Reduction = option_field(default=SumOverTime(), constraint=_is_reduction)
    per_class: int = option_field(default=1, constraint=whole)

    def of_reduced(self, reduced: PyTree, targets: PyTree) -> jax.Array:
        """The accuracy of the scores, `(*batch, n)`."""
        scores = self.scores(u.get_mantissa(reduced))
        highest = scores == scores.max(axis=-1, keepdims=True)
        return _at(
            highest / highest.sum(axis=-1, keepdims=True), self._labels(scores, targets)
        ).mean()


@dataclass(frozen=True)
class MSE(Loss):
    r"""Mean squared distance from a target, $\langle (y - y^*)^2 / y_0^2 \rangle$.

    Args:
        over: What is compared, the whole sequence `Stack()`; targets have its shape.
        scale: Unit $y_0$ of the distance, 1; with a unit if the outputs have one.

    Raises:
        InputError: Outputs or targets are not in the dimension of `scale`, or differ in shape.

    Examples:
        >>> import brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import MSE
        >>> V = jnp.array([[1.0], [2.0]]) * u.mV
        >>> print(MSE(scale=u.mV)(V, jnp.array([[1e-3], [4e-3]]) * u.volt))
        2.0
    """

    scale: Quantity = quantity_field(default=1.0, constraint=positive, unit=ANY_UNIT)

    def of_reduced(self, reduced: PyTree, targets: PyTree) -> jax.Array:
        """The loss of what is compared."""
        return jnp.mean(self._square(reduced, targets))

    def of_masked(self, reduced: PyTree, targets: PyTree, lengths: ArrayLike) -> jax.Array:
        """The loss of what is compared; of whole sequences, that of the steps that count."""
        square = self._square(reduced, targets)
        if not isinstance(self.over, Stack):
            return jnp.mean(square)
        counts = jnp.broadcast_to(counted(lengths, square), square.shape)
        return jnp.sum(jnp.where(counts, square, 0.0)) / jnp.sum(counts)

    def _square(self, reduced: PyTree, targets: PyTree) -> jax.Array:
        output = self._scaled("outputs", reduced, self.scale)
        target = self._scaled("targets", targets, self.scale)
        self._same_shape(output, target)
        return (output - target) ** 2


@dataclass(frozen=True, kw_only=True)
class RateMSE(Loss):
    r"""Squared distance of firing rates from targets, $\langle (r - r^*)^2 / r_0^2 \rangle$.

    The rate is the fraction of steps with a spike, over $\Delta t$.

    Args:
        over: How the fraction comes from spikes, `MeanOverTime()`.
        scale: Unit $r_0$ of the distance, 1 Hz.

    Raises:
        InputError: The targets are not rates of the shape `(*batch, n)`.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import RateMSE
        >>> with brainstate.environ.context(dt=1 * u.ms):
        ...     print(RateMSE()(jnp.array([[0.0], [1.0]]), jnp.array([490.0]) * u.Hz).round(2))
        100.0
    """

    over: Reduction = option_field(default=MeanOverTime(), constraint=_is_reduction)
    scale: Quantity = quantity_field(default=u.Hz, constraint=positive)

    def of_reduced(self, reduced: PyTree, targets: PyTree) -> jax.Array:
        """The loss of the fractions of steps with a spike, `(*batch, n)`."""
        fraction = self._scaled("outputs", reduced, u.UNITLESS)
        target = self._scaled("targets", targets, self.scale)
        self._same_shape(fraction, target)
        rate = fraction / u.get_magnitude(current_dt() * self.scale)
        return jnp.mean((rate - target) ** 2)


@dataclass(frozen=True, kw_only=True)
class FirstSpikeLoss(Loss):
    r"""Squared distance of first spikes from targets, $\langle (t - t^*)^2 / t_0^2 \rangle$.

    A neuron that is silent spikes at the end; its spikes have a gradient nevertheless, see
    [`FirstSpikeTime`][brainloom_training.FirstSpikeTime].

    Args:
        over: How a time comes from spikes, `FirstSpikeTime()`, in steps.
        scale: Unit $t_0$ of the distance, 1 ms.

    Raises:
        InputError: The targets are not times of the shape `(*batch, n)`.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import FirstSpikeLoss
        >>> with brainstate.environ.context(dt=0.5 * u.ms):
        ...     print(FirstSpikeLoss()(jnp.array([[0.0], [1.0]]), jnp.array([2.5]) * u.ms))
        4.0
    """

    over: Reduction = option_field(default=FirstSpikeTime(), constraint=_is_reduction)
    scale: Quantity = quantity_field(default=u.ms, constraint=positive)

    def of_reduced(self, reduced: PyTree, targets: PyTree) -> jax.Array:
        """The loss of the times of the first spikes in steps, `(*batch, n)`."""
        steps = self._scaled("outputs", reduced, u.UNITLESS)
        target = self._scaled("targets", targets, self.scale)
        self._same_shape(steps, target)
        time = steps * u.get_magnitude(current_dt() / self.scale)
        return jnp.mean((time - target) ** 2)


@dataclass(frozen=True)
class VanRossum(Loss):
    r"""The distance of van Rossum between spike trains, squared.

    $$
    D^2 = \frac1\tau \int_0^\infty (f - g)^2\, dt,
    \qquad f(t) = \sum_i \Theta(t - t_i)\, e^{-(t - t_i) / \tau}
    $$

    and $g$ the same for the target, averaged over neurons and batch. The integral is exact for
    spikes at the times of steps, beyond the last of them too. A single spike has the distance 1/2
    from none, and two that are far apart have the distance 1.

    Args:
        tau: Time constant $\tau$.
        over: The whole sequence, `Stack()`; targets have its shape.

    Raises:
        ParameterError: `tau` is not a time above zero.
        InputError: The targets are no spike trains of the shape of the outputs.

    References:
        van Rossum (2001), Neural Computation 13, 751, doi:10.1162/089976601300014321.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import VanRossum
        >>> spikes = jnp.zeros((100, 1)).at[30].set(1.0)
        >>> with brainstate.environ.context(dt=0.1 * u.ms):
        ...     print(VanRossum(tau=5 * u.ms)(spikes, jnp.zeros((100, 1))).round(5))
        0.5
    """

    tau: Quantity = quantity_field(constraint=positive, unit=u.ms)

    def of_masked(self, reduced: PyTree, targets: PyTree, lengths: ArrayLike) -> jax.Array:
        """The loss of spike trains, of which those beyond the end of a sequence do not count."""
        counts = counted(lengths, targets)
        return self.of_reduced(reduced, jnp.where(counts, targets, jnp.zeros_like(targets)))

    def of_reduced(self, reduced: PyTree, targets: PyTree) -> jax.Array:
        """The loss of spike trains, `(T, *batch, n)`."""
        output = self._scaled("outputs", reduced, u.UNITLESS)
        target = self._scaled("targets", targets, u.UNITLESS)
        self._same_shape(output, target)
        change = 1.0 * output - target
        ratio = u.get_magnitude(current_dt() / self.tau)
        decay = jnp.exp(-ratio).astype(change.dtype)

        def step(distance: jax.Array, change: jax.Array) -> tuple[jax.Array, jax.Array]:
            distance = decay * distance + change
            return distance, distance

        last, distance = jax.lax.scan(step, jnp.zeros_like(change[0]), change)
        # A step adds the share 1 - exp(-2 dt / tau) of all that is left; the last adds all.
        share = -jnp.expm1(-2.0 * ratio)
        total = share * jnp.sum(distance[:-1] ** 2, axis=0) + last**2
        return jnp.mean(total) / 2.0
