"""Projections: synaptic state of one per neuron, before or after the connection."""
