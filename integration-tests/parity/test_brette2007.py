"""The demo networks against Brian2, on more seeds than the package's own tests."""

from collections.abc import Callable

import pytest
from brainloom.demos import brette2007

SEEDS = range(101, 117)


@pytest.mark.parametrize("network", ["coba", "cuba", "cobahh"])
def test_activity_agrees_with_brian2(network: str, welch: Callable[..., float]) -> None:
    """16 seeds against 50: a right network fails at 0.001 once in 1000 runs, and these seeds are
    fixed."""
    runs = [brette2007.run(network, seed=seed, progress=False) for seed in SEEDS]
    for position, measure in enumerate(runs[0].measures):
        ours = [run.measures[position].value for run in runs]
        theirs = brette2007.reference()[network][measure.name]
        assert welch(network, measure.name, ours, theirs) > 1e-3, measure.name
