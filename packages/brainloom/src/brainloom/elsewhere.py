"""Names that users of brainpy.state look for here, and what takes their place."""

import re

__all__ = ["advice"]

_PROJECTION = "bl.Projection(pre, post, {rule}, synapse, output, weight=...)"
_RULES = {
    "OneToOneProj": "bl.OneToOne()",
    "AllToAllProj": "bl.AllToAll()",
    "PairwiseBernoulliProj": "bl.Bernoulli(p)",
    "FixedIndegreeProj": "bl.FixedInDegree(k)",
    "FixedOutdegreeProj": "bl.FixedOutDegree(k)",
    "FixedTotalNumberProj": "bl.FixedTotalNumber(n)",
}
_ADVICE = {
    "from_equations": (
        "it comes with the plugin brainloom-equations: python -m pip install brainloom-equations"
    ),
    "Builder": (
        "a network is put together by assignment: net = bl.Network(); net.E = bl.LIF(100); "
        "net.EE = bl.Projection(net.E, net.E, bl.Bernoulli(0.1), bl.Expon, bl.CUBA, weight=...)"
    ),
    "Recorder": 'bl.simulate(net, duration, record=["E.spikes", "E.V"]) records',
    "PairwisePoissonProj": (
        "draw the edges and write bl.Projection(pre, post, bl.Edges.from_pairs(...), synapse, "
        "output, weight=...)"
    ),
    "SymmetricPairwiseBernoulliProj": (
        "draw the edges and write bl.Projection(pre, post, bl.Edges.from_pairs(...), synapse, "
        "output, weight=...)"
    ),
    **{name: _PROJECTION.format(rule=rule) for name, rule in _RULES.items()},
}
_NEST = re.compile(
    r"(iaf|aeif|hh|mat2|amat2|gif|glif|ht|pp|astrocyte|eprop|stdp|cont)_\w+|parrot_neuron"
)


def advice(name: str) -> str | None:
    """What to write instead of a name of brainpy.state that is not here, None for any other.

    Args:
        name: The name that was asked for.

    Examples:
        >>> from brainloom.elsewhere import advice
        >>> advice("FixedIndegreeProj")
        'bl.Projection(pre, post, bl.FixedInDegree(k), synapse, output, weight=...)'
    """
    if _NEST.fullmatch(name):
        return (
            "models under NEST's names come with the plugin brainloom-nest: python -m pip install "
            "brainloom-nest; the guide 'From NEST' of the documentation says what takes the place "
            "of those that it has not"
        )
    return _ADVICE.get(name)
