"""The parts of a network have the same names when it is made again."""

from typing import Any

import brainunit as u
import numpy as np
from brainloom_core import Network
from brainloom_core.identity import parts_of
from brainloom_neurons import LIF
from brainloom_projections import (
    AlignPreProj,
    AllToAll,
    Connection,
    Projection,
    SymmetryGapJunction,
)
from brainloom_synapses import AMPA, COBA


def network() -> Any:
    net = Network()
    net.cells = LIF(4, V_th=20 * u.mV)
    net.slow = Projection(
        *(net.cells, net.cells[:2], AllToAll(), AMPA.desc(), COBA.desc(E=0 * u.mV)),
        weight=1 * u.nS,
        align="pre",
    )
    comm = Connection(4, 4, AllToAll(), 1 * u.nS)
    made = {"syn": AMPA.desc(), "out": COBA.desc(E=0 * u.mV), "post": net.cells}
    net.more = AlignPreProj(net.cells.get_spike, comm=comm, **made)
    pairs = np.array([0, 1]), np.array([2, 3])
    net.gap = SymmetryGapJunction(net.cells, "V", pairs, 1 * u.nS)
    net.other = SymmetryGapJunction((net.cells, net.cells), "V", pairs, 1 * u.nS)
    return net


def test_names_do_not_count_the_networks_that_were_made_before() -> None:
    one, other = network(), network()
    assert parts_of(one) == parts_of(other)
    assert len(one.cells.current_inputs) == 6
