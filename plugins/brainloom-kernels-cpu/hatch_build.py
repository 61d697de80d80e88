"""Build hook: compiles the native kernels into the package, or says why it could not.

The library speaks to XLA through a C interface and never to Python, so one wheel per platform
serves all versions of Python. Without a compiler the wheel is pure: it still imports, and
reports the kernels as unavailable with the reason that is noted here.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = Path("src", "brainloom_kernels_cpu", "_native")
# No -march=native: it gains nothing measurable here, and wheels travel between machines.
FLAGS = ("-std=c++17", "-O3", "-funroll-loops", "-DNDEBUG", "-fPIC", "-fvisibility=hidden")


class NotCompiled(Exception):
    """The native library cannot be built here; the message is the reason, for users."""


def find_compiler() -> list[str]:
    """The command of the C++ compiler, `$CXX` first."""
    if os.environ.get("BRAINLOOM_NO_COMPILE") == "1":
        raise NotCompiled("built with BRAINLOOM_NO_COMPILE=1; unset it")
    if sys.platform == "win32":
        raise NotCompiled("built on Windows, which has no native kernels yet; use WSL")
    if command := shlex.split(os.environ.get("CXX", "")):
        return command
    for name in ("c++", "g++", "clang++"):
        if path := shutil.which(name):
            return [path]
    raise NotCompiled("built without a C++ compiler; install one")


def find_headers() -> Path:
    """The headers that jaxlib ships; found without an import, which would load all of XLA."""
    spec = importlib.util.find_spec("jaxlib")
    for folder in (spec and spec.submodule_search_locations) or ():
        include = Path(folder, "include")
        if (include / "xla" / "ffi" / "api" / "ffi.h").is_file():
            return include
    raise NotCompiled("built without the headers of jaxlib; install jaxlib")


def flags_from(*variables: str) -> list[str]:
    """What the environment adds to the command line, by the usual variables."""
    return [flag for name in variables for flag in shlex.split(os.environ.get(name, ""))]


def compile_library(sources: list[Path], library: Path) -> None:
    """Compile beside the target and move it there: a running process may have it mapped."""
    compiler, headers = find_compiler(), find_headers()
    # ARCHFLAGS chooses the architectures of a wheel on macOS and means nothing elsewhere.
    arch = flags_from("ARCHFLAGS") if sys.platform == "darwin" else []
    unfinished = library.with_suffix(".tmp")
    command = [*compiler, *FLAGS, *arch, *flags_from("CXXFLAGS"), "-isystem", str(headers)]
    command += ["-shared", *map(str, sources), "-o", str(unfinished), *flags_from("LDFLAGS")]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except OSError as error:
        raise NotCompiled(f"built with a C++ compiler that does not run ({error})") from error
    except subprocess.CalledProcessError as error:
        first = next((line for line in error.stderr.splitlines() if "error" in line), "no message")
        raise NotCompiled(f"built with a C++ compiler that failed ({first.strip()})") from error
    unfinished.replace(library)


class NativeBuildHook(BuildHookInterface[Any]):
    """Puts the library, or the reason why there is none, into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile for a wheel, be it a standard or an editable one."""
        native = Path(self.root, NATIVE)
        library, reason = native / "event_csr.so", native / "unavailable.txt"
        for leftover in (library, reason):
            leftover.unlink(missing_ok=True)
        try:
            compile_library(sorted(native.glob("*.cc")), library)
        except NotCompiled as error:
            self.app.display_warning(f"brainloom-kernels-cpu has no native kernels: {error}")
            reason.write_text(f"{error}\n", encoding="utf-8")
            build_data["artifacts"].append(f"/{NATIVE.as_posix()}/{reason.name}")
            return
        build_data["artifacts"].append(f"/{NATIVE.as_posix()}/{library.name}")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{self.platform_tag()}"

    def platform_tag(self) -> str:
        """The platform that hatchling would infer, without its interpreter and ABI."""
        return self.build_config.builder.get_best_matching_tag().rpartition("-")[2]
