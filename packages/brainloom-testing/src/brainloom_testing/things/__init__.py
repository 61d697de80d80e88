"""The kit for each kind of things, as plain functions that raise AssertionError."""

from collections.abc import Callable, Mapping

from .encoders import check_encoder
from .formats import check_format
from .kernels import check_kernel
from .losses import check_loss
from .models import check_model
from .plasticity import check_plasticity_rule
from .rules import check_rule
from .surrogates import check_surrogate
from .training import check_callback, check_learning_rule

__all__ = [
    "CHECKS_OF_THINGS",
    "check_callback",
    "check_encoder",
    "check_format",
    "check_kernel",
    "check_learning_rule",
    "check_loss",
    "check_model",
    "check_plasticity_rule",
    "check_rule",
    "check_surrogate",
]

CHECKS_OF_THINGS: Mapping[str, Callable[..., object]] = {
    "rule": check_rule,
    "surrogate": check_surrogate,
    "learning rule": check_learning_rule,
    "encoder": check_encoder,
    "loss": check_loss,
    "format": check_format,
    "callback": check_callback,
}
"""The check of each kind whose things are checked as values, and are no models."""
