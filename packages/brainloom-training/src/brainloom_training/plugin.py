"""What this distribution provides, as a plugin of core."""

from collections.abc import Mapping

from brainloom_core.plugins import hookimpl


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    """Neurons that a learning rule needs."""
    return {"EventPropLIF": "brainloom_training:EventPropLIF"}


@hookimpl
def brainloom_readouts() -> Mapping[str, str]:
    """Readouts."""
    from .readouts import __all__ as names

    return {name: f"brainloom_training:{name}" for name in names}


@hookimpl
def brainloom_learning_rules() -> Mapping[str, str]:
    """Learning rules."""
    from .rules import RULES

    return {name: f"brainloom_training.rules:{name.replace('-', '_')}" for name in RULES}


@hookimpl
def brainloom_encoders() -> Mapping[str, str]:
    """Encoders."""
    from .encoders import __all__ as names

    return {name: f"brainloom_training:{name}" for name in names if name != "Encoder"}


@hookimpl
def brainloom_losses() -> Mapping[str, str]:
    """Losses and metrics."""
    from .losses import __all__ as names

    return {name: f"brainloom_training:{name}" for name in names if name != "Loss"}
