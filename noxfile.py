"""Every task that a person or CI runs: `nox -l` lists them, `nox -s NAME` runs one.

What follows `--` goes to the program that the session runs: `nox -s tests -- -k LIF`. Another
Python than the one that runs nox is chosen by `--force-python 3.13`. `nox -R -s NAME` runs again
in the environment of the last time, without installing anything.
"""

import os
import shutil
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint", "types"]

ROOT = Path(__file__).parent
DIST = ROOT / "dist"
BENCHMARKS = ROOT / "integration-tests" / "benchmarks"
REFERENCES = ROOT / "integration-tests" / "reference"
TRAINING = ROOT / "integration-tests" / "training"
TOOLS = nox.project.load_toml(ROOT / "pyproject.toml")
PARALLEL = ("--numprocesses", "logical", "--dist", "worksteal")
PARITY = (
    "brainloom-equations",
    "brainloom-kernels-cpu",
    "brainloom-nest",
    "brainloom-nir",
    "brainloom-plasticity",
)
GALLERY_NEEDS = ("brainloom-plasticity", "brainloom-training[data,online]")
# Most of the time of a test goes into compiling. These make XLA compile fast; `verify` runs what it
# has optimised.
QUICK = (
    "--xla_backend_optimization_level=0",
    "--xla_cpu_parallel_codegen_split_count=1",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_llvm_disable_expensive_passes=true",
)
MEMBERS = {
    file.parent.name: nox.project.load_toml(file)
    for kind in ("packages", "plugins")
    for file in sorted(ROOT.glob(f"{kind}/*/pyproject.toml"))
}


def folder(name: str) -> Path:
    """Where a member of the tree lives."""
    return next(ROOT.glob(f"p*/{name}")).relative_to(ROOT)


def tools(name: str) -> tuple[str, ...]:
    """The tools that a session needs, from the root's dependency groups."""
    return nox.project.dependency_groups(TOOLS, name)


def from_tree(*wanted: str) -> list[str]:
    """The arguments of pip for these requirements, with all members of the tree editable."""
    asked = [Requirement(text) for text in wanted]
    extras: dict[str, set[str]] = {}
    arguments = []
    while asked:
        requirement = asked.pop(0)
        name = requirement.name
        if name not in MEMBERS:
            arguments.append(str(requirement))
        elif not (name in extras and requirement.extras <= extras[name]):
            extras.setdefault(name, set()).update(requirement.extras)
            project = MEMBERS[name]["project"]
            lines = list(project.get("dependencies", []))
            for extra in requirement.extras:
                lines += project["optional-dependencies"][extra]
            asked += [r for r in map(Requirement, lines) if r.name in MEMBERS]
    for name, chosen in extras.items():
        suffix = f"[{','.join(sorted(chosen))}]" if chosen else ""
        arguments += ["-e", f"{folder(name)}{suffix}"]
    return arguments


def with_tests(*names: str, extras: tuple[str, ...] = ()) -> list[str]:
    """The same for members, what they need, and what their tests need; nothing else."""
    needed = [
        line for name in names for line in nox.project.dependency_groups(MEMBERS[name], "test")
    ]
    return from_tree(*names, *extras, *dict.fromkeys(needed))


def environment(session: nox.Session, name: str, *arguments: str) -> str:
    """Make one more environment for a session, and return its interpreter."""
    home = Path(session.virtualenv.location) / "others" / name
    python = str(home / "bin" / "python")
    session.run("python", "-m", "venv", str(home))
    session.run(python, "-m", "pip", "install", *arguments, external=True, silent=True)
    return python


def quick(session: nox.Session) -> dict[str, str]:
    """The variables with which JAX compiles fast on a CPU; XLA stops at a flag it does not know."""
    show = ("python", "-c", "import jax; jax.devices()")
    on_cpu = {"JAX_PLATFORMS": "cpu"}
    known = session.run(
        *show, env={**on_cpu, "XLA_FLAGS": "--help"}, silent=True, log=False, success_codes=[0, 1]
    )
    flags = [flag for flag in QUICK if f"{flag.partition('=')[0]}=" in str(known)]
    return {**on_cpu, "XLA_FLAGS": " ".join(flags)}


def make_traces(session: nox.Session, *arguments: str) -> None:
    """Run the script of the stored results with environments of NEST and of Brian2."""
    files = {
        "nest": REFERENCES / "requirements-nest.txt",
        "brian2": BENCHMARKS / "requirements-brian2.txt",
    }
    pythons = {name: environment(session, name, "-r", str(file)) for name, file in files.items()}
    flags = [text for name, python in pythons.items() for text in (f"--{name}", python)]
    session.run("python", str(REFERENCES / "make_traces.py"), *flags, *arguments)


def test_on(session: nox.Session, found: bool, device: str, platforms: str, jax_extra: str) -> None:
    """Run the tests on a device, or say that there is none."""
    if not found:
        session.skip(f"this machine has no {device}")
    session.install(*with_tests(*MEMBERS), f"jax[{jax_extra}]")
    session.run("pytest", *session.posargs, env={"JAX_PLATFORMS": platforms})


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Simulate a published network, compare it with what is known, and draw it."""
    session.install(*from_tree("brainloom[kernels,plot]"))
    named = session.posargs and not session.posargs[0].startswith("-")
    session.run("brainloom", "demo", *([] if named else ["coba"]), *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests of all packages and plugins, on the CPU, as many at once as there are cores."""
    session.install(*with_tests(*MEMBERS), "pytest-xdist>=3.6")
    chosen = ("-m", "not slow", *PARALLEL, *session.posargs)
    session.run("pytest", *chosen, env=quick(session))


@nox.session(default=False)
def verify(session: nox.Session) -> None:
    """Hold all models to what is known of them, and run the tests that take long."""
    session.install(*with_tests(*MEMBERS), "pytest-xdist>=3.6")
    session.run("brainloom", "verify", "--failures")
    slow = ("-m", "slow and not devices", *PARALLEL)
    session.run("pytest", *slow, *session.posargs, env={"JAX_PLATFORMS": "cpu"})


@nox.session(default=False)
def devices(session: nox.Session) -> None:
    """Run networks of every kind on eight virtual devices, and in several processes.

    `-- whole` runs them on 1, 2, 4 and 8, and in more processes.
    """
    session.install(*with_tests(*MEMBERS))
    rest = [text for text in session.posargs if text != "whole"]
    chosen = "devices" if "whole" in session.posargs else "devices and not whole"
    session.run("pytest", "-m", chosen, *rest, env={"JAX_PLATFORMS": "cpu"})


@nox.session(default=False)
def tests_gpu(session: nox.Session) -> None:
    """Run the same tests on an NVIDIA GPU; skipped where there is none."""
    found = Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()
    test_on(session, found, "NVIDIA GPU", "cuda,cpu", "cuda12")


@nox.session(default=False)
def tests_tpu(session: nox.Session) -> None:
    """Run the same tests on a TPU; skipped where there is none."""
    found = any(Path("/dev").glob("accel*")) or any(Path("/dev/vfio").glob("[0-9]*"))
    test_on(session, found, "TPU", "tpu,cpu", "tpu")


@nox.session(default=False)
def isolated(session: nox.Session) -> None:
    """Run the tests of each member (or those named) beside nothing but what it declares."""
    for name in session.posargs or MEMBERS:
        python = environment(session, name, *with_tests(name))
        parts = [str(folder(name) / part) for part in ("src", "tests")]
        on_cpu = {"JAX_PLATFORMS": "cpu"}
        session.run(python, "-m", "pytest", *parts, external=True, env=on_cpu)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, the layers of imports, cycles, and that all versions agree."""
    session.install(*tools("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    sources = os.pathsep.join(str(folder(name) / "src") for name in MEMBERS)
    session.run("lint-imports", env={"PYTHONPATH": sources})
    session.run("python", "tools/structure.py")
    session.run("python", "tools/check_versions.py")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, and what a user's type checker sees of the constructors."""
    session.install(*tools("types"), *from_tree(*MEMBERS))
    session.run("mypy", *session.posargs)
    session.run("mypy", "--config-file", "tools/types/mypy.ini")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Run all that pages, tutorials and examples show, and build the site into site/.

    It stops at the first thing that is wrong, and does not run again what has not changed.
    `-- test` tests the build itself alone, `-- build` builds alone, `-- serve` shows the site as it
    was built last, and `-- publish VERSION [ALIAS] [--push]` puts it beside those of other versions
    on the branch gh-pages.
    """
    extras = ("brainloom-core[formats]", "brainloom-training[data,online]")
    shown = with_tests(*MEMBERS, extras=extras)
    session.install(*tools("docs"), *shown, "pytest-xdist>=3.6")
    task, *rest = session.posargs or ("all",)
    if task in ("all", "test"):
        tests = str(ROOT / "integration-tests" / "docs")
        session.run("pytest", tests, *PARALLEL, *rest, env={"JAX_PLATFORMS": "cpu"})
    if task in ("all", "build"):
        session.run("python", str(ROOT / "tools" / "docs" / "build.py"), *rest)
    if task == "serve":
        session.run("mkdocs", "serve", *rest)
    if task == "publish":
        flags = [text for text in rest if text.startswith("-")]
        version, *aliases = (text for text in rest if text not in flags)
        session.run("mike", "deploy", "--update-aliases", *flags, version, *aliases)
        if aliases or not session.run("mike", "list", "latest", success_codes=[0, 1], silent=True):
            session.run("mike", "set-default", *flags, (aliases or [version])[0])


@nox.session(default=False)
def gallery(session: nox.Session) -> None:
    """Run all examples from papers at their full size, or those named; `docs` runs smaller ones."""
    session.install(*from_tree("brainloom[kernels,plot]", *GALLERY_NEEDS))
    home = ROOT / "build" / "gallery"
    home.mkdir(parents=True, exist_ok=True)
    entries = session.posargs or sorted(p.stem for p in (ROOT / "docs/gallery").glob("*_*.py"))
    with session.chdir(home):
        for name in entries:
            entry = str(ROOT / "docs" / "gallery" / f"{name}.py")
            program = (str(ROOT / "tools" / "docs" / "execute.py"), "gallery", entry, "--full")
            session.run("python", *program, env={"JAX_PLATFORMS": "cpu", "MPLBACKEND": "agg"})


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build wheels and source archives of everything into dist/."""
    session.install(*tools("build"))
    shutil.rmtree(DIST, ignore_errors=True)
    for name in MEMBERS:
        session.run("python", "-m", "build", "--outdir", str(DIST), str(folder(name)))
    session.run("twine", "check", "--strict", *map(str, DIST.iterdir()))


@nox.session(default=False, requires=["build"])
def integration(session: nox.Session) -> None:
    """Install what `build` made into empty environments, and use it from an empty folder."""
    session.install("pytest>=8")
    where = ROOT / "integration-tests" / "wheels"
    session.run("pytest", str(where), *session.posargs, env={"BRAINLOOM_DIST": str(DIST)})


@nox.session(default=False)
def references(session: nox.Session) -> None:
    """Make the stored results of NEST and Brian2 anew; `-- --check` compares instead."""
    make_traces(session, *session.posargs)


@nox.session(default=False)
def references_nir(session: nox.Session) -> None:
    """Make the stored NIR files of other libraries anew; `-- --check` compares instead.

    The parity session reads the stored ones: PyTorch takes minutes to install.
    """
    session.install(*from_tree("brainloom-nir"))
    needed = {name: str(REFERENCES / f"requirements-{name}.txt") for name in ("torch", "spyx")}
    pythons = {name: environment(session, name, "-r", file) for name, file in needed.items()}
    # They ask for torchvision and torchaudio, which what is run of them does not import.
    bare = str(REFERENCES / "requirements-torch-bare.txt")
    install = ("-m", "pip", "install", "--no-deps", "-r", bare)
    session.run(pythons["torch"], *install, external=True, silent=True)
    flags = [text for name, python in pythons.items() for text in (f"--{name}", python)]
    session.run("python", str(REFERENCES / "make_nir.py"), *flags, *session.posargs)


@nox.session(default=False)
def parity(session: nox.Session) -> None:
    """Compare all models and some networks with NEST, Brian2 and papers; run the simulators."""
    session.install(*with_tests("brainloom", *PARITY))
    make_traces(session, "--check")
    session.run("pytest", str(ROOT / "integration-tests" / "parity"), *session.posargs)


@nox.session(default=False)
def formats(session: nox.Session) -> None:
    """Hand recordings to Neo, Elephant, xarray, pandas, pynapple and NWB, and read them back."""
    session.install(*from_tree("brainloom-core[formats,store]"))
    session.install("dask>=2024.6", "elephant>=1.1", "pytest>=8")
    tests = str(ROOT / "integration-tests" / "formats")
    session.run("pytest", tests, *session.posargs, env=quick(session))


@nox.session(default=False)
def loaders(session: nox.Session) -> None:
    """Training from loaders of PyTorch and Grain, and logs as TensorBoard reads them."""
    session.install(*from_tree("brainloom", "brainloom-training[data,tensorboard]"))
    session.install("grain>=0.2.12", "pytest>=8", "tensorboard>=2.18", "torch>=2.5")
    tests = str(ROOT / "integration-tests" / "loaders")
    session.run("pytest", tests, *session.posargs, env={"JAX_PLATFORMS": "cpu"})


@nox.session(default=False)
def training(session: nox.Session) -> None:
    """Solve the training tasks and hold what they reach to thresholds; `-- --seeds 5` as published.

    Each task is a script too, in integration-tests/training.
    """
    session.install(*from_tree("brainloom[kernels,plot]", "brainloom-training[data,online]"))
    session.install("pytest>=8")
    session.run("pytest", str(TRAINING), *session.posargs, env={"JAX_PLATFORMS": "cpu"})


@nox.session(default=False)
def memory(session: nox.Session) -> None:
    """Measure how memory grows, of synapses with a network and of gradients with time; draw both.

    `-- synapses ...` or `-- gradients ...` one of them, with options of its program.
    """
    programs = {
        "synapses": (BENCHMARKS / "memory.py", "synaptic-memory.svg"),
        "gradients": (TRAINING / "memory.py", "bptt-memory.svg"),
    }
    first, *rest = session.posargs or ("",)
    chosen, options = ([first], rest) if first in programs else (programs, session.posargs)
    session.install(*from_tree("brainloom[kernels,plot]"))
    for script, name in (programs[name] for name in chosen):
        figure = str(ROOT / "docs" / "images" / name)
        session.run("python", str(script), "--output", figure, *options)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure our speed beside other libraries, each in an environment of its own.

    `nox -s bench` times both simulation and training; `-- simulation ...` or `-- training ...`
    one of them, with options of its program.
    """
    programs = {
        "simulation": ("run.py", {"peer": "brainpy-state", "brian": "brian2"}),
        "training": (
            "run_training.py",
            {"torch": "torch", "spyx": "spyx", "peer": "brainpy-state"},
        ),
    }
    first, *rest = session.posargs or ("",)
    chosen, options = ([first], rest) if first in programs else (programs, session.posargs)
    session.install(*from_tree("brainloom[kernels]"))
    for program, others in (programs[name] for name in chosen):
        pythons = {"ours": f"{session.bin}/python"}
        for flag, name in others.items():
            needed = BENCHMARKS / f"requirements-{name}.txt"
            pythons[flag] = environment(session, name, "-r", str(needed))
        flags = [text for flag, python in pythons.items() for text in (f"--{flag}", python)]
        session.run("python", str(BENCHMARKS / program), *flags, *options)
