"""Every error that brainloom raises on purpose.

```text
BrainloomError
├── ParameterError (ValueError)       a constructor argument breaks its declaration
│   └── UnitError (TypeError)         ... because its unit has another dimension
├── InputError (ValueError)           what reaches a model while it runs does not fit it
├── NonFiniteError (ArithmeticError)  a state became NaN or infinite while a network ran
├── CheckpointError (ValueError)      a checkpoint cannot be used, read or written
├── StateError (AttributeError)       a state is used before it was initialised
├── DeclarationError (TypeError)      a class declares a model that cannot be
├── KernelError (RuntimeError)        no implementation of an operation can be used as asked
└── PluginError (RuntimeError)        a plugin cannot be loaded or used
    └── PluginConflictError           two distributions claim one name
```
"""

__all__ = [
    "BrainloomError",
    "CheckpointError",
    "DeclarationError",
    "InputError",
    "Interrupted",
    "KernelError",
    "NonFiniteError",
    "ParameterError",
    "PluginConflictError",
    "PluginError",
    "StateError",
    "UnitError",
]


class BrainloomError(Exception):
    """Root of the tree: catch this to catch them all."""


class ParameterError(BrainloomError, ValueError):
    """A constructor argument breaks its declaration (range, shape, kind)."""


class UnitError(ParameterError, TypeError):
    """A value has a unit of the wrong dimension."""


class InputError(BrainloomError, ValueError):
    """An input has the wrong shape, unit or batch axis for the model that receives it."""


class NonFiniteError(BrainloomError, ArithmeticError):
    """A state became NaN or infinite while a network ran.

    Args:
        message: What became of which state, and when.
        recording: What was recorded until then.

    Attributes:
        recording: The same.
    """

    def __init__(self, message: str, recording: object = None) -> None:
        super().__init__(message)
        self.recording = recording


class Interrupted(KeyboardInterrupt):
    """A run was ended by Ctrl-C: between two chunks, from where the network can go on.

    It is raised, and not returned as a shorter recording, so that nothing takes what there is for
    the whole; and it is no `Exception`, so that whoever goes on after errors does not after Ctrl-C.

    Args:
        message: When the run ended.
        recording: What was recorded until then.

    Attributes:
        recording: The same.
    """

    def __init__(self, message: str, recording: object = None) -> None:
        super().__init__(message)
        self.recording = recording


class CheckpointError(BrainloomError, ValueError):
    """A checkpoint does not belong to what it is loaded into, or cannot be read or written."""


class StateError(BrainloomError, AttributeError):
    """A state is read before `brainstate.nn.init_all_states` created it."""


class DeclarationError(BrainloomError, TypeError):
    """A class declares a model that cannot be: an equation names what there is not."""


class KernelError(BrainloomError, RuntimeError):
    """No implementation of an operation can be used in the way that was asked for."""


class PluginError(BrainloomError, RuntimeError):
    """A plugin is unknown, blocked or failed to load."""


class PluginConflictError(PluginError):
    """Two distributions claim one name."""
