"""Models and networks in a few lines: names, sizes, and what differs from the defaults."""

import html
from collections.abc import Iterable
from typing import Any

import brainstate
import brainunit as u
import numpy as np

__all__ = ["in_a_line", "of_values", "table", "table_html"]

WIDEST = 100  # characters of a line


def in_a_line(model: Any) -> str:
    """The class of a model, its size, and the parameters that are not the defaults.

    Args:
        model: Anything that declares parameters.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Delay
        >>> from brainloom_core.describe import in_a_line
        >>> in_a_line(Delay(100, 1.5 * u.ms))
        'Delay(100, delay=1.5 ms)'
    """
    kind, given = type(model), vars(model)
    size = given.get("in_size") or given.get("_in_size")
    words = [" x ".join(map(str, size))] if size else []
    for name, declared in kind.declared_parameters().items():
        if name in given and not _same(given[name], declared.default):
            words.append(f"{name}={of_values(given[name])}")
    return f"{kind.__name__}({', '.join(words)})"


def of_values(value: object) -> str:
    """A number, the range of several, or a short text for anything else.

    Args:
        value: A parameter, a weight or a delay; a state is taken for its value.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_core.describe import of_values
        >>> of_values(5 * u.ms), of_values(np.array([1.0, 3.0]) * u.nS)
        ('5 ms', '1 to 3 nS')
    """
    value = value.value if isinstance(value, brainstate.State) else value
    value = value.value() if isinstance(value, brainstate.nn.Param) else value
    number, unit = u.get_mantissa(value), u.get_unit(value)
    if isinstance(number, bool) or not isinstance(number, (int, float, np.generic)):
        if not hasattr(number, "dtype") or isinstance(number, brainstate.nn.Module):
            text = getattr(value, "__name__", None) or str(value)
            return text if len(text) <= 40 and "\n" not in text else type(value).__name__
        number = np.asarray(number)
    if np.size(number) == 0:
        return "none"
    low, high = (f"{edge:g}" for edge in (np.min(number), np.max(number)))
    text = low if low == high else f"{low} to {high}"
    return text if unit == u.UNITLESS else f"{text} {unit}"


def table(title: str, rows: Iterable[tuple[str, ...]]) -> str:
    """Rows under a title, in columns, of which the last is cut where the line is full.

    Args:
        title: The first line.
        rows: Texts of one length each.
    """
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    lines = [title]
    for *front, last in rows:
        padded = "".join(f"  {text:<{width}}" for text, width in zip(front, widths, strict=True))
        room = max(WIDEST - len(padded) - 2, 20)
        lines.append(f"{padded}  {last if len(last) <= room else last[: room - 3] + '...'}")
    return "\n".join(lines)


def table_html(title: str, rows: Iterable[tuple[str, ...]]) -> str:
    """The same for a notebook.

    Args:
        title: What stands above.
        rows: Texts of one length each.
    """
    lines = [f"<b>{html.escape(title)}</b>", "<table>"]
    for row in rows:
        cells = "".join(f'<td style="text-align: left">{html.escape(text)}</td>' for text in row)
        lines.append(f"<tr>{cells}</tr>")
    return "\n".join([*lines, "</table>"])


def _same(value: object, default: object) -> bool:
    if value is default:
        return True
    try:
        return bool(np.all(np.asarray(value == default)))
    except Exception:  # what cannot be compared is shown
        return False
