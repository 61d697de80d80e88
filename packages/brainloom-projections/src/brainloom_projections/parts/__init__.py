"""The parts of a projection, and how they are joined."""
