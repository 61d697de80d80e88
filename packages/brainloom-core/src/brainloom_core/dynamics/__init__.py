"""What moves in a step: neurons and synapses, their solvers, surrogates, delays and networks."""
