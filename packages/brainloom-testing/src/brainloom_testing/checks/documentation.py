"""Checks of what the documentation of a class says."""

import doctest
import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager

import brainstate
from brainloom_core import Neuron
from brainloom_core.small_steps import lost_part

from ..case import Case
from ..declarations import signature, states
from ..require import require
from .registry import applies_to, has_states

__all__ = [
    "check_docstring_has_equation",
    "check_docstring_has_sections",
    "check_docstring_lists_arguments",
    "check_docstring_lists_states",
    "check_examples_run",
]


@applies_to("neuron", "synapse", "output", "readout")
def check_docstring_has_equation(case: Case) -> None:
    """The docstring holds an equation between `$` or `$$`."""
    found = re.search(r"\$[^$]+\$", _docstring(case))
    require(found, f"{case.cls.__name__}: no equation ($...$ or $$...$$) in its docstring")


@applies_to()
def check_docstring_has_sections(case: Case) -> None:
    """The docstring says what is raised, where the model is from, and shows an example."""
    missing = [name for name in ("Raises", "References", "Examples") if not _section(case, name)]
    require(not missing, f"{case.cls.__name__}: its docstring lacks {', '.join(missing)}")


@applies_to()
def check_docstring_lists_arguments(case: Case) -> None:
    """`Args:` has an entry for each parameter of the constructor, and no other."""
    listed, known = _entries(case, "Args"), set(signature(case.cls))
    missing, unknown = sorted(known - listed), sorted(listed - known)
    name = case.cls.__name__
    require(not missing, f"{name}: Args: in its docstring lacks {', '.join(missing)}")
    require(not unknown, f"{name}: Args: in its docstring has {', '.join(unknown)}; no parameter")


@applies_to(when=has_states)
def check_docstring_lists_states(case: Case) -> None:
    """`Attributes:` has an entry for each declared state that is the model's own."""
    declared = states(case.cls)
    usual = {
        *Neuron.declared_states(),
        *(lost_part(name) for name, spec in declared.items() if spec.slow),
        *(name for name, spec in declared.items() if spec.internal),
    }
    missing = sorted(declared.keys() - usual - _entries(case, "Attributes"))
    require(
        not missing,
        f"{case.cls.__name__}: Attributes: in its docstring lacks {', '.join(missing)}",
    )


@applies_to()
def check_examples_run(case: Case) -> None:
    """The examples in the docstring give what they show."""
    name = case.cls.__name__
    module = inspect.getmodule(case.cls)
    test = doctest.DocTestParser().get_doctest(
        _docstring(case), dict(vars(module)) if module else {}, name, None, None
    )
    require(test.examples, f"{name}: no example (>>> ...) in its docstring")
    said: list[str] = []
    with _settings_restored():
        failed, _ = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    require(not failed, f"{name}: an example in its docstring fails:\n{''.join(said)}")


@contextmanager
def _settings_restored() -> Iterator[None]:
    """Undo what an example sets for the whole process, such as the time step."""
    before = brainstate.environ.all()
    try:
        with brainstate.random.seed_context(0):
            yield
    finally:
        # What a context sets around this is no setting of the process, and must not become one.
        after = brainstate.environ.all()
        for key in after.keys() - before.keys():
            brainstate.environ.pop(key)
        changed = {key: value for key, value in before.items() if after.get(key) is not value}
        brainstate.environ.set(**changed)


def _docstring(case: Case) -> str:
    text = vars(case.cls).get("__doc__") or ""
    require(text, f"{case.cls.__name__} has no docstring")
    return inspect.cleandoc(text)


def _section(case: Case, title: str) -> str:
    """The text under a heading, up to the next line that is not indented."""
    found = re.search(rf"^{title}:\n((?:[ \t]+.*\n?|\n)*)", _docstring(case), re.MULTILINE)
    return found.group(1).strip("\n") if found else ""


def _entries(case: Case, title: str) -> set[str]:
    """The names that a section explains, one in each line with the least indentation."""
    return set(
        re.findall(r"^ {4}\*{0,2}(\w+)(?: \([^)]*\))?:", _section(case, title), re.MULTILINE)
    )
