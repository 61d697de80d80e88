"""Write the reference: one page for each public object, and the tables that list them by family.

A page of docs/reference names the modules that it lists by lines such as
`<!-- directory: brainloom_neurons -->`. A family is a module of the source, titled by the first
sentence of its docstring. So a new model needs no line here.
"""

import importlib
import inspect
import json
import re
import shutil
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

DIRECTORY = re.compile(r"^<!-- directory: ([\w. ]+) -->$", re.MULTILINE)
NUMERICS = "<!-- numerics -->"
UMBRELLA = "brainloom"


@dataclass(frozen=True)
class Public:
    """A public object: where it is imported from, and the page that describes it."""

    module: str
    name: str
    thing: Any
    page: str
    aliases: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def summary(self) -> str:
        """The first sentence of its docstring, for a cell of a table."""
        text = inspect.getdoc(self.thing) or ""
        if not described_by_itself(self.thing):
            text = ""
        paragraph = " ".join(text.strip().split("\n\n")[0].split())
        return re.split(r"(?<=\.) ", paragraph)[0].rstrip(":").replace("|", r"\|")

    @property
    def family(self) -> ModuleType:
        """The module of the source that holds it."""
        home = getattr(self.thing, "__module__", None) or self.module
        inside = home.split(".")[0] == self.module.split(".")[0]
        return importlib.import_module(home if inside else self.module)


def described_by_itself(thing: Any) -> bool:
    """Whether a docstring is that of the object, and not that of the type of a value."""
    return inspect.isclass(thing) or inspect.isroutine(thing) or callable(thing)


def modules_of(text: str) -> list[str]:
    """The modules that a page lists."""
    return [module for found in DIRECTORY.findall(text) for module in found.split()]


def public_objects(docs: Path) -> list[Public]:
    """All public objects, each once: at the first module that shows it, under its own name."""
    found: dict[Any, Public] = {}
    for source in sorted((docs / "reference").rglob("*.md")):
        folder = source.parent.relative_to(docs)
        for module in modules_of(source.read_text(encoding="utf-8")):
            for thing, names in names_of(importlib.import_module(module)):
                key = id(thing) if described_by_itself(thing) else names[0]
                item = Public(module, names[0], thing, f"{folder}/{names[0]}.md", names[1:])
                found.setdefault(key, item)
    return share_pages(list(found.values()))


def names_of(module: ModuleType) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """The public objects of a module, each with its names, its own one first."""
    names: dict[Any, list[str]] = {}
    for name in module.__all__:
        thing = getattr(module, name)
        names.setdefault(id(thing) if described_by_itself(thing) else name, []).append(name)
    for same in names.values():
        thing = getattr(module, same[0])
        if not inspect.ismodule(thing):
            own = getattr(thing, "__name__", same[0])
            yield thing, tuple(sorted(same, key=lambda name: name != own))


def share_pages(objects: list[Public]) -> list[Public]:
    """The function form of a class stands on the page of the class: `relu_grad` with `ReluGrad`.

    Some file systems do not tell capitals from small letters, so the two could not both be files.
    """
    classes = {
        (Path(it.page).parent, it.name.lower()): it.page
        for it in objects
        if inspect.isclass(it.thing)
    }
    placed = []
    for it in objects:
        key = (Path(it.page).parent, it.name.replace("_", "").lower())
        page = it.page if inspect.isclass(it.thing) else classes.get(key, it.page)
        placed.append(replace(it, page=page))
    return placed


def signature(item: Public) -> str:
    """How the object is called, one argument a line where they are many."""
    if inspect.isclass(item.thing) and issubclass(item.thing, Exception):
        return ""
    try:
        parameters = list(inspect.signature(item.thing).parameters.values())
    except (TypeError, ValueError):
        return ""
    shown = []
    starred = False
    for parameter in parameters:
        text = parameter.name
        if parameter.default is not parameter.empty:
            text += f"={in_words(parameter.default)}"
        if parameter.kind is parameter.VAR_POSITIONAL:
            text, starred = f"*{text}", True
        elif parameter.kind is parameter.VAR_KEYWORD:
            text = f"**{text}"
        elif parameter.kind is parameter.KEYWORD_ONLY and not starred:
            shown, starred = [*shown, "*"], True
        shown.append(text)
    line = f"{item.name}({', '.join(shown)})"
    if len(line) > 80:
        line = "\n".join([f"{item.name}(", *(f"    {text}," for text in shown), ")"])
    return line


def defaults(thing: Any) -> dict[str, str]:
    """The defaults of a class that is called with its fields."""
    if not (inspect.isclass(thing) and is_dataclass(thing)):
        return {}
    parameters = inspect.signature(thing).parameters.values()
    return {p.name: in_words(p.default) for p in parameters if p.default is not p.empty}


def in_words(value: Any) -> str:
    """A default as one would write it."""
    if inspect.isclass(value) or inspect.isroutine(value):
        return value.__name__
    try:
        import brainunit as u

        if isinstance(value, u.Quantity):
            return f"{value.mantissa:g} * {value.unit}"
    except (ImportError, TypeError, ValueError):
        pass
    text = repr(value)
    return "..." if text.startswith("<") or len(text) > 60 else text


def numerics(thing: Any) -> list[tuple[str, str]]:
    """What a model declares about its steps, with its defaults."""
    declared, equations = getattr(thing, "numerics", None), getattr(thing, "equations", None)
    known = inspect.isclass(thing) and declared is not None and equations is not None
    if not known or not equations.derivatives:
        return []
    order = "exact under a current that is constant over the step"
    if not declared.exact:
        order = f"converges with order {declared.order}"
    rows = [("scheme", f"`{declared.scheme}`, {order}")]
    for field in fields(declared)[3:]:
        value = getattr(declared, field.name)
        if value is not None:
            rows.append((field.name, str(value)))
    return rows


def states(thing: Any) -> str:
    """The states of a model, by name; those that an option alone brings are left out."""
    described = inspect.getdoc(thing) or ""
    names = [name for name in getattr(thing, "_states", ()) if f"\n    {name}: " in described]
    return ", ".join(f"`{name}`" for name in names)


def found_by(items: list[Public], names: set[str]) -> list[str]:
    """The front matter by which the search finds a page: names, as they are and in small, family.

    A search for LIF finds all words that begin so, the rarest first: a name within others needs
    more weight than these.
    """
    first = items[0]
    inner = first.name.lower()
    within = any(inner in name.lower() for name in names if name.lower() != inner)
    tags = [name for item in items for name in (item.name, *item.aliases)]
    tags += [name.lower() for name in tags if name.lower() not in tags] + [headline(first.family)]
    boost = 3.0 if inspect.isclass(first.thing) else 1.5
    lines = ["search:", f"  boost: {boost * (10 if within else 1)}", "tags:"]
    return [*lines, *(f"  - {json.dumps(tag)}" for tag in tags)]


def object_page(items: list[Public], umbrella: set[str], names: set[str]) -> str:
    """The page of an object, and of what shares it."""
    first = items[0]
    family = first.family
    title = headline(family)
    lines = ["---", f"title: {first.name}", *found_by(items, names), "---", ""]
    for item in items:
        lines += [f"{'#' if item is first else '##'} {item.name}", ""]
        line = f"`{item.path}`"
        if item.name in umbrella:
            line += f" or `bl.{item.name}` [](){{#{UMBRELLA}.{item.name}}}"
        for alias in item.aliases:
            line += f", also `{alias}` [](){{#{item.module}.{alias}}}"
        lines += [f"{line} · [{title}](index.md#{anchor(title)})", ""]
        if shown := signature(item):
            lines += ["```{.py .signature}", shown, "```", ""]
        lines += [
            f"::: {item.path}",
            "    options:",
            "      show_root_heading: false",
            f"      heading_level: {2 if item is first else 3}",
            "",
        ]
    return "\n".join(lines)


def headline(module: ModuleType) -> str:
    """The title of a family: the first sentence of the module's docstring, up to a colon.

    Where the module is named after an object (`Connection`: weights on edges), what follows is
    the title.
    """
    text = (inspect.getdoc(module) or module.__name__).split("\n\n")[0]
    text = re.sub(r"^`\w+`: ", "", " ".join(text.split()))
    text = re.split(r"[:;] ", text.rstrip(".:"))[0].replace("`", "")
    return text[:1].upper() + text[1:]


def anchor(title: str) -> str:
    """What the heading's anchor is called."""
    from markdown.extensions.toc import slugify

    return slugify(title, "-")


def directory(modules: list[str], objects: list[Public]) -> str:
    """The tables of a page: one for each family, in the order of the names in the source."""
    families: dict[str, list[Public]] = {}
    for item in objects:
        if item.module in modules:
            families.setdefault(headline(item.family), []).append(item)
    lines: list[str] = []
    for title, members in families.items():
        lines += ["", f"## {title}", "", *table(members)]
    return "\n".join(lines)


def table(members: list[Public]) -> list[str]:
    """One row an object; models with their states and the scheme that advances them."""
    with_states = any(numerics(item.thing) for item in members)
    head = "| name | what it is |" + (" states | scheme |" if with_states else "")
    lines = [head, "|---|---|" + ("---|---|" if with_states else "")]
    for item in members:
        anchor_part = "" if Path(item.page).stem == item.name else f"#{item.name.lower()}"
        also = "".join(f", `{alias}`" for alias in item.aliases)
        row = f"| [`{item.name}`]({Path(item.page).name}{anchor_part}){also} | {item.summary} |"
        if with_states:
            scheme = dict(numerics(item.thing)).get("scheme", "").split(",")[0]
            row += f" {states(item.thing)} | {scheme} |"
        lines.append(row)
    return [*lines, ""]


def navigation(docs: Path, objects: list[Public]) -> str:
    """The reference's part of the navigation: pages by hand, then families and their objects."""
    lines = []
    for source in ordered(docs / "reference"):
        text = source.read_text(encoding="utf-8")
        title = text.split("\n", 1)[0].removeprefix("# ")
        relative = source.relative_to(docs / "reference").as_posix()
        if not modules_of(text):
            lines.append(f"- [{title}]({relative})")
            continue
        folder = Path(relative).parent.as_posix()
        lines += [f"- {title}", f"    - [{title}]({relative})"]
        families: dict[str, dict[str, Public]] = {}
        for item in objects:
            if Path(item.page).parent == Path("reference") / folder:
                families.setdefault(headline(item.family), {}).setdefault(item.page, item)
        for family, members in families.items():
            pages = [f"[{Path(p).stem}]({Path(p).relative_to('reference')})" for p in members]
            if len(pages) > 1:
                lines.append(f"    - {family}")
            indent = "    " * (1 + (len(pages) > 1))
            lines += [f"{indent}- {page}" for page in pages]
    return "\n".join(lines) + "\n"


def ordered(folder: Path) -> Iterator[Path]:
    """The pages of the reference in the order of the file `order`, the others behind."""
    pages = {page.relative_to(folder).as_posix(): page for page in sorted(folder.rglob("*.md"))}
    order = folder / "order"
    for name in order.read_text(encoding="utf-8").split() if order.exists() else []:
        if name in pages:
            yield pages.pop(name)
    yield from pages.values()


def write(docs: Path, site: Path) -> list[Public]:
    """Write all pages of the reference below `site`, from the pages by hand below `docs`."""
    objects = public_objects(docs)
    try:
        umbrella = set(importlib.import_module(UMBRELLA).__all__)
    except ImportError:
        umbrella = set()
    pages: dict[str, list[Public]] = {}
    for item in sorted(objects, key=lambda it: not inspect.isclass(it.thing)):
        pages.setdefault(item.page, []).append(item)
    names = {item.name for item in objects}
    taken: dict[str, str] = {}
    for name, items in pages.items():
        if other := taken.setdefault(name.lower(), name) != name:
            raise SystemExit(f"{name} and {other} differ in capitals only")
        target = site / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(object_page(items, umbrella, names), encoding="utf-8")
    for source in (docs / "reference").rglob("*.md"):
        text = source.read_text(encoding="utf-8")
        text = DIRECTORY.sub(lambda m: directory(m[1].split(), objects), text)
        if NUMERICS in text:
            from semantics import tables

            text = text.replace(NUMERICS, tables())
        (site / source.relative_to(docs)).write_text(text, encoding="utf-8")
    (site / "reference" / "SUMMARY.md").write_text(navigation(docs, objects), encoding="utf-8")
    return objects


def insertions(objects: list[Public], docs: Path, figures: Path) -> dict[str, dict[str, Any]]:
    """What the extension of griffe puts into docstrings, by the path of the object."""
    found = {}
    file = figures / "captions.json"
    captions = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for item in objects:
        if not hasattr(item.thing, "__qualname__"):
            continue
        path = f"{item.thing.__module__}.{item.thing.__qualname__}"
        known: dict[str, Any] = {
            "docstring": inspect.getdoc(item.thing) or "",
            "defaults": defaults(item.thing),
            "numerics": numerics(item.thing),
        }
        if path in captions:
            target = docs / Path(item.page).with_suffix(".svg")
            shutil.copy(figures / f"{item.name}.svg", target)
            known |= {"figure": target.name, "caption": captions[path]}
        found[path] = known
    return found


def faults_of_site(site: Path, objects: list[Public]) -> Iterator[str]:
    """What a reader would not find: objects without a place, and those that no search shows."""
    packed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    described = {line.split()[0] for line in zlib.decompress(packed).decode().splitlines()}
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    titles = {entry["title"] for entry in index["docs"]}
    for item in objects:
        if item.path not in described:
            yield f"{item.path} is described nowhere"
        if item.name not in titles:
            yield f"{item.path} is not found by its name"


def main() -> int:
    """`write DOCS STAGE` writes the pages; `check DOCS SITE` looks for all objects in the site."""
    task, docs, site = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if task == "check":
        found = list(faults_of_site(site, public_objects(docs)))
        print("\n".join(found))
        return bool(found)
    objects = write(docs, site)
    known = insertions(objects, site, site.parent / "figures")
    (site.parent / "insertions.json").write_text(json.dumps(known), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
