"""The check of connectivity rules."""

import numpy as np

from ..require import require

__all__ = ["check_rule"]


def check_rule(rule: object) -> None:
    """A connectivity rule draws edges that exist, the same for a seed, as its flags say.

    Args:
        rule: The rule, small enough for 9 neurons.

    Raises:
        AssertionError: It does not.

    Examples:
        >>> from brainloom_projections import FixedInDegree
        >>> from brainloom_testing import check_rule
        >>> check_rule(FixedInDegree(3))
    """
    name = type(rule).__name__
    draw = getattr(rule, "edges", None)
    require(callable(draw), f"{name} has no method edges(n_pre, n_post, rng)")
    assert callable(draw)
    for n_pre, n_post in ((9, 9), (9, 6)):
        try:
            first, again, other = (
                draw(n_pre, n_post, np.random.default_rng(seed)) for seed in (1, 1, 2)
            )
        except ValueError:  # a rule may be for equal sizes only
            require(n_pre != n_post, f"{name} draws no edges from {n_pre} to {n_post} neurons")
            continue
        pairs = [np.stack([edges.pre, edges.post]) for edges in (first, again, other)]
        require(
            np.array_equal(pairs[0], pairs[1]),
            f"{name} draws other edges with the same seed: use rng for all random numbers",
        )
        limits = np.array([[n_pre], [n_post]])
        require(
            bool(np.all((pairs[0] >= 0) & (pairs[0] < limits))),
            f"{name} draws edges of neurons that do not exist, from {n_pre} to {n_post}",
        )
        if n_pre == n_post and getattr(rule, "allow_autapses", True) is False:
            own = int(np.sum(pairs[0][0] == pairs[0][1]))
            require(own == 0, f"{name} draws {own} autapses, and allow_autapses is False")
        if getattr(rule, "allow_multapses", True) is False:
            double = pairs[0].shape[1] - np.unique(pairs[0], axis=1).shape[1]
            require(double == 0, f"{name} draws {double} edges twice: allow_multapses is False")
