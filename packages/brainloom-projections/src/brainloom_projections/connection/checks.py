"""What a connection is made of, checked."""

import numpy as np
from brainloom_core import ParameterError
from brainloom_core.units import show

from ..rules.basic import AllToAll, OneToOne, RowRule, Rule
from ..types import EdgeValue, Side
from .draws import EdgeDraws
from .edges import Edges
from .kept import KeptEdges
from .values import is_function, size_of, value_of

__all__ = ["check_choices", "check_unstored", "kept_edges", "numbers_of_neurons"]


def check_choices(stored: bool, trainable: bool, implementation: str | None) -> None:
    """Raise where a choice is none of those that there are."""
    for option, flag in (("stored", stored), ("trainable", trainable)):
        if not isinstance(flag, (bool, np.bool_)):
            raise ParameterError(f"Connection.{option}: expected True or False, got {show(flag)}")
    if implementation is not None and not isinstance(implementation, str):
        raise ParameterError(
            f"Connection.implementation: expected the name of a kernel, got {show(implementation)}"
        )


def check_unstored(
    rule: object, weight: EdgeValue, delay: EdgeValue | None, trainable: bool
) -> None:
    """Raise where it cannot be done without storing edges."""
    if not isinstance(rule, (OneToOne, AllToAll, RowRule)):
        raise ParameterError(
            "Connection.stored: False expected a rule that can be drawn row by row "
            "(OneToOne, AllToAll, Bernoulli, FixedOutDegree, FixedInDegree, FixedTotalNumber), got "
            f"{show(rule)}"
        )
    if delay is not None and (is_function(delay) or np.ndim(value_of(delay)) != 0):
        raise ParameterError(
            "Connection.delay: with stored=False expected one delay for all edges, got "
            f"{show(delay)}"
        )
    if is_function(weight) and isinstance(rule, RowRule) and trainable:
        raise ParameterError(
            "Connection.weight: weights that are drawn again in each step cannot be trained; "
            "expected trainable=False, or stored=True"
        )


def kept_edges(rule: str | Rule | Edges, n_pre: int, n_post: int, seed: int | None) -> KeptEdges:
    """The edges; those of a rule that can draw them in parts are drawn when they are needed."""
    if isinstance(rule, Rule):
        rng = np.random.default_rng(seed)
        found: object = rule.draws(n_pre, n_post, rng) or rule.edges(n_pre, n_post, rng)
    else:
        found = rule
    if not isinstance(found, (Edges, EdgeDraws)):
        raise ParameterError(
            f"Connection.rule: expected a rule such as Bernoulli(0.02), or Edges, got {show(found)}"
        )
    if (found.n_pre, found.n_post) != (n_pre, n_post):
        raise ParameterError(
            f"Connection.rule: expected edges from {n_pre} to {n_post} neurons, got from "
            f"{found.n_pre} to {found.n_post}"
        )
    return KeptEdges(found)


def numbers_of_neurons(maker: str, sizes: tuple[Side, Side]) -> tuple[int, int]:
    """How many neurons two populations have."""
    if not isinstance(sizes, (tuple, list)) or len(sizes) != 2:
        raise ParameterError(
            f"Connection.{maker}: sizes: expected two populations or their sizes, got {show(sizes)}"
        )
    first = size_of(f"Connection.{maker}: sizes", sizes[0], "out_size")
    second = size_of(f"Connection.{maker}: sizes", sizes[1], "in_size")
    return int(np.prod(first)), int(np.prod(second))
