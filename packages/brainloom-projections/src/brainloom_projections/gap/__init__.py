"""Gap junctions."""
