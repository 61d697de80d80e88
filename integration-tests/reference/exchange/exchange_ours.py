"""Networks of brainloom, written for others to read."""

import argparse
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
from brainloom_neurons import LIF
from brainloom_nir import FilteredLIF, NIRNetwork, Strictly, current_first_euler, write
from common import N_IN, weights


def linear(seed: int, n_out: int, n_in: int, scale: float = 1.0) -> brainstate.nn.Linear:
    bias = weights(seed + 1, n_out, 1)[:, 0] / 4
    return brainstate.nn.Linear(n_in, n_out, weights(seed, n_out, n_in, scale).T, bias)


def networks() -> dict[str, Any]:
    # What every reader does, whatever a file says: a hard reset, forward Euler, V > V_th.
    same: dict[str, Any] = {"spk_reset": "hard", "spk_fun": Strictly()}
    one, half = ({"tau": tau * u.ms, "solver": "euler", **same} for tau in (1.0, 0.5))
    filtered = {"R": 10 * u.ohm, "w": 5.0, "tau": 1 * u.ms, "tau_syn": 0.5 * u.ms, **same}
    loop = {"fc": linear(1, 5, N_IN), "lif": LIF(5, **one), "w_rec": linear(5, 5, 5)}
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    return {
        "lif": NIRNetwork(
            {
                "fc": linear(1, 5, N_IN, 2.0),
                "lif": LIF(5, **one),
                "out": linear(3, 4, 5, 8.0),
                "last": LIF(4, **half),
            }
        ),
        "cubalif": NIRNetwork(
            {
                "fc": linear(1, 5, N_IN, 0.25),
                "lif": FilteredLIF(5, solver=current_first_euler, **filtered),
            }
        ),
        "recurrent": NIRNetwork(loop, edges),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    folder = parser.parse_args().output
    for name, net in networks().items():
        write(folder / f"ours-{name}.nir", net, dt=0.1 * u.ms)
