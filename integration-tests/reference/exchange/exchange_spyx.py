"""Networks of Spyx: the files that it writes, and what it makes of an input."""

from typing import Any

import numpy as np
from common import BATCH, N_IN, Case, main, weights
from flax import nnx
from spyx import nn
from spyx.nir import from_nir, to_nir


def linear(seed: int, n_out: int, n_in: int, scale: float = 1.0) -> Any:
    made = nnx.Linear(n_in, n_out, rngs=nnx.Rngs(0))
    made.kernel[...] = weights(seed, n_out, n_in, scale).T
    made.bias[...] = weights(seed + 1, n_out, 1)[:, 0] / 4
    return made


def looped(layer: Any, seed: int) -> Any:
    layer.recurrent_w[...] = weights(seed, 5, 5).T - 0.5
    return layer


def build(name: str) -> list[Any]:
    rngs = nnx.Rngs(0)
    kinds: dict[str, Any] = {
        "lif": lambda n: nn.LIF((n,), 0.9, rngs=rngs),
        "cubalif": lambda n: nn.CuBaLIF((n,), 0.7, 0.8, rngs=rngs),
        "if": lambda n: nn.IF((n,)),
        "recurrent-lif": lambda n: looped(nn.RLIF((n,), 0.9, rngs=rngs), 5),
        "recurrent-cubalif": lambda n: looped(nn.RCuBaLIF((n,), 0.7, 0.8, rngs=rngs), 5),
    }
    last = kinds[name.removeprefix("recurrent-")]
    return [linear(1, 5, N_IN, 0.25), kinds[name](5), linear(3, 4, 5, 0.5), last(4)]


def case(name: str) -> Case:
    def run(xs: np.ndarray) -> Any:
        net = nn.Sequential(*build(name))
        graph = to_nir(net, {"input": np.array([N_IN])}, {"output": np.array([4])})
        state, spikes, potentials = net.initial_state(BATCH), [], []
        for x in xs:
            y, state = net(x, state)
            spikes.append(np.asarray(y))
            potentials.append(np.asarray(state[-1])[:, :4])  # a current may stand behind
        return graph, np.array(spikes), np.array(potentials)

    return run


def reader(graph: Any) -> Any:
    net, _ = from_nir(graph, np.zeros((1, BATCH, N_IN), np.float32), dt=1e-4)
    state = net.initial_state(BATCH)

    def step(x: np.ndarray) -> np.ndarray:
        nonlocal state
        y, state = net(x, state)
        return np.asarray(y)

    return step


if __name__ == "__main__":
    names = ("lif", "cubalif", "if", "recurrent-lif", "recurrent-cubalif")
    main("spyx", {name: case(name) for name in names}, {}, reader)
