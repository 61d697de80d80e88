"""The signature of every hook and the fields of every declaration, which plugins rely on."""

import dataclasses
import inspect

import pytest
from brainloom_core.kernels import Kernel
from brainloom_core.plugins import KINDS, Kind, PluginInfo, Registered, hookimpl, hookspecs

NAMES = "() -> collections.abc.Mapping[str, str]"
HOOKS = {
    "brainloom_callbacks": NAMES,
    "brainloom_cases": NAMES,
    "brainloom_datasets": NAMES,
    "brainloom_encoders": NAMES,
    "brainloom_formats": NAMES,
    "brainloom_kernels": "() -> collections.abc.Iterable[brainloom_core.plugins.kernel.Kernel]",
    "brainloom_learning_rules": NAMES,
    "brainloom_losses": NAMES,
    "brainloom_models": NAMES,
    "brainloom_outputs": NAMES,
    "brainloom_plasticity_rules": NAMES,
    "brainloom_readouts": NAMES,
    "brainloom_rules": NAMES,
    "brainloom_surrogates": NAMES,
}
"""A change here is a new version of the contract: `Kind.api`, `Kind.outdated`, the changelog."""


def test_the_signature_of_every_hook_is_as_it_was() -> None:
    assert {name: str(inspect.signature(getattr(hookspecs, name))) for name in HOOKS} == HOOKS


def test_every_kind_has_a_hook_and_every_hook_a_kind() -> None:
    assert {kind.hook for kind in KINDS.values()} == {*HOOKS} == {*hookspecs.__all__} - {"hookimpl"}


def test_no_contract_is_dropped() -> None:
    """Each kind still understands its first version, and says when it will not."""
    for kind in KINDS.values():
        assert 1 in kind.api, kind.name
        assert {*kind.outdated} <= {*kind.api}


@pytest.mark.parametrize(
    ("declaration", "fields"),
    [
        (Kernel, "op name platforms load rank supports threads"),
        (Kind, "name plural what base methods named checks api outdated"),
        (PluginInfo, "name distribution version state error remarks seconds"),
        (Registered, "name qualified_name target distribution version kind"),
    ],
)
def test_declarations_keep_their_fields(declaration: type, fields: str) -> None:
    """Fields may be added at the end, with a default."""
    assert [field.name for field in dataclasses.fields(declaration)] == fields.split()


def test_the_mark_keeps_its_arguments() -> None:
    parameters = inspect.signature(hookimpl).parameters
    assert [*parameters] == ["function", "api", "options"]
    assert parameters["api"].default == 1
