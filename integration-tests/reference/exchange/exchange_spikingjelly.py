"""Networks of SpikingJelly: the files that it writes, and what it makes of an input."""

from typing import Any

import numpy as np
import torch
from common import N_IN, Case, main, weights, with_state
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir, import_from_nir


def linear(seed: int, n_out: int, n_in: int, scale: float = 1.0) -> Any:
    made = layer.Linear(n_in, n_out)
    made.weight.data = torch.from_numpy(weights(seed, n_out, n_in, scale))
    made.bias.data = torch.from_numpy(weights(seed + 1, n_out, 1)[:, 0] / 4)
    return made


def conv() -> Any:
    made = layer.Conv2d(1, 2, 3, padding=1)
    made.weight.data = torch.from_numpy(weights(1, 2, 9, 1.0).reshape(2, 1, 3, 3))
    made.bias.data = torch.zeros(2)
    return made


def build(name: str) -> list[Any]:
    if name == "lif":
        first, second = neuron.LIFNode(tau=5.0), neuron.LIFNode(tau=3.0, decay_input=False)
        return [linear(1, 5, N_IN, 2.0), first, linear(3, 4, 5), second]
    if name == "cubalif":
        first, second = (neuron.CUBALIFNode(c_decay=0.6, v_decay=0.8) for _ in range(2))
        return [linear(1, 5, N_IN, 0.25), first, linear(3, 4, 5, 0.5), second]
    if name == "if":
        return [linear(1, 5, N_IN, 0.25), neuron.IFNode(), linear(3, 4, 5, 0.5), neuron.IFNode()]
    images = (conv(), neuron.IFNode(), layer.AvgPool2d(2), layer.Flatten())
    return [*images, linear(3, 4, 8, 4.0), neuron.LIFNode(tau=3.0)]


SHAPES = {"convolution": (1, 4, 4)}


def case(name: str) -> Case:
    def run(xs: np.ndarray) -> Any:
        net = torch.nn.Sequential(*build(name))
        with torch.no_grad():
            graph = export_to_nir(net, torch.from_numpy(xs[0]))
            functional.reset_net(net)
            spikes, potentials = [], []
            for x in torch.from_numpy(xs):
                spikes.append(net(x).numpy())
                potentials.append(net[-1].v.numpy().copy())
        return graph, np.array(spikes), np.array(potentials)

    return run


if __name__ == "__main__":
    cases = {name: case(name) for name in ("lif", "cubalif", "if", "convolution")}
    main("spikingjelly", cases, SHAPES, lambda g: with_state(import_from_nir(g, dt=1e-4)))
