"""Smooth random manifolds of spike times."""

import brainunit as u
import numpy as np
from brainloom_core import ParameterError, at_least, checked, duration, finite
from brainloom_core.types import Time
from brainloom_core.units import show

from .checks import check_whole

__all__ = ["random_manifolds"]

SMALLEST = 1e-3  # weight of the highest frequency, relative to the lowest
MOST = 1000  # frequencies


@checked(alpha=finite, seed=at_least(0), spikes_within=duration)
def random_manifolds(
    n_classes: int = 10,
    n_inputs: int = 20,
    manifold_dim: int = 1,
    alpha: float = 1.0,
    n_samples: int = 1000,
    spikes_within: Time = 50.0 * u.ms,
    seed: int = 0,
) -> tuple[Time, np.ndarray]:
    r"""Samples of classes, each a smooth random manifold in the space of spike times.

    Each input spikes once, at a time that is a random smooth function of the place $x$ on a
    manifold of $D$ dimensions, drawn evenly from $[0, 1]^D$:

    $$
    t_i(x) \propto \prod_{j=1}^{D} \sum_{k=1}^{K} \frac{A_{ijk}}{k^\alpha}
    \sin\bigl(2 \pi (k\,x_j\,B_{ijk} + C_{ijk})\bigr)
    $$

    A, B and C are uniform in $[0, 1]$ and belong to the class. The times of each input
    are scaled so that those of a class reach from 0 to `spikes_within`. The larger $\alpha$, the
    smoother the manifold and the easier the task. $K$ is where $k^{-\alpha}$ falls to 0.001,
    at most 1000.

    The scaling uses all samples of a class: draw the test samples in the same call and divide
    afterwards. The samples come in random order, so that any slice will do.

    Args:
        n_classes: Number of classes.
        n_inputs: Number of inputs.
        manifold_dim: Dimension $D$ of the manifolds.
        alpha: Smoothness $\alpha$.
        n_samples: Samples of each class, at least 2.
        spikes_within: Time of the latest spikes.
        seed: Of manifolds and samples.

    Returns:
        Spike times in ms, shape `(N, n_inputs)` for `spikes_from_times`, and the classes,
        shape `(N,)`, with `N = n_classes * n_samples`.

    Raises:
        ParameterError: A number is too small, or `spikes_within` is no time > 0.

    References:
        Zenke & Vogels (2021), Neural Computation 33, 899, doi:10.1162/neco_a_01367.

    Examples:
        >>> from brainloom_training import data
        >>> times, classes = data.random_manifolds(n_classes=2, n_inputs=5, n_samples=10)
        >>> times.shape, classes.shape
        ((20, 5), (20,))
    """
    check_whole(
        "random_manifolds", 1, n_classes=n_classes, n_inputs=n_inputs, manifold_dim=manifold_dim
    )
    check_whole("random_manifolds", 2, n_samples=n_samples)
    if not alpha > 0:
        raise ParameterError(f"random_manifolds.alpha: expected a number > 0, got {show(alpha)}")
    latest = float(spikes_within.to_decimal(u.ms))
    if not latest > 0:
        raise ParameterError(
            f"random_manifolds.spikes_within: expected a time > 0, got {show(spikes_within)}"
        )
    random = np.random.RandomState(seed)
    k = np.arange(1, min(np.ceil(SMALLEST ** (-1 / alpha)), MOST) + 1)
    classes = []
    for _ in range(n_classes):
        coefficients = random.rand(3, n_inputs, manifold_dim, len(k))
        places = random.rand(n_samples, manifold_dim)
        values = _heights(places, coefficients, k, alpha)
        low, high = values.min(axis=0), values.max(axis=0)
        classes.append((values - low) / (high - low))
    order = random.permutation(n_classes * n_samples)
    times = u.Quantity(latest * np.concatenate(classes)[order], unit=u.ms)
    return times, np.repeat(np.arange(n_classes), n_samples)[order]


def _heights(x: np.ndarray, coefficients: np.ndarray, k: np.ndarray, alpha: float) -> np.ndarray:
    """The functions of a manifold at places `x`, shape `(N, n_inputs)`."""
    a, b, c = coefficients
    weights, frequencies, phases = a / k**alpha, 2 * np.pi * k * b, 2 * np.pi * c
    heights = np.ones((len(x), len(a)))
    for i, j in np.ndindex(a.shape[:2]):
        waves = np.sin(x[:, j, np.newaxis] * frequencies[i, j] + phases[i, j])
        heights[:, i] *= waves @ weights[i, j]
    return heights
