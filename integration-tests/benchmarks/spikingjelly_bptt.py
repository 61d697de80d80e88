"""The network of the training benchmark in SpikingJelly, in its multi-step mode on PyTorch's CPU.

Its readout attenuates what comes in by 1 / tau, which is undone at the end.
"""

from __future__ import annotations

from importlib.metadata import version

import torch
import training_common as bench
from spikingjelly.activation_based import functional, neuron, surrogate
from training_torch import Readout, train

TAU = 1 / (1 - bench.BETA)  # of forward Euler, which this way decays by beta


class Network(Readout):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = neuron.LIFNode(
            tau=TAU,
            decay_input=False,
            v_reset=None,
            surrogate_function=surrogate.SuperSpike(alpha=1.0),
            step_mode="m",
        )
        self.output = neuron.NonSpikingLIFNode(tau=TAU, decode="mean-mem")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        functional.reset_net(self)
        return TAU * self.output(self.w2(self.hidden(self.w1(x))))


if __name__ == "__main__":
    train(__doc__, version("spikingjelly"), Network())
