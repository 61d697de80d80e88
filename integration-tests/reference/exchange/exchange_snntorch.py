"""Networks of snnTorch: the files that it writes, and what it makes of an input."""

from typing import Any

import numpy as np
import snntorch as snn
import torch
from common import N_IN, Case, main, weights, with_state
from snntorch.export_nir import export_to_nir
from snntorch.import_nir import import_from_nir


def full(n: int, value: float) -> torch.Tensor:
    return torch.full((n,), value)


def linear(seed: int, n_out: int, n_in: int, scale: float = 1.0) -> torch.nn.Linear:
    layer = torch.nn.Linear(n_in, n_out)
    layer.weight.data = torch.from_numpy(weights(seed, n_out, n_in, scale))
    layer.bias.data = torch.from_numpy(weights(seed + 1, n_out, 1)[:, 0] / 4)
    return layer


def leaky(n: int, **options: Any) -> Any:
    return snn.Leaky(full(n, 0.9), full(n, 1.0), init_hidden=True, output=False, **options)


def looped(layer: Any, seed: int) -> Any:
    n = layer.recurrent.weight.shape[0]
    layer.recurrent.weight.data = torch.from_numpy(weights(seed, n, n) - 0.5)
    layer.recurrent.bias.data = torch.from_numpy(weights(seed + 1, n, 1)[:, 0] / 4)
    return layer


def build(name: str) -> list[Any]:
    if name == "lif":
        return [linear(1, 5, N_IN, 0.25), leaky(5), linear(3, 4, 5), leaky(4)]
    if name == "lif-zero":
        first, second = (leaky(n, reset_mechanism="zero") for n in (5, 4))
        return [linear(1, 5, N_IN, 0.25), first, linear(3, 4, 5), second]
    if name == "cubalif":
        first, second = (
            snn.Synaptic(full(n, 0.7), full(n, 0.8), full(n, 1.0), init_hidden=True) for n in (5, 4)
        )
        return [linear(1, 5, N_IN, 0.25), first, linear(3, 4, 5, 0.5), second]
    options = {"threshold": full(5, 1.0), "linear_features": 5, "init_hidden": True}
    if name == "recurrent-lif":
        first = looped(snn.RLeaky(full(5, 0.9), **options), 5)
        return [linear(1, 5, N_IN, 0.25), first, linear(3, 4, 5), leaky(4)]
    first = looped(snn.RSynaptic(full(5, 0.7), full(5, 0.8), **options), 5)
    return [linear(1, 5, N_IN, 0.25), first, linear(3, 4, 5), leaky(4)]


def case(name: str) -> Case:
    def run(xs: np.ndarray) -> Any:
        net = torch.nn.Sequential(*build(name))
        graph = export_to_nir(net, torch.zeros(1, N_IN), ignore_dims=[0])
        for module in net:
            if hasattr(module, "mem"):
                module.reset_mem()
        spikes, potentials = [], []
        with torch.no_grad():
            for x in torch.from_numpy(xs):
                spikes.append(net(x).numpy())
                potentials.append(net[-1].mem.numpy())
        return graph, np.array(spikes), np.array(potentials)

    return run


NAMES = ("lif", "lif-zero", "cubalif", "recurrent-lif", "recurrent-cubalif")

if __name__ == "__main__":
    main(
        "snntorch",
        {name: case(name) for name in NAMES},
        {},
        lambda g: with_state(import_from_nir(g)),
    )
