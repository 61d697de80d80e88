"""Run one source of the documentation and write the page that comes of it into the current folder.

`python execute.py page FILE` runs the Python blocks of a Markdown page, one after the other in one
namespace, and puts what each prints under it. `notebook` runs a tutorial in jupytext's percent
format and writes it as a page and as a notebook with its outputs. `gallery` runs an example from a
paper, and holds what it measured to what was published; arguments behind the file, such as
`--full`, go to the example. Each stops at the first failure.
"""

import contextlib
import io
import json
import os
import re
import runpy
import sys
import traceback
from pathlib import Path
from time import process_time
from typing import Any

BLOCK = re.compile(r"^(?P<indent> *)```python\n(?P<code>.*?)^ *```\n", re.MULTILINE | re.DOTALL)
MARKDOWN_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^):]+)\.md(#[^)]*)?\)")
TUTORIAL = """{% extends "markdown/index.md.j2" %}
{% block stream %}
```{.text .output}
{{ output.text | strip_ansi | trim }}
```
{% endblock stream %}
{% block data_text %}
```{.text .output}
{{ output.data["text/plain"] | strip_ansi | trim }}
```
{% endblock data_text %}
{% block data_svg %}
![Figure]({{ output.metadata.filenames["image/svg+xml"] | path2url }})
{% endblock data_svg %}
"""
TO_TRY = "Two things to try:"
NUMBERS = "numbers.json"
REFERENCE_LINK = re.compile(r"\[([^\]]+)\]\[[^\]]*\]")


def page(source: Path) -> None:
    """Run a Markdown page and write it with its outputs."""
    text = source.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "__main__"}

    def with_output(block: re.Match[str]) -> str:
        line = text[: block.start()].count("\n") + 1
        indent = block["indent"]
        code = "".join(row.removeprefix(indent) for row in block["code"].splitlines(keepends=True))
        printed = io.StringIO()
        try:
            program = compile("\n" * line + code, str(source), "exec")
            with contextlib.redirect_stdout(printed):
                exec(program, namespace)
        except BaseException:
            sys.exit(f"{source}:{line}: the block fails\n{traceback.format_exc()}")
        if not printed.getvalue():
            return block[0]
        shown = [f"{indent}{row}".rstrip() for row in printed.getvalue().rstrip().splitlines()]
        return "\n".join([block[0], f"{indent}```{{.text .output}}", *shown, f"{indent}```", ""])

    Path(source.name).write_text(BLOCK.sub(with_output, text), encoding="utf-8")


def notebook(source: Path) -> None:
    """Run a tutorial and write it as a page and as a notebook."""
    import jupytext
    import nbformat
    from jinja2 import DictLoader
    from nbclient import NotebookClient
    from nbconvert import MarkdownExporter

    cells = jupytext.read(source)
    inline = "--InlineBackend.figure_formats={'svg'}"
    environment = dict(os.environ)
    environment.pop("MPLBACKEND", None)  # the kernel shows figures by its own
    client = NotebookClient(
        cells,
        timeout=600,
        extra_arguments=[inline],
        kernel_name="python3",
        coalesce_streams=True,
    )
    client.execute(env=environment)
    cells.metadata["language_info"] = {"name": "python", "pygments_lexer": "python"}
    templates = DictLoader({"tutorial.md.j2": TUTORIAL})
    exporter = MarkdownExporter(template_file="tutorial.md.j2", extra_loaders=[templates])
    resources = {"unique_key": source.stem, "output_files_dir": f"{source.stem}_files"}
    text, resources = exporter.from_notebook_node(cells, resources)
    for name, data in resources["outputs"].items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(data)
    title, _, rest = text.lstrip().partition("\n")
    download = (
        f"[Download this tutorial as a notebook]({source.stem}.ipynb){{ .md-button download }}"
    )
    Path(f"{source.stem}.md").write_text(f"{title}\n\n{download}\n{rest}", encoding="utf-8")
    for cell in cells.cells:
        if cell.cell_type == "markdown":
            cell.source = away_from_the_site(cell.source, source.parent.name)
    nbformat.write(cells, f"{source.stem}.ipynb")


def away_from_the_site(text: str, folder: str) -> str:
    """The text with links that lead to the published site, or with none where there is no site."""
    site = os.environ.get("SITE_URL", "").rstrip("/")

    def absolute(link: re.Match[str]) -> str:
        parts = os.path.normpath(f"{folder}/{link[2]}").removesuffix("index").rstrip("/")
        return f"[{link[1]}]({site}/{parts}/{link[3] or ''})" if site else link[1]

    return REFERENCE_LINK.sub(r"\1", MARKDOWN_LINK.sub(absolute, text))


def gallery(source: Path, *arguments: str) -> None:
    """Run an example from a paper, and write its figure, its page, and its row of the table."""
    printed, start = io.StringIO(), process_time()
    sys.argv[1:] = arguments
    with contextlib.redirect_stdout(printed):
        result = runpy.run_path(str(source), run_name="__main__")
    seconds = process_time() - start
    numbers = compared(source, result["published"], result["measured"])
    result["figure"].savefig(f"{source.stem}.svg", metadata={"Date": None})
    title, _, text = result["__doc__"].strip().partition("\n")
    text, _, to_try = text.partition(TO_TRY)
    known = {"title": title.rstrip("."), "topic": result["topic"], "seconds": seconds}
    Path(NUMBERS).write_text(json.dumps({**known, "numbers": numbers}), encoding="utf-8")
    code = source.read_text(encoding="utf-8")
    rows = ["| | published | here | may differ by |", "|---|---|---|---|"]
    rows += [f"| {' | '.join(number)} |" for number in numbers]
    parts = [f"---\ntitle: {source.stem.replace('_', ' ')}\n---", f"# {known['title']}"]
    parts += [text.strip(), f"![{title}]({source.stem}.svg)", "\n".join(rows)]
    if printed.getvalue():
        parts.append("```{.text .output}\n" + printed.getvalue().rstrip() + "\n```")
    if to_try:
        parts.append(f"## Two things to try\n\n{to_try.strip()}")
    parts.append(f"[Download {source.name}]({source.name}){{ .md-button download }}")
    program = code.split('"""', 2)[2].strip()
    parts.append(f"```py\n{program}\n```\n")
    Path(f"{source.stem}.md").write_text("\n\n".join(parts), encoding="utf-8")
    Path(source.name).write_text(code, encoding="utf-8")


def compared(source: Path, published: dict[str, Any], measured: dict[str, Any]) -> list[list[str]]:
    """Hold what was measured to what was published, each with the part by which it may differ."""
    numbers = []
    for what, (value, tolerance) in published.items():
        got = float(measured[what])
        if not abs(got - value) <= tolerance * abs(value):
            sys.exit(f"{source}: {what}: published {value}, here {got}: not within {tolerance:.0%}")
        numbers.append([what, f"{value:.4g}", f"{got:.4g}", f"{100 * tolerance:.2g} %"])
    return numbers


if __name__ == "__main__":
    kinds = {"page": page, "notebook": notebook, "gallery": gallery}
    kinds[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
