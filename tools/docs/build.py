"""Build the site: run all that pages show, write the reference, and let MkDocs check the whole.

`python tools/docs/build.py` reads docs/ and the packages, stages every page in build/docs and
writes the site to site/. It stops with the first thing that is wrong: a block, a cell, an example
that fails or measures something else than was published, a public object or a parameter without a
description, a link, an anchor or a cross-reference that leads nowhere. What has not changed since
the last build is not run again.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from execute import NUMBERS
from reference import UMBRELLA, modules_of

HERE = Path(__file__).parent
MATHJAX = "mathjax@3.2.2"
QUICK = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}  # most of their time is compiling
SHOWN = (".md", ".ipynb", ".py", ".svg", ".png")  # what else a page saves is for its own use
TOPICS = ("Neurons", "Networks", "Rhythms", "Memory and decisions", "Plasticity", "Training")
BLOCK = re.compile(r"^ *```python\n", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """Something to run: its kind, its source, and the folder of the site that takes the results."""

    kind: str
    source: Path
    folder: Path | None

    @property
    def name(self) -> str:
        return self.kind if self.source.is_relative_to(HERE) else f"{self.kind} {self.source}"


class Failure(Exception):
    """What stops the build, in words for whoever wrote the page."""


class Builder:
    """One build of the tree below `root`."""

    def __init__(self, root: Path, *, everything: bool = True) -> None:
        self.root = root
        self.everything = everything
        self.docs = root / "docs"
        self.stage = root / "build" / "docs"
        self.cache = root / "build" / "docs-cache"
        self.figures = root / "build" / "figures"
        self.sources = sorted(str(path) for path in root.glob("p*/*/src"))
        self.environment = {
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "MATPLOTLIBRC": str(HERE / "matplotlibrc"),
            "MPLBACKEND": "agg",
            "NO_MKDOCS_2_WARNING": "1",  # an advertisement in each build
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a warning in each notebook
            "PYTHONPATH": os.pathsep.join([*self.sources, os.environ.get("PYTHONPATH", "")]),
        }
        code = sorted(path for path in root.glob("p*/*/src/**/*") if path.suffix in (".py", ".cc"))
        tools = [HERE / "execute.py", HERE / "figures.py", HERE / "matplotlibrc"]
        self.fingerprint = digest(*code, *(tool for tool in tools if tool.exists()))

    def jobs(self) -> Iterator[Job]:
        """All that has to run, what takes longest first."""
        for source in sorted((self.docs / "gallery").glob("*_*.py")):
            yield Job("gallery", source, Path("gallery"))
        yield Job("figures", HERE / "figures.py", None)
        yield Job("doctests", HERE / "build.py", None)
        for source in sorted((self.docs / "tutorials").glob("*.py")):
            yield Job("notebook", source, Path("tutorials"))
        for source in sorted(self.docs.rglob("*.md")):
            if BLOCK.search(source.read_text(encoding="utf-8")):
                yield Job("page", source, source.parent.relative_to(self.docs))
        for source in [self.root / "README.md", *sorted(self.root.glob("p*/*/README.md"))]:
            if source.exists() and BLOCK.search(source.read_text(encoding="utf-8")):
                yield Job("page", source, None)

    def made(self, job: Job) -> Path:
        """The folder of what a job makes."""
        return self.cache / digest(job.source, text=f"{job.kind} {self.fingerprint}")

    def run(self, job: Job) -> float:
        """Run a job, or take what it made last time, into the staged site."""
        start = perf_counter()
        made = self.made(job)
        if not made.exists():
            work = made.with_suffix(".part")
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            self.execute(job, work)
            work.rename(made)
        if job.kind == "figures":
            shutil.rmtree(self.figures, ignore_errors=True)
            shutil.copytree(made, self.figures)
        elif job.folder is not None:
            for file in made.rglob("*"):
                if file.suffix in SHOWN:
                    target = self.stage / job.folder / file.relative_to(made)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, target)
        return perf_counter() - start

    def execute(self, job: Job, work: Path) -> None:
        """Run a job in a process and a folder of its own."""
        environment, folder = self.environment, work
        if job.kind == "figures":
            arguments = [str(job.source), str(work)]
        elif job.kind == "doctests":
            arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--doctest-modules"]
            arguments += self.sources
            environment, folder = {**environment, **QUICK}, self.root
        else:
            arguments = [str(HERE / "execute.py"), job.kind, str(job.source)]
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"{job.name} fails\n{done.stdout[-4000:]}\n{done.stderr[-6000:]}")

    def build(self) -> None:
        """Make the site."""
        shutil.rmtree(self.stage, ignore_errors=True)
        ignored = shutil.ignore_patterns("*.py", "order")
        shutil.copytree(self.docs, self.stage, ignore=ignored)
        self.check_descriptions()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [job for job in self.jobs() if self.everything or job.kind != "figures"]
            for job, seconds in zip(jobs, pool.map(self.run, jobs), strict=True):
                print(f"{seconds:6.1f} s  {job.name}", flush=True)
        self.write_changelogs()
        self.write_gallery()
        self.write_reference()
        self.fetch_mathjax()
        self.call("mkdocs", "build", "--strict")
        self.call(str(HERE / "reference.py"), "check", str(self.docs), str(self.root / "site"))

    def check_descriptions(self) -> None:
        """Hold public objects to what a reader needs of them."""
        pages = sorted((self.docs / "reference").rglob("*.md"))
        modules = [m for page in pages for m in modules_of(page.read_text(encoding="utf-8"))]
        packages = {path.name for path in self.root.glob("p*/*/src/*") if path.is_dir()}
        if missing := packages - {module.split(".")[0] for module in modules} - {UMBRELLA}:
            raise Failure(f"no page of docs/reference lists {', '.join(sorted(missing))}")
        self.call(str(HERE / "docstrings.py"), *modules)

    def write_reference(self) -> None:
        """Write the pages of the public objects."""
        self.call(str(HERE / "reference.py"), "write", str(self.docs), str(self.stage))

    def write_changelogs(self) -> None:
        """Put the changelogs on their page, a section for each distribution."""
        page = self.stage / "reference" / "changelog.md"
        if not page.exists():
            return
        parts = []
        for file in sorted(self.root.glob("p*/*/CHANGELOG.md")):
            text = file.read_text(encoding="utf-8").split("\n", 1)[1]
            parts.append(f"## {file.parent.name}\n{re.sub('^##', '###', text, flags=re.MULTILINE)}")
        filled = page.read_text(encoding="utf-8").replace("<!-- changelogs -->", "\n".join(parts))
        page.write_text(filled, encoding="utf-8")

    def write_gallery(self) -> None:
        """Write the page that shows all examples from papers, by topic, and their numbers."""
        jobs = [job for job in self.jobs() if job.kind == "gallery"]
        if not jobs:
            return
        known = {
            job.source.stem: json.loads((self.made(job) / NUMBERS).read_text(encoding="utf-8"))
            for job in jobs
        }
        parts = [(self.docs / "gallery" / "index.md").read_text(encoding="utf-8")]
        if unknown := {entry["topic"] for entry in known.values()} - set(TOPICS):
            raise Failure(f"the gallery has no topic {', '.join(unknown)}; it has {TOPICS}")
        for topic in TOPICS:
            cards = [card(*item) for item in known.items() if item[1]["topic"] == topic]
            if cards:
                grid = '<div class="grid cards" markdown>\n\n' + "\n".join(cards) + "\n</div>"
                parts.append(f"## {topic}\n\n{grid}")
        titles = "| | | published | here | may differ by | processor time |"
        rows = [titles, "|---|---|--:|--:|--:|--:|"]
        for name, entry in known.items():
            first = [f"[{name.replace('_', ' ')}]({name}.md)", f"{entry['seconds']:.0f} s"]
            for numbers in entry["numbers"]:
                rows.append(f"| {first[0]} | {' | '.join(numbers)} | {first[1]} |")
                first = ["", ""]
        parts.append("## All numbers\n\n" + "\n".join(rows) + "\n")
        index = self.stage / "gallery" / "index.md"
        index.write_text("\n\n".join(parts), encoding="utf-8")

    def fetch_mathjax(self) -> None:
        """Put MathJax into the site, so that readers need no other."""
        kept = self.root / "build" / "mathjax"
        if not kept.exists():
            part = kept.with_suffix(".part")
            part.mkdir(parents=True, exist_ok=True)
            if shutil.which("npm") is None:
                raise Failure("npm is missing: it brings MathJax, which shows the equations")
            command = ["npm", "install", "--prefix", str(part), "--no-save", MATHJAX]
            subprocess.run(command, check=True, capture_output=True)
            part.rename(kept)
        source = kept / "node_modules" / "mathjax" / "es5" / "tex-svg.js"
        target = self.stage / "javascripts" / "tex-svg.js"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(source, target)

    def call(self, program: str, *arguments: str) -> None:
        """Run one of our programs, or a module of Python, and pass on how it ends."""
        start = [program] if program.endswith(".py") else ["-m", program]
        done = subprocess.run(
            [sys.executable, *start, *arguments], cwd=self.root, env=self.environment
        )
        if done.returncode:
            raise Failure(f"{Path(program).name} found something wrong")


def card(name: str, entry: dict[str, Any]) -> str:
    """An example in the grid of its topic: its figure and its title, which lead to its page."""
    title = f"{name.replace('_', ' ')}. {entry['title']}"
    picture = f"[![{title}]({name}.svg)]({name}.md)"
    return f"-   {picture}\n\n    [{title}]({name}.md)\n"


def digest(*files: Path, text: str = "") -> str:
    """A name for the contents of files."""
    total = hashlib.sha256(text.encode())
    for file in files:
        total.update(file.name.encode())
        total.update(file.read_bytes())
    return total.hexdigest()[:24]


def main() -> int:
    """Build the site below --root."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=HERE.parents[1])
    parser.add_argument("--no-figures", action="store_true", help="leave out response figures")
    arguments = parser.parse_args()
    try:
        Builder(arguments.root.resolve(), everything=not arguments.no_figures).build()
    except Failure as failure:
        print(f"The site is not built: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
