"""The network of the training benchmark in snnTorch.

`reset_delay=False` resets with the spike, which lets the gradient pass and gives the next step the
decayed rest. Both products are taken for the whole sequence at once; the time loop is in Python.
"""

from __future__ import annotations

import snntorch
import torch
import training_common as bench
from snntorch import surrogate
from training_torch import Readout, train


class Network(Readout):
    def __init__(self) -> None:
        super().__init__()
        spike = surrogate.fast_sigmoid(slope=1)
        self.hidden = snntorch.Leaky(bench.BETA, spike_grad=spike, reset_delay=False)
        self.output = snntorch.Leaky(bench.BETA, reset_mechanism="none")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        V, r = self.hidden.init_leaky(), self.output.init_leaky()
        spikes, outputs = [], []
        for current in self.w1(x):
            spike, V = self.hidden(current, V)
            spikes.append(spike)
        for current in self.w2(torch.stack(spikes)):
            _, r = self.output(current, r)
            outputs.append(r)
        return torch.stack(outputs).mean(0)


if __name__ == "__main__":
    train(__doc__, snntorch.__version__, Network())
