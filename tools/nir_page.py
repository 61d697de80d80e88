"""Write the table of NIR's primitives into docs/how-to/exchange-nir.md, or --check that it is."""

import re
import sys
from pathlib import Path

from brainloom_nir.known import OWN
from nir import ir

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "exchange-nir.md"
TABLE = re.compile(r"(?<=<!-- support -->\n).*?(?=<!-- /support -->)", re.DOTALL)


def table() -> str:
    """Each primitive, what it is read as, and what is written as it."""
    primitives = sorted(
        n for n in ir.__all__ if n[0].isupper() and n not in ("NIRGraph", "NIRNode")
    )
    lines = ["| NIR | is read as | is written from |", "|---|---|---|"]
    for name in primitives:
        found = [it for it in OWN if it.node.__name__ == name]
        read = [it.module.__name__ for it in found if it.to_module is not None]
        written = [it.module.__name__ for it in found if it.to_node is not None]
        cells = (
            ", ".join(f"`{kind}`" for kind in dict.fromkeys(kinds)) for kinds in (read, written)
        )
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    lines.append("| `NIRGraph` | `NIRNetwork` | `NIRNetwork`, `Sequential` |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    page = TABLE.sub(table(), text)
    if "--check" in sys.argv:
        sys.exit(None if page == text else f"{PAGE} is not what the counterparts declare")
    PAGE.write_text(page, encoding="utf-8")
