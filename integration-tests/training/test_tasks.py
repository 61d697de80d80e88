"""The tasks are solved: what the scripts of this folder reach, with one seed or with `--seeds`."""

import coba
import delays
import digits
import numpy as np
import pytest
import yin_yang

pytestmark = pytest.mark.filterwarnings("default:The implementation 'cpu-native'")


def test_the_yin_yang_set_is_learned(seeds: range) -> None:
    """98 % in the mean of five seeds; a single one may be some 0.6 % off."""
    found = [yin_yang.run(seed)["test"] for seed in seeds]
    assert np.mean(found) >= (0.98 if len(found) >= 5 else 0.975)


def test_handwritten_digits_are_learned(seeds: range) -> None:
    """97 % in the mean of five seeds; a single one may be some 0.7 % off, two of 270 samples."""
    found = [digits.run(seed)["test"] for seed in seeds]
    assert np.mean(found) >= (0.97 if len(found) >= 5 else 0.963)


def test_orders_are_told_apart_with_learned_delays_and_not_without(seeds: range) -> None:
    """Four orders: a guess is right in a quarter of the cases."""
    for seed in seeds:
        found = delays.run(seed)
        assert found["learned"] > 0.95
        assert found["fixed"] < 0.7
        assert found["none"] < 0.7


def test_a_network_with_conductances_is_trained_to_rates_and_then_simulated(seeds: range) -> None:
    """Within 15 % of each rate, in 2 s of other initial potentials and steps of 0.1 ms."""
    for seed in seeds:
        found = coba.run(seed)
        assert found["error_before"] > 0.5
        assert found["error"] < 0.15
        assert found["edges_kept"] == 1.0
        assert found["smallest_weight_nS"] >= 0.0
