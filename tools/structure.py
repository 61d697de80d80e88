"""What holds of the whole tree: no import cycles, no private names across packages, few `Any`.

`python tools/structure.py` prints a table and stops with what does not hold. Imports count wherever
they stand, those inside of functions too; those for type checkers alone do not.
"""

import ast
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRIVATE = re.compile(r"_[A-Za-z]\w*")
FOREIGN = {"_value"}  # of states of brainstate, whatever else is called so here
LONGEST = 630  # lines of a file
ANY = 15  # lines with `Any` in a thousand lines of a package, at most


@dataclass
class Package:
    """An import package, and what its files say.

    Attributes:
        name: Its name.
        folder: Where it lies.
        files: Number of lines of each file.
        with_any: Lines that have `Any`.
        defined: Private names that it defines.
        used: Private names that it uses, and where.
        classes: Its classes by name.
    """

    name: str
    folder: Path
    files: dict[Path, int] = field(default_factory=dict)
    with_any: int = 0
    defined: set[str] = field(default_factory=set)
    used: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    classes: dict[str, "Class"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for file in sorted(self.folder.rglob("*.py")):
            text = file.read_text()
            self.files[file] = text.count("\n")
            self.with_any += lines_with_any(file)
            tree = ast.parse(text)
            self.defined |= set(private_definitions(tree))
            for name, line in private_uses(tree):
                self.used[name].append(f"{file.relative_to(ROOT)}:{line}")
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    where = f"{file.relative_to(ROOT)}:{node.lineno}"
                    self.classes[node.name] = Class.of(node, self.name, where)

    @property
    def lines(self) -> int:
        """All lines."""
        return sum(self.files.values())

    @property
    def any_in_a_thousand(self) -> float:
        """How many of a thousand lines have `Any`."""
        return 1000 * self.with_any / max(self.lines, 1)


@dataclass(frozen=True)
class Class:
    """A class: the names of its bases, and the private names that it defines."""

    name: str
    package: str
    where: str
    bases: tuple[str, ...]
    defined: frozenset[str]

    @classmethod
    def of(cls, node: ast.ClassDef, package: str, where: str) -> "Class":
        """What a definition says."""
        bases = [ast.unparse(base).split(".")[-1].split("[")[0] for base in node.bases]
        defined = frozenset(filter(PRIVATE.fullmatch, private_definitions(node)))
        return cls(node.name, package, where, tuple(bases), defined - {node.name})

    def ancestors(self, known: dict[str, list["Class"]]) -> Iterator["Class"]:
        """The classes of the tree from which it derives."""
        for base in self.bases:
            for found in known.get(base, ()):
                if found is not self:
                    yield found
                    yield from found.ancestors(known)


def lines_with_any(file: Path) -> int:
    """The number of lines of code with the name `Any`."""
    with file.open("rb") as source:
        tokens = [t for t in tokenize.tokenize(source.readline) if t.type == tokenize.NAME]
    return len({token.start[0] for token in tokens if token.string == "Any"})


def private_definitions(tree: ast.AST) -> Iterator[str]:
    """Private names that are functions, classes, variables or attributes of one's own."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Store()):
                yield name  # vars(self)["_name"] = ...


def private_uses(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Private names that are read, as attributes, imports or texts, and their lines."""
    in_words = {
        part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
    }
    for node in ast.walk(tree):
        names: list[str] = []
        match node:
            case ast.Attribute(attr=name):
                names = [name]
            case ast.ImportFrom(module=str(module), names=imported, level=0) if is_ours(module):
                names = [*module.split("."), *(alias.name for alias in imported)]
            case ast.Constant(value=str(name)) if node not in in_words:
                names = [name]
        yield from ((name, node.lineno) for name in names if PRIVATE.fullmatch(name))


def is_ours(module: str) -> bool:
    """Whether a module is one of this tree."""
    return module.split(".")[0].split("_")[0] == "brainloom"


def cycles(names: list[str]) -> list[str]:
    """Import cycles between files, each once, by a way around."""
    import grimp  # what import-linter stands on

    graph = grimp.build_graph(*names, exclude_type_checking_imports=True, cache_dir=None)
    found: dict[frozenset[str], str] = {}
    for module in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(module)):
            back = graph.find_shortest_chain(importer=imported, imported=module)
            if back is not None:
                found.setdefault(frozenset(back), " -> ".join((module, *back)))
    return list(found.values())


def used_across(packages: list[Package]) -> list[str]:
    """Private names of one package that another one uses, or that its classes define again."""
    found = []
    for package in packages:
        for name in sorted(package.used.keys() - package.defined - FOREIGN):
            owners = ", ".join(other.name for other in packages if name in other.defined)
            found += [f"{where}: {name}, of {owners}" for where in package.used[name] if owners]
    known: dict[str, list[Class]] = defaultdict(list)
    for package in packages:
        for one in package.classes.values():
            known[one.name].append(one)
    for one in (one for several in known.values() for one in several):
        for other in {a for a in one.ancestors(known) if a.package != one.package}:
            found += [
                f"{one.where}: {one.name} defines {name} again, of {other.package}.{other.name}"
                for name in sorted(one.defined & other.defined)
            ]
    return found


def too_much(packages: list[Package]) -> list[str]:
    """Files that are too long, and packages with too many `Any`."""
    long = [
        f"{file.relative_to(ROOT)}: {lines} lines, expected at most {LONGEST}"
        for package in packages
        for file, lines in package.files.items()
        if lines > LONGEST
    ]
    return long + [
        f"{package.name}: {package.any_in_a_thousand:.1f} lines in a thousand with Any, expected "
        f"at most {ANY}"
        for package in packages
        if package.any_in_a_thousand > ANY
    ]


def table(packages: list[Package]) -> None:
    """Print a line for each package."""
    print(f"{'package':24}{'files':>6}{'lines':>8}{'longest':>9}{'Any a thousand':>16}")
    for package in packages:
        longest = max(package.files.values())
        print(
            f"{package.name:24}{len(package.files):6}{package.lines:8}{longest:9}"
            f"{package.any_in_a_thousand:16.1f}"
        )
    files, lines = sum(len(p.files) for p in packages), sum(p.lines for p in packages)
    with_any = sum(package.with_any for package in packages)
    print(f"{'all':24}{files:6}{lines:8}{'':9}{1000 * with_any / lines:16.1f}")


def main() -> int:
    """Print the table and what does not hold."""
    folders = sorted(path.parent for path in ROOT.glob("p*/*/src/*/__init__.py"))
    sys.path[:0] = [str(folder.parent) for folder in folders]
    packages = [Package(folder.name, folder) for folder in folders]
    table(packages)
    findings = {
        "import cycles": cycles([package.name for package in packages]),
        "private names used across packages": used_across(packages),
        "beyond what is set": too_much(packages),
    }
    for what, found in findings.items():
        print(f"{what}: {len(found) or 'none'}", *found, sep="\n  ")
    return int(any(findings.values()))


if __name__ == "__main__":
    sys.exit(main())
