"""A plugin that registers a name which another one registers too."""

from brainstate import nn


class Clash(nn.Module):
    """No neuron: it is only looked up."""

    origin = "two"
