"""What listings tell of plugins and of what they register."""

from dataclasses import dataclass

__all__ = ["ModelInfo", "PluginInfo", "Registered"]


@dataclass(frozen=True)
class PluginInfo:
    """One installed plugin.

    Attributes:
        name: Name of its entry point.
        distribution: The distribution that provides it.
        version: Version of the distribution.
        state: `"available"`, `"loaded"`, `"blocked"`, `"incompatible"` or `"failed"`.
        error: What went wrong or keeps it out, None where nothing does.
        remarks: What else there is to say of it.
        seconds: How long its import took, None where it was not imported.
    """

    name: str
    distribution: str
    version: str
    state: str
    error: str | None = None
    remarks: tuple[str, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True)
class Registered:
    """One thing that a plugin registers.

    Attributes:
        name: Public name, by which `get` finds it.
        qualified_name: The name with that of the plugin, `"plugin:Name"`, which is unique.
        target: Where it is, `"module:attribute"`.
        distribution: The distribution that provides it.
        version: Version of the distribution.
        kind: Of which kind it is.
    """

    name: str
    qualified_name: str
    target: str
    distribution: str
    version: str
    kind: str = "model"

    @property
    def plugin(self) -> str:
        """Name of the plugin."""
        return self.qualified_name.partition(":")[0]


ModelInfo = Registered
