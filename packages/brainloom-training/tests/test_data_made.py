"""Made data sets, splits and mini-batches against geometry, Fourier transforms and scikit-learn."""

from typing import Any

import brainunit as u
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError
from brainloom_training import data
from brainloom_training.data.manifolds import _heights
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

# --- Yin-Yang


def upper(x: np.ndarray, y: np.ndarray, big: float) -> np.ndarray:
    """Whether a point is above the curve of two half circles that divides the disc."""
    bend = np.where(x < big, -1.0, 1.0)
    centre = np.where(x < big, 0.5 * big, 1.5 * big)
    return y > big + bend * np.sqrt((0.5 * big) ** 2 - (x - centre) ** 2)


@pytest.mark.parametrize(("small", "big"), [(0.1, 0.5), (0.03, 0.4), (0.24, 0.5)])
def test_classes_are_the_areas_of_the_sign(small: float, big: float) -> None:
    samples, classes = data.yin_yang(4000, seed=1, r_small=small, r_big=big)
    x, y = samples[:, 0], samples[:, 1]
    assert np.all((x - big) ** 2 + (y - big) ** 2 <= big**2)
    dot = np.minimum((x - 0.5 * big) ** 2, (x - 1.5 * big) ** 2) + (y - big) ** 2 < small**2
    np.testing.assert_array_equal(classes, np.where(dot, 2, upper(x, y, big)))
    np.testing.assert_array_equal(samples[:, 2:], 1.0 - samples[:, :2])


def test_points_are_those_of_the_published_generator() -> None:
    """Made once with the code of the authors; both coordinates to the last bit."""
    samples, classes = data.yin_yang()
    published = [
        [0.6803075385877797, 0.450499251969543],
        [0.09767211400638387, 0.6842330265121569],
        [0.7553614103176525, 0.4251558744912447],
        [0.7690797231107925, 0.5883389337522971],
    ]
    np.testing.assert_array_equal(samples[[0, 1, 2, 4999], :2], published)
    np.testing.assert_array_equal(classes[[0, 1, 2, 4999]], [2, 1, 2, 2])
    np.testing.assert_allclose(
        samples[:, :2].sum(axis=0), [2528.322456568826, 2505.766861748282], rtol=1e-12
    )
    np.testing.assert_array_equal(np.bincount(classes), [1681, 1702, 1617])


def test_points_are_even_in_each_area() -> None:
    """Shares of areas, within four standard deviations of a share among n points."""
    samples, classes = data.yin_yang(20_000, seed=3)
    x, y = samples[:, 0], samples[:, 1]
    left = np.hypot(x - 0.25, y - 0.5)
    half, circle, dot = np.pi * 0.5**2 / 2, np.pi * 0.25**2, np.pi * 0.1**2
    shares = [
        (np.mean(classes == 1), 1 / 3, len(classes)),
        (np.mean(x[classes == 2] < 0.5), 1 / 2, np.sum(classes == 2)),
        (np.mean(left[classes == 1] < 0.25), (circle - dot) / (half - dot), np.sum(classes == 1)),
        (np.mean(left[classes == 2] < 0.05), 1 / 8, np.sum(classes == 2)),
    ]
    for measured, exact, n in shares:
        assert abs(measured - exact) < 4 * np.sqrt(exact * (1 - exact) / n)


def test_the_paper_has_three_sets() -> None:
    parts = data.yin_yang_splits()
    assert [len(y) for _, y in parts] == [5000, 1000, 1000]
    np.testing.assert_array_equal(parts.validation[0], data.yin_yang(1000, seed=41)[0])
    np.testing.assert_array_equal(parts.test[0], data.yin_yang(1000, seed=40)[0])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"n": 0}, "yin_yang.n: expected a whole number >= 1, got 0"),
        ({"n": 1.5}, "yin_yang.n: expected a whole number >= 1, got 1.5"),
        ({"r_small": 0.25}, "expected 0 < r_small < r_big / 2, got 0.25 and 0.5"),
        ({"r_small": 0.0}, "expected 0 < r_small"),
    ],
)
def test_a_sign_that_cannot_be_drawn_is_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        data.yin_yang(**arguments)


# --- spike times


def test_latencies_are_linear_and_a_fifth_input_spikes_always() -> None:
    x, _ = data.yin_yang(50)
    times = data.yin_yang_latency(x, 0.002 * u.second, 12 * u.ms, 5000.0 * u.us)
    assert times.shape == (50, 5)
    np.testing.assert_allclose(times[:, :4].to_decimal(u.ms), 2.0 + 10.0 * x, rtol=1e-12)
    np.testing.assert_allclose(times[:, 4].to_decimal(u.ms), 5.0)


def test_every_latency_is_one_spike_in_its_step() -> None:
    x, _ = data.yin_yang(200)
    times = data.yin_yang_latency(x)
    spikes = data.spikes_from_times(times, dt=0.5 * u.ms, duration=0.03 * u.second)
    assert spikes.shape == (200, 60, 5)
    assert spikes.dtype == bool
    np.testing.assert_array_equal(spikes.sum(axis=1), 1)
    np.testing.assert_array_equal(spikes.argmax(axis=1), times.to_decimal(u.ms) // 0.5)


def test_times_on_the_grid_are_in_the_step_that_begins_there() -> None:
    for unit, per_ms in ((u.ms, 1), (u.second, 1e-3), (u.us, 1e3)):
        grid = u.Quantity(np.arange(100)[None] * 0.1 * per_ms, unit=unit)
        spikes = data.spikes_from_times(grid, dt=0.1 * u.ms, duration=10.0 * u.ms)
        np.testing.assert_array_equal(spikes[0], np.eye(100, dtype=bool))


def test_an_infinite_or_undefined_time_is_no_spike() -> None:
    times = np.array([[np.inf, np.nan, 1.0]]) * u.ms
    spikes = data.spikes_from_times(times, dt=1.0 * u.ms, duration=2.0 * u.ms)
    assert spikes.sum() == 1
    assert spikes[0, 1, 2]


@pytest.mark.parametrize(
    ("times", "dt", "duration", "error", "text"),
    [
        ([[0.0, 2.0]] * u.ms, 1 * u.ms, 2 * u.ms, InputError, "expected times from 0 to 2 ms"),
        ([[-0.1]] * u.ms, 1 * u.ms, 2 * u.ms, InputError, "expected times from 0"),
        ([0.0] * u.ms, 1 * u.ms, 2 * u.ms, InputError, "expected times of shape (N, n)"),
        ([[0.0]], 1 * u.ms, 2 * u.ms, InputError, "expected a time such as 1 ms"),
        ([[0.0]] * u.mV, 1 * u.ms, 2 * u.ms, InputError, "expected a time such as 1 ms"),
        ([[0.0]] * u.ms, 1.0, 2 * u.ms, ParameterError, "dt: expected a time such as 1 ms"),
        ([[0.0]] * u.ms, 0 * u.ms, 2 * u.ms, ParameterError, "dt: expected a time > 0, got 0 ms"),
        ([[0.0]] * u.ms, 1 * u.ms, 2.5 * u.ms, ParameterError, "expected a whole number of steps"),
    ],
)
def test_times_that_do_not_fit_the_grid_are_refused(
    times: Any, dt: Any, duration: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        data.spikes_from_times(times, dt=dt, duration=duration)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("x", "arguments", "error"),
    [
        (np.zeros((3, 5)), {}, InputError),
        (np.full((3, 4), 1.1), {}, InputError),
        (np.full((3, 4), np.nan), {}, InputError),
        (np.zeros((3, 4)), {"t_late": 1.0 * u.ms}, ParameterError),
        (np.zeros((3, 4)), {"t_bias": -1.0 * u.ms}, InputError),
        (np.zeros((3, 4)), {"t_early": 0.1}, InputError),
    ],
)
def test_latencies_of_what_is_no_sample_are_refused(
    x: Any, arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match="yin_yang_latency"):
        data.yin_yang_latency(x, **arguments)


# --- manifolds


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_amplitudes_of_a_manifold_fall_with_the_frequency(alpha: float) -> None:
    """With B = 1 the frequencies are whole, and a Fourier transform gives A / k^alpha back."""
    random = np.random.default_rng(0)
    a, c = random.random((2, 3, 1, 40))
    k = np.arange(1, 41)
    x = np.arange(256) / 256
    heights = _heights(x[:, None], np.stack([a, np.ones_like(a), c]), k, alpha)
    amplitudes = 2 * np.abs(np.fft.rfft(heights, axis=0)) / len(x)
    np.testing.assert_allclose(amplitudes[1:41].T, a[:, 0] / k**alpha, atol=1e-12)
    np.testing.assert_allclose(amplitudes[41:], 0, atol=1e-12)


def test_a_manifold_of_two_dimensions_is_a_product_of_curves() -> None:
    random = np.random.default_rng(1)
    coefficients, x = random.random((3, 4, 2, 10)), random.random((7, 2))
    k = np.arange(1, 11)
    curves = [_heights(x[:, [j]], coefficients[:, :, [j]], k, 1.0) for j in (0, 1)]
    np.testing.assert_allclose(_heights(x, coefficients, k, 1.0), curves[0] * curves[1])


def test_times_of_each_class_and_input_reach_from_zero_to_the_latest() -> None:
    times, classes = data.random_manifolds(3, 6, n_samples=40, spikes_within=0.02 * u.second)
    for label in range(3):
        members = times[classes == label].to_decimal(u.ms)
        assert members.shape == (40, 6)
        np.testing.assert_array_equal(members.min(axis=0), 0.0)
        np.testing.assert_allclose(members.max(axis=0), 20.0)


def neighbours(alpha: float, dimension: int = 1) -> float:
    """Share of samples that the nearest of the others tells the class of."""
    times, classes = data.random_manifolds(5, 10, dimension, alpha, n_samples=100, seed=4)
    x = times.to_decimal(u.ms)
    return KNeighborsClassifier(1).fit(x[:250], classes[:250]).score(x[250:], classes[250:])


def test_smooth_manifolds_are_told_apart_and_rough_ones_are_not() -> None:
    smooth, rough = neighbours(3.0), neighbours(0.7)
    assert smooth > 0.97
    assert rough < smooth - 0.2
    assert neighbours(3.0, dimension=3) < smooth


def test_manifolds_belong_to_their_seed() -> None:
    first, again, other = (data.random_manifolds(2, 4, n_samples=5, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first[0].mantissa, again[0].mantissa)
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0].mantissa, other[0].mantissa)


@pytest.mark.parametrize(
    "arguments",
    [
        {"n_classes": 0},
        {"n_inputs": 1.5},
        {"manifold_dim": 0},
        {"n_samples": 1},
        {"alpha": 0.0},
        {"spikes_within": 50.0},
        {"spikes_within": 0.0 * u.ms},
    ],
)
def test_manifolds_that_cannot_be_are_refused(arguments: dict[str, Any]) -> None:
    name = next(iter(arguments))
    with pytest.raises((InputError, ParameterError), match=f"random_manifolds(.|: ){name}"):
        data.random_manifolds(**arguments)


# --- splits and batches


def test_digits_are_those_of_scikit_learn_each_once() -> None:
    pixels, labels = load_digits(return_X_y=True)
    parts = data.digits(seed=3)
    x = np.concatenate([x for x, _ in parts])
    y = np.concatenate([y for _, y in parts])
    order, known = np.lexsort([*x.T, y]), np.lexsort([*pixels.T, labels])
    np.testing.assert_array_equal(x[order], pixels[known] / 16)
    np.testing.assert_array_equal(y[order], labels[known])
    assert x.min() == 0.0
    assert x.max() == 1.0


def test_parts_have_all_classes_in_proportion() -> None:
    labels = np.random.default_rng(0).integers(0, 7, 1000)
    fractions = (0.6, 0.3, 0.1)
    parts = data.stratified_split(labels, fractions)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(1000))
    for part, fraction in zip(parts, fractions, strict=True):
        expected = fraction * np.bincount(labels)
        assert np.all(np.abs(np.bincount(labels[part]) - expected) <= 1)


def test_a_division_is_the_same_everywhere() -> None:
    """The stream of RandomState is frozen: these numbers must never change."""
    train, test = data.stratified_split(np.arange(20) % 2, (0.7, 0.3), seed=0)
    np.testing.assert_array_equal(test, [0, 6, 9, 10, 13, 15])
    assert len(train) == 14
    other, _ = data.stratified_split(np.arange(20) % 2, (0.7, 0.3), seed=1)
    assert not np.array_equal(train, other)


@pytest.mark.parametrize("fractions", [(0.5, 0.4), (1.2, -0.2)])
def test_fractions_that_are_none_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ParameterError, match="stratified_split.fractions"):
        data.stratified_split([0, 1], fractions)


@pytest.mark.parametrize("labels", [[0.5, 1.0], [[0, 1]]])
def test_labels_that_are_no_classes_are_refused(labels: Any) -> None:
    with pytest.raises(InputError, match="stratified_split.labels"):
        data.stratified_split(labels, (0.5, 0.5))


def test_every_sample_comes_once_in_an_epoch_with_its_label() -> None:
    x, y = np.arange(103) * u.ms, np.arange(103) ** 2
    seen = list(data.batches(x, y, 10, seed=0, epoch=0))
    assert [len(labels) for _, labels in seen] == [10] * 10 + [3]
    order = np.concatenate([times.to_decimal(u.ms) for times, _ in seen])
    np.testing.assert_array_equal(np.sort(order), np.arange(103))
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in seen]), order**2)


def test_the_order_belongs_to_seed_and_epoch_alone() -> None:
    x = np.arange(50)

    def order(seed: int, epoch: int) -> list[int]:
        np.random.seed(epoch)  # the global generator has no part in it
        return np.concatenate(
            [a for a, _ in data.batches(x, x, 7, seed=seed, epoch=epoch)]
        ).tolist()

    orders = {(seed, epoch): order(seed, epoch) for seed in (0, 1) for epoch in (0, 1, 2)}
    assert order(1, 2) == orders[1, 2]
    assert len({tuple(numbers) for numbers in orders.values()}) == 6


def test_the_last_batch_may_be_dropped() -> None:
    x = np.arange(10)
    assert [len(a) for a, _ in data.batches(x, x, 4, seed=0, epoch=0, drop_last=True)] == [4, 4]
    assert [len(a) for a, _ in data.batches(x, x, 5, seed=0, epoch=0, drop_last=True)] == [5, 5]


def test_batches_that_cannot_be_are_refused_at_once() -> None:
    x = np.arange(4)
    with pytest.raises(InputError, match="as many x as y, got 4 and 3"):
        data.batches(x, x[:3], 2, seed=0, epoch=0)
    for name in ("size", "seed", "epoch"):
        with pytest.raises(ParameterError, match=f"batches.{name}: expected a whole number"):
            data.batches(x, x, **{"size": 2, "seed": 0, "epoch": 0, name: -1})
