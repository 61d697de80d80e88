"""What the training scripts on PyTorch share: the two products, and the training step."""

from __future__ import annotations

import torch
import training_common as bench
from torch import nn
from torch.nn import functional


class Readout(nn.Module):
    """Base of the networks: the weights; `forward` gives the mean outputs, one row per sample."""

    def __init__(self) -> None:
        super().__init__()
        self.w1 = nn.Linear(bench.INPUTS, bench.HIDDEN, bias=False)
        self.w2 = nn.Linear(bench.HIDDEN, bench.OUTPUTS, bias=False)


def train(description: str | None, version: str, network: Readout, gain: float = 1.0) -> None:
    """Measure a network, its input spikes having the size `gain`."""
    options = bench.command_line(description).parse_args()
    problem = bench.problem()
    x, y = torch.from_numpy(problem.x) * gain, torch.from_numpy(problem.y).long()
    with torch.no_grad():
        network.w1.weight.copy_(torch.from_numpy(problem.w1.T))
        network.w2.weight.copy_(torch.from_numpy(problem.w2.T))
    adam = torch.optim.Adam(network.parameters(), lr=bench.LEARNING_RATE, fused=True)

    def backward() -> torch.Tensor:
        adam.zero_grad()
        loss = functional.cross_entropy(network(x), y)
        loss.backward()
        return loss

    def gradients() -> bench.Gradients:
        loss = backward().item()
        w1, w2 = (layer.weight.grad.numpy().T.copy() for layer in (network.w1, network.w2))
        return bench.Gradients(loss, w1, w2)

    def step() -> float:
        loss = backward()
        adam.step()
        return loss.item()

    bench.run(options, version, gradients, step)
