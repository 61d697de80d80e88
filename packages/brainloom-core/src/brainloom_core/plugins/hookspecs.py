"""The hooks that a plugin may implement, each returning plain declarations.

A plugin is a distribution with an entry point in the group `brainloom` whose value is a module;
functions of that module marked with `hookimpl` are its hooks. Import what is heavy inside them.
"""

from collections.abc import Iterable, Mapping

import pluggy

from .kernel import Kernel

__all__ = ["brainloom_kernels", "brainloom_models", "hookimpl"]

hookimpl = pluggy.HookimplMarker("brainloom")
"""Marks a function of a plugin's module as one of its hooks."""

hookspec = pluggy.HookspecMarker("brainloom")


@hookspec
def brainloom_models() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Models by public name, each as `"module:attribute"`, imported when it is asked for."""


@hookspec
def brainloom_kernels() -> Iterable[Kernel]:  # type: ignore[empty-body]
    """Implementations of operations."""
