"""Pieces of a text, each of which knows where it stands, and errors that point at them."""

from dataclasses import dataclass

from brainloom_core import DeclarationError

__all__ = ["EquationError", "Fragment"]


class EquationError(DeclarationError):
    """Equations that are given as text cannot be made a model; the place is underlined."""


@dataclass(frozen=True)
class Fragment:
    """A piece of a text.

    Attributes:
        what: What the text is, such as `"equations"`.
        whole: The whole text.
        start: Where the piece begins.
        stop: Where it ends.
    """

    what: str
    whole: str
    start: int
    stop: int

    @classmethod
    def of(cls, what: str, text: str) -> "Fragment":
        """All of a text, without its comments."""
        return cls(what, _without_comments(text), 0, len(text))

    @property
    def text(self) -> str:
        """The piece."""
        return self.whole[self.start : self.stop]

    def part(self, start: int, stop: int) -> "Fragment":
        """A part of it, counted from its start, without the blanks around.

        Args:
            start: Where the part begins.
            stop: Where it ends.
        """
        text = self.text[start:stop]
        first = self.start + start + len(text) - len(text.lstrip())
        return Fragment(self.what, self.whole, first, max(first, first + len(text.strip())))

    def error(self, message: str) -> EquationError:
        """The error of this piece, with its line and a mark under it.

        Args:
            message: What is wrong, one sentence.
        """
        begin = self.whole.rfind("\n", 0, self.start) + 1
        end = self.whole.find("\n", self.start)
        line = self.whole[begin : end if end >= 0 else None]
        indent = len(line) - len(line.lstrip())
        width = max(1, min(self.stop, begin + len(line)) - self.start)
        if len(line) - indent > 200:  # of a text that may be anything
            return EquationError(f"{self.what}: {message}")
        mark = " " * (self.start - begin - indent) + "^" * width
        number = self.whole.count("\n", 0, self.start) + 1
        place = f"{self.what}, line {number}" if "\n" in self.whole.strip() else self.what
        return EquationError(f"{place}: {message}\n    {line.strip()}\n    {mark}")


def _without_comments(text: str) -> str:
    """The same text with blanks in place of comments and of what continues a line."""
    lines = []
    for line in text.split("\n"):
        code, mark, comment = line.partition("#")
        line = code + " " * len(mark + comment)
        lines.append(line[:-1] + " " if line.endswith("\\") else line)
    return "\n".join(lines)
