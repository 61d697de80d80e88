"""Connections: edges, how they are stored, and the values that they carry."""
