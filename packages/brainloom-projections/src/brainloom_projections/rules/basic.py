"""Connectivity rules: who is connected to whom.

A rule is a small value (`Bernoulli(0.02)`); applied to two sizes it gives `Edges`, which can be
inspected, saved and given to any number of connections. The flags `allow_autapses` and
`allow_multapses` are those of NEST.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brainloom_core import ParameterError, PluginError
from brainloom_core.plugins import made
from brainloom_core.units import show

from ..connection.counter import RowDraw, new_key
from ..connection.draws import EdgeDraws, Piece, PieceDraws, RowDraws
from ..connection.edges import Edges, from_rows, whole

__all__ = [
    "AllToAll",
    "Bernoulli",
    "Edges",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedTotalNumber",
    "OneToOne",
    "PieceRule",
    "RowRule",
    "Rule",
]

_BLOCK = 1 << 20  # edges that are made together


@dataclass(frozen=True)
class Rule:
    """Base of the connectivity rules.

    A rule of your own is a frozen dataclass with a method `edges`.

    Examples:
        >>> from dataclasses import dataclass, field
        >>> import numpy as np
        >>> from brainloom_projections import Connection, Edges, Rule
        >>> @dataclass(frozen=True)
        ... class Ring(Rule):
        ...     def edges(self, n_pre, n_post, rng=None):
        ...         pre = np.arange(n_pre)
        ...         return Edges.from_pairs(pre, (pre + 1) % n_post, n_pre, n_post)
        >>> print(Connection(4, 4, Ring()).edges.post)
        [1 2 3 0]
    """

    @abstractmethod
    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator | None = None) -> Edges:
        """Draw the edges between populations of these sizes.

        Args:
            n_pre: Number of presynaptic neurons.
            n_post: Number of postsynaptic neurons.
            rng: Where the random numbers come from; by default, they differ from call to call.
        """

    def draws(self, n_pre: int, n_post: int, rng: np.random.Generator) -> EdgeDraws | None:
        """What draws the edges in parts, as several devices need them; None where nothing does.

        Args:
            n_pre: Number of presynaptic neurons.
            n_post: Number of postsynaptic neurons.
            rng: Where the random numbers come from.
        """
        return None


def rule_of(where: str, rule: Any) -> Any:
    """A rule that is given by name, or what else is given.

    Args:
        where: What takes it, for the message.
        rule: A rule, anything else, or the name under which a plugin registers a rule.

    Raises:
        ParameterError: No rule has the name, or it has parameters that must be given.
    """
    if not isinstance(rule, str):
        return rule
    try:
        return made("rule", rule)
    except (PluginError, TypeError) as error:
        raise ParameterError(f"{where}: {error}") from error


class RowRule(Rule):
    """Base of the rules whose edges can be drawn row by row, and so need not be stored."""

    incoming = False
    """Whether a row is a postsynaptic neuron and holds its sources."""

    @abstractmethod
    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> RowDraw:
        """What each row holds.

        Args:
            n_pre: Number of presynaptic neurons.
            n_post: Number of postsynaptic neurons.
            rng: Where the random numbers come from.
        """

    def draws(self, n_pre: int, n_post: int, rng: np.random.Generator) -> EdgeDraws | None:
        if type(self).edges is not RowRule.edges:  # of a rule that changes what is drawn
            return None
        return RowDraws(self.draw(n_pre, n_post, rng), self.incoming, repr(self))

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator | None = None) -> Edges:
        check_sizes(self, n_pre, n_post)
        return edges_of(self.draw(n_pre, n_post, generator(self, rng)), self)


class PieceRule(Rule):
    """Base of the rules that give their edges piece by piece, from the first neuron to the last."""

    @abstractmethod
    def pieces(self, n_pre: int, n_post: int, rng: np.random.Generator) -> Iterator[Piece]:
        """The edges of some neurons after the other.

        Args:
            n_pre: Number of presynaptic neurons.
            n_post: Number of postsynaptic neurons.
            rng: Where the random numbers come from.
        """

    def check(self, n_pre: int, n_post: int) -> None:
        """Raise where the rule does not fit the sizes.

        Args:
            n_pre: Number of presynaptic neurons.
            n_post: Number of postsynaptic neurons.
        """
        check_sizes(self, n_pre, n_post)

    def draws(self, n_pre: int, n_post: int, rng: np.random.Generator) -> EdgeDraws | None:
        if type(self).edges is not PieceRule.edges:  # of a rule that changes what is drawn
            return None
        self.check(n_pre, n_post)
        return self._draws(n_pre, n_post, rng)

    def _draws(self, n_pre: int, n_post: int, rng: np.random.Generator) -> PieceDraws:
        def pieces(rng: np.random.Generator) -> Iterator[Piece]:
            return self.pieces(n_pre, n_post, rng)

        is_all = isinstance(self, AllToAll) and self.allow_autapses
        return PieceDraws(n_pre, n_post, pieces, rng, repr(self), is_all_to_all=is_all)

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator | None = None) -> Edges:
        self.check(n_pre, n_post)
        return self._draws(n_pre, n_post, generator(self, rng)).whole()


@dataclass(frozen=True)
class OneToOne(Rule):
    """Neuron i to neuron i; both populations must have the same size.

    Raises:
        ParameterError: The sizes differ.

    Examples:
        >>> from brainloom_projections import OneToOne
        >>> print(OneToOne().edges(3, 3).post)
        [0 1 2]
    """

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator | None = None) -> Edges:
        check_sizes(self, n_pre, n_post)
        if n_pre != n_post:
            raise ParameterError(f"OneToOne: expected equal sizes, got {n_pre} and {n_post}")
        return from_rows(n_pre, n_post, np.ones(n_pre, int), np.arange(n_pre), origin=repr(self))


@dataclass(frozen=True)
class AllToAll(PieceRule):
    """Every neuron to every neuron.

    Args:
        allow_autapses: Whether neuron i connects to neuron i, True; False needs populations of
            one size.

    Raises:
        ParameterError: Autapses are left out between populations of different sizes.

    Examples:
        >>> from brainloom_projections import AllToAll
        >>> print(AllToAll(allow_autapses=False).edges(3, 3).post)
        [1 2 0 2 0 1]
    """

    allow_autapses: bool = True

    def __post_init__(self) -> None:
        check_flags(self)

    def check(self, n_pre: int, n_post: int) -> None:
        super().check(n_pre, n_post)
        left_out(self, n_pre, n_post)

    def pieces(self, n_pre: int, n_post: int, rng: np.random.Generator) -> Iterator[Piece]:
        available = n_post - left_out(self, n_pre, n_post)
        height = max(1, _BLOCK // max(1, available))
        for start in range(0, n_pre, height):
            rows = np.arange(start, min(start + height, n_pre), dtype=np.int32)
            posts = np.broadcast_to(np.arange(available, dtype=np.int32), (len(rows), available))
            if not self.allow_autapses:
                posts = posts + (posts >= rows[:, None])
            yield Piece(np.full(len(rows), available), posts.ravel())


@dataclass(frozen=True)
class Bernoulli(RowRule):
    r"""Each ordered pair independently with the same probability, and never more than once.

    $$
    P(i \to j) = p
    $$

    so that the degrees have binomial distributions. A row is drawn as its binomial number of
    edges, then as that many distinct neurons, which is the same law. NEST calls the rule
    `pairwise_bernoulli`.

    Args:
        p: Probability $p$ of a connection, from 0 to 1.
        allow_autapses: Whether neuron i may connect to neuron i, True; False needs populations
            of one size.
        incoming: Whether the neurons that receive draw their sources, False: those that send draw
            their targets. The law is the same, the edges are others. Of a network on several
            devices each then draws what reaches its own neurons, and nothing else.

    Raises:
        ParameterError: `p` is not a probability, or autapses are left out between populations
            of different sizes.

    References:
        Senk et al. (2022), PLoS Comput. Biol. 18, e1010086, "Connectivity concepts in neuronal
        network modeling", doi:10.1371/journal.pcbi.1010086.

    Examples:
        >>> import numpy as np
        >>> from brainloom_projections import Bernoulli
        >>> edges = Bernoulli(0.1).edges(1000, 500, np.random.default_rng(0))
        >>> bool(49_000 < len(edges) < 51_000)
        True
    """

    p: float
    allow_autapses: bool = True
    incoming: bool = field(default=False, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        check_probability("Bernoulli.p", self.p)
        check_flags(self)

    def __repr__(self) -> str:
        more = ", incoming=True" if self.incoming else ""
        return f"Bernoulli(p={self.p!r}, allow_autapses={self.allow_autapses}{more})"

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> RowDraw:
        n_rows, n_items = (n_post, n_pre) if self.incoming else (n_pre, n_post)
        available = n_items - left_out(self, n_pre, n_post)
        absent = self.p > 0.5
        number = rng.binomial(available, 1.0 - self.p if absent else self.p, n_rows)
        number = number.astype(np.int32)
        return RowDraw(
            new_key(rng), n_rows, n_items, number, own=self.allow_autapses, left_out=absent
        )


@dataclass(frozen=True)
class FixedOutDegree(RowRule):
    r"""Exactly `k` targets for each presynaptic neuron, chosen uniformly.

    $$
    \sum_j A_{ij} = k \quad \text{for each } i
    $$

    Args:
        k: Number of edges that leave each neuron.
        allow_autapses: Whether neuron i may connect to neuron i, True; False needs populations
            of one size.
        allow_multapses: Whether two neurons may be connected more than once, False.

    Raises:
        ParameterError: `k` is not a whole number, or larger than the number of targets without
            multapses, or autapses are left out between populations of different sizes.

    References:
        Senk et al. (2022), PLoS Comput. Biol. 18, e1010086, doi:10.1371/journal.pcbi.1010086.

    Examples:
        >>> from brainloom_projections import FixedOutDegree
        >>> print(FixedOutDegree(2).edges(4, 10).out_degree)
        [2 2 2 2]
    """

    k: int
    allow_autapses: bool = True
    allow_multapses: bool = False

    def __post_init__(self) -> None:
        check_number("FixedOutDegree.k", self.k)
        check_flags(self)

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> RowDraw:
        return _fixed(self, n_pre, n_post, left_out(self, n_pre, n_post), rng)


@dataclass(frozen=True)
class FixedInDegree(RowRule):
    r"""Exactly `k` sources for each postsynaptic neuron, chosen uniformly.

    $$
    \sum_i A_{ij} = k \quad \text{for each } j
    $$

    Args:
        k: Number of edges that reach each neuron.
        allow_autapses: Whether neuron i may connect to neuron i, True; False needs populations
            of one size.
        allow_multapses: Whether two neurons may be connected more than once, False.

    Raises:
        ParameterError: `k` is not a whole number, or larger than the number of sources without
            multapses, or autapses are left out between populations of different sizes.

    References:
        Brunel (2000), J. Comput. Neurosci. 8, 183, doi:10.1023/A:1008925309027; Senk et al.
        (2022), PLoS Comput. Biol. 18, e1010086, doi:10.1371/journal.pcbi.1010086.

    Examples:
        >>> from brainloom_projections import FixedInDegree
        >>> print(FixedInDegree(2).edges(10, 4).in_degree)
        [2 2 2 2]
    """

    k: int
    allow_autapses: bool = True
    allow_multapses: bool = False
    incoming = True

    def __post_init__(self) -> None:
        check_number("FixedInDegree.k", self.k)
        check_flags(self)

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> RowDraw:
        return _fixed(self, n_post, n_pre, left_out(self, n_pre, n_post), rng)


@dataclass(frozen=True)
class FixedTotalNumber(RowRule):
    r"""Exactly `n` edges among all pairs, each set (with multapses, list) equally likely.

    $$
    \sum_{ij} A_{ij} = n
    $$

    Args:
        n: Number of edges.
        allow_autapses: Whether neuron i may connect to neuron i, True; False needs populations
            of one size.
        allow_multapses: Whether two neurons may be connected more than once, False.

    Raises:
        ParameterError: `n` is not a whole number, or larger than the number of pairs without
            multapses, or autapses are left out between populations of different sizes.

    References:
        Potjans & Diesmann (2014), Cereb. Cortex 24, 785, doi:10.1093/cercor/bhs358 (with
        multapses); Senk et al. (2022), doi:10.1371/journal.pcbi.1010086.

    Examples:
        >>> from brainloom_projections import FixedTotalNumber
        >>> len(FixedTotalNumber(30).edges(10, 20))
        30
    """

    n: int
    allow_autapses: bool = True
    allow_multapses: bool = False

    def __post_init__(self) -> None:
        check_number("FixedTotalNumber.n", self.n)
        check_flags(self)

    def draw(self, n_pre: int, n_post: int, rng: np.random.Generator) -> RowDraw:
        available = n_post - left_out(self, n_pre, n_post)
        pairs, n = n_pre * available, int(self.n)
        check_possible("FixedTotalNumber.n", n, pairs, self.allow_multapses)
        absent = not self.allow_multapses and 2 * n > pairs
        if self.allow_multapses:
            number = rng.multinomial(n, np.full(n_pre, 1.0 / max(1, n_pre)))
        else:
            number = _shared_out(pairs - n if absent else n, n_pre, available, rng)
        return RowDraw(
            new_key(rng),
            n_pre,
            n_post,
            number.astype(np.int32),
            repeats=self.allow_multapses,
            own=self.allow_autapses,
            left_out=absent,
        )


def edges_of(draw: RowDraw, rule: RowRule) -> Edges:
    """All edges of what is drawn row by row."""
    return RowDraws(draw, rule.incoming, repr(rule)).whole()


def generator(owner: object, rng: np.random.Generator | None) -> np.random.Generator:
    """The generator given, or a new one."""
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise ParameterError(
            f"{owner if isinstance(owner, str) else type(owner).__name__}: rng: expected a "
            f"generator of numpy, such as np.random.default_rng(0), or None, got {show(rng)}"
        )
    return np.random.default_rng() if rng is None else rng


def left_out(rule: Any, n_pre: int, n_post: int) -> int:
    """How many neurons one neuron may not be joined to: itself, or none."""
    if rule.allow_autapses:
        return 0
    if n_pre != n_post:
        raise ParameterError(
            f"{type(rule).__name__}.allow_autapses: False expected populations of one size, got "
            f"{n_pre} and {n_post}, between which there are no autapses; leave it out"
        )
    return min(1, n_post)


def check_probability(name: str, p: Any) -> None:
    """Refuse what is not a probability."""
    number = isinstance(p, (int, float, np.number)) and not isinstance(p, bool)
    if not number or not 0.0 <= p <= 1.0:
        raise ParameterError(f"{name}: expected a probability from 0 to 1, got {show(p)}")


def check_number(name: str, k: object) -> None:
    """Refuse what is not a count."""
    whole(name, k)


def check_flags(rule: Rule) -> None:
    """Refuse what is neither true nor false."""
    for name in ("allow_autapses", "allow_multapses", "incoming"):
        value = getattr(rule, name, True)
        if not isinstance(value, (bool, np.bool_)):
            raise ParameterError(
                f"{type(rule).__name__}.{name}: expected True or False, got {show(value)}"
            )


def check_sizes(rule: Rule, n_pre: object, n_post: object) -> None:
    """Refuse sizes that are not counts."""
    for name, number in (("n_pre", n_pre), ("n_post", n_post)):
        whole(f"{type(rule).__name__}.edges: {name}", number)


def check_possible(name: str, k: int, available: int, repeats: bool) -> None:
    """Refuse to choose more than there is."""
    if k > available and not repeats:
        raise ParameterError(
            f"{name}: expected a whole number from 0 to {available}, got {k}; more are possible "
            "with allow_multapses=True"
        )
    if k > 0 and available < 1:
        raise ParameterError(f"{name}: expected 0, since there is nothing to choose from, got {k}")


def _fixed(
    rule: FixedInDegree | FixedOutDegree,
    n_rows: int,
    n_items: int,
    without: int,
    rng: np.random.Generator,
) -> RowDraw:
    available = n_items - without
    check_possible(f"{type(rule).__name__}.k", rule.k, available, rule.allow_multapses)
    absent = not rule.allow_multapses and 2 * rule.k > available
    return RowDraw(
        new_key(rng),
        n_rows,
        n_items,
        np.asarray(available - rule.k if absent else rule.k, np.int32),
        repeats=rule.allow_multapses,
        own=rule.allow_autapses,
        left_out=absent,
    )


def _shared_out(n: int, n_rows: int, available: int, rng: np.random.Generator) -> np.ndarray:
    """How many of n pairs, each set of them equally likely, each row has.

    Independent choices of pairs are made first; then some pairs are taken away, or added, which
    all are equally likely.
    """
    pairs = n_rows * available
    number = rng.binomial(available, n / max(1, pairs), n_rows).astype(np.int64)
    missing = n - int(number.sum())
    there = number if missing < 0 else available - number
    chosen = _distinct(int(there.sum()), abs(missing), rng)
    rows = np.searchsorted(np.cumsum(there), chosen, side="right")
    return number + np.sign(missing) * np.bincount(rows, minlength=n_rows)


def _distinct(n: int, k: int, rng: np.random.Generator) -> np.ndarray:
    """`k` distinct numbers below n, rising, each set equally likely: repeats are drawn again."""
    if 2 * k > n:
        kept = np.ones(n, bool)
        kept[_distinct(n, n - k, rng)] = False
        return np.nonzero(kept)[0]
    chosen = np.sort(rng.integers(0, max(1, n), k))
    while len(again := np.nonzero(chosen[1:] == chosen[:-1])[0] + 1):
        chosen[again] = rng.integers(0, n, len(again))
        chosen.sort(kind="stable")
    return chosen
