"""Networks of Norse: the files that it writes, and what it makes of an input."""

from typing import Any

import norse.torch as norse
import numpy as np
import torch
from common import N_IN, Case, main, weights, with_state
from norse.torch.module.iaf import IAFCell
from norse.torch.module.leaky_integrator_box import LIBoxCell
from norse.torch.utils.export_nir import to_nir
from norse.torch.utils.import_nir import from_nir


def linear(seed: int, n_out: int, n_in: int, scale: float = 1.0) -> torch.nn.Linear:
    layer = torch.nn.Linear(n_in, n_out)
    layer.weight.data = torch.from_numpy(weights(seed, n_out, n_in, scale))
    layer.bias.data = torch.from_numpy(weights(seed + 1, n_out, 1)[:, 0] / 4)
    return layer


CELLS = {
    "lif": (norse.LIFBoxCell, norse.LIFBoxCell, 4.0),
    "cubalif": (norse.LIFCell, norse.LIFCell, 1.0),
    "if": (IAFCell, IAFCell, 0.25),
    "li": (norse.LIFBoxCell, LIBoxCell, 4.0),
}


def case(name: str) -> Case:
    def run(xs: np.ndarray) -> Any:
        first, second, scale = CELLS[name]
        parts = (linear(1, 5, N_IN, scale), first(), linear(3, 4, 5, scale), second())
        net = norse.SequentialState(*parts)
        graph = to_nir(net, torch.zeros(1, N_IN))
        state, spikes, potentials = None, [], []
        with torch.no_grad():
            for x in torch.from_numpy(xs):
                y, state = net(x, state)
                spikes.append(y.numpy())
                potentials.append(state[-1].v.numpy())
        return graph, np.array(spikes), np.array(potentials)

    return run


if __name__ == "__main__":
    cases = {name: case(name) for name in CELLS}
    main("norse", cases, {}, lambda graph: with_state(from_nir(graph, dt=1e-4)))
