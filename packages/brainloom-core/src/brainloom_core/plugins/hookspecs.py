"""The hooks that a plugin may implement, each returning plain declarations.

A plugin is a distribution with an entry point in the group `brainloom` whose value is a module;
functions of that module marked with `hookimpl` are its hooks. Import what is heavy inside them.
Each kind of things has its hook; [`KINDS`][brainloom_core.plugins.KINDS] is the list of them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, overload

import pluggy

from .kernel import Kernel

__all__ = [
    "brainloom_callbacks",
    "brainloom_cases",
    "brainloom_datasets",
    "brainloom_encoders",
    "brainloom_formats",
    "brainloom_kernels",
    "brainloom_learning_rules",
    "brainloom_losses",
    "brainloom_models",
    "brainloom_outputs",
    "brainloom_plasticity_rules",
    "brainloom_readouts",
    "brainloom_rules",
    "brainloom_surrogates",
    "hookimpl",
]

Hook = TypeVar("Hook", bound=Callable[..., Any])


_mark = pluggy.HookimplMarker("brainloom")


@overload
def hookimpl(function: Hook, /) -> Hook: ...
@overload
def hookimpl(*, api: int = 1, **options: Any) -> Callable[[Hook], Hook]: ...
def hookimpl(function: Any = None, /, *, api: int = 1, **options: Any) -> Any:
    """Mark a function of a plugin's module as one of its hooks.

    Args:
        function: The function; left out where options follow.
        api: The version of the contract of the hook's kind that the function is written for.
        options: Those of pluggy, such as `specname`.

    Examples:
        >>> from brainloom_core.plugins import hookimpl
        >>> @hookimpl
        ... def brainloom_models():
        ...     return {"MyNeuron": "my_package.model:MyNeuron"}
        >>> @hookimpl(api=1, specname="brainloom_losses")
        ... def mine():
        ...     return {"MyLoss": "my_package.loss:MyLoss"}
    """

    def mark(function: Hook) -> Hook:
        function.brainloom_api = api  # type: ignore[attr-defined]
        marked: Hook = _mark(function, **options)
        return marked

    return mark if function is None else mark(function)


hookspec = pluggy.HookspecMarker("brainloom")


@hookspec
def brainloom_models() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Models by public name, each as `"module:attribute"`, imported when it is asked for."""


@hookspec
def brainloom_outputs() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Synaptic outputs by public name, as for models."""


@hookspec
def brainloom_rules() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Connectivity rules by public name, as for models."""


@hookspec
def brainloom_surrogates() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Spike functions by public name, as for models."""


@hookspec
def brainloom_plasticity_rules() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Rules that change weights by public name, as for models."""


@hookspec
def brainloom_learning_rules() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Ways to find gradients by public name, as for models."""


@hookspec
def brainloom_encoders() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Encoders by public name, as for models."""


@hookspec
def brainloom_readouts() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Readouts by public name, as for models."""


@hookspec
def brainloom_losses() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Losses and metrics by public name, as for models."""


@hookspec
def brainloom_datasets() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Loaders of data sets by public name, as for models."""


@hookspec
def brainloom_formats() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Files of recordings by public name, as for models: `write(recording, path)`, `read(path)`."""


@hookspec
def brainloom_callbacks() -> Mapping[str, str]:  # type: ignore[empty-body]
    """What `fit` calls with the history after each epoch, by public name, as for models."""


@hookspec
def brainloom_cases() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Cases of the conformance kit, by the name of the model, or other thing, that each is of."""


@hookspec
def brainloom_kernels() -> Iterable[Kernel]:  # type: ignore[empty-body]
    """Implementations of operations."""
