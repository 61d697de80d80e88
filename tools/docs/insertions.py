"""An extension of griffe: figures and numerical semantics in the docstrings of models.

Both are made by running the models, which reading their source cannot; `build.py` leaves them in a
file, by the path of the class.
"""

import json
import re
from pathlib import Path
from typing import Any

import griffe

ARGUMENTS = re.compile(r"^(?:Args|Attributes|Returns|Raises|References|Examples?):", re.MULTILINE)
REFERENCES = re.compile(r"^(?:References|Examples?):", re.MULTILINE)


class Insertions(griffe.Extension):
    """Put the figure behind the equations, and the numerics before the references."""

    def __init__(self, file: str) -> None:
        path = Path(file)
        self.known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Give a field of a dataclass the default that a reader would write."""
        defaults = self.known.get(getattr(attr.parent, "path", ""), {}).get("defaults", {})
        if attr.name in defaults:
            attr.value = defaults[attr.name]

    def on_function_instance(self, *, func: griffe.Function, **_: Any) -> None:
        """Drop annotations that tell a reader nothing."""
        for parameter in func.parameters:
            if str(parameter.annotation) in ("Any", "object"):
                parameter.annotation = None

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of an object that has something to insert."""
        known = self.known.get(obj.path)
        if known is None:
            return
        if obj.docstring is None:  # one that is made when the module is imported
            obj.docstring = griffe.Docstring(known["docstring"], parent=obj)
        text = obj.docstring.value
        if figure := known.get("figure"):
            text = inserted(text, ARGUMENTS, f"![{known['caption']}]({figure}){{ .response }}\n")
        if numerics := known.get("numerics"):
            rows = "\n".join(f"    - **{name}**: {value}" for name, value in numerics)
            text = inserted(text, REFERENCES, f"Numerical semantics:\n{rows}\n")
        obj.docstring.value = text


def inserted(text: str, before: re.Pattern[str], what: str) -> str:
    """The text with a paragraph before the first match, or at its end."""
    found = before.search(text)
    place = found.start() if found else len(text)
    return f"{text[:place].rstrip()}\n\n{what}\n{text[place:]}"
