"""A plugin that registers a name which another one registers too."""


class Clash:
    """Not a model: it is only looked up."""

    origin = "two"
