"""The network of the training benchmark in Norse, layer by layer over the whole sequence.

Its neurons without a synaptic current attenuate what comes in by dt / tau: the input spikes are
that much larger, and the outputs are made so. Its surrogate gradient has the slope 1 whatever
`alpha` says.
"""

from __future__ import annotations

from importlib.metadata import version

import norse.torch as norse
import torch
import training_common as bench
from norse.torch.functional.leaky_integrator_box import LIBoxParameters
from norse.torch.functional.lif_box import LIFBoxParameters
from norse.torch.functional.reset import reset_subtract
from norse.torch.module.leaky_integrator_box import LIBoxCell
from norse.torch.module.lif_box import LIFBoxCell
from training_torch import Readout, train

GAIN = 1 / (1 - bench.BETA)
DT = 1e-3


class Network(Readout):
    def __init__(self) -> None:
        super().__init__()
        rate = torch.tensor((1 - bench.BETA) / DT)  # forward Euler, which this way decays by beta
        spiking = LIFBoxParameters(tau_mem_inv=rate, reset_method=reset_subtract)
        self.hidden = norse.Lift(LIFBoxCell(spiking, dt=DT))
        self.output = norse.Lift(LIBoxCell(LIBoxParameters(tau_mem_inv=rate), dt=DT))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spikes, _ = self.hidden(self.w1(x))
        outputs, _ = self.output(self.w2(spikes))
        return GAIN * outputs.mean(0)


if __name__ == "__main__":
    train(__doc__, version("norse"), Network(), gain=GAIN)
