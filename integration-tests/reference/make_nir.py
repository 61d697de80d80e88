"""Make the stored NIR files of other simulators, and what those make of an input, or check them.

    python make_nir.py --torch PYTHON --spyx PYTHON [--check]

PYTHON are the interpreters of environments with `requirements-torch.txt` and with
`requirements-spyx.txt`; one that is not given is left out. This script needs brainloom-nir: each
library also reads files of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import nir
import numpy as np
from make_traces import differences

HERE = Path(__file__).resolve().parent
STORED = HERE.parent / "parity" / "nir"
LIBRARIES = {"torch": ("snntorch", "norse", "spikingjelly"), "spyx": ("spyx",)}


def make(library: str, python: str, folder: Path, ours: Path | None) -> None:
    """Run the script of a library, which also reads what we wrote, or our own."""
    script = HERE / "exchange" / f"exchange_{library}.py"
    # nirtorch writes edges in the order of a set.
    own = {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "PYTHONHASHSEED": "0"}
    command = [python, "-W", "ignore", str(script), "--output", str(folder)]
    command += [] if ours is None else ["--read", str(ours)]
    subprocess.run(command, check=True, env={**os.environ, **own})


def pack(folder: Path, archive: Path) -> None:
    """All files of a folder, the same bytes for the same files."""
    with ZipFile(archive, "w", ZIP_DEFLATED, compresslevel=9) as packed:
        for file in sorted(folder.iterdir()):
            entry = ZipInfo(file.name)  # without the time
            entry.compress_type = ZIP_DEFLATED
            packed.writestr(entry, file.read_bytes())


def plain(value: Any) -> Any:
    """What a graph holds, as JSON has it."""
    if isinstance(value, dict):
        return {str(key): plain(it) for key, it in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(it) for it in value]
    return np.asarray(value).tolist()


def read(file: Path) -> Any:
    if file.suffix == ".json":
        return json.loads(file.read_text(encoding="utf-8"))
    return plain(nir.read(file, type_check=False).to_dict())


def compare(old: Path, new: Path) -> Iterator[str]:
    """What is no longer as it was stored."""
    names = {file.name for folder in (old, new) for file in folder.iterdir()}
    for name in sorted(names):
        if not ((old / name).exists() and (new / name).exists()):
            yield f"{name}: only {'stored' if (old / name).exists() else 'made'}"
        else:
            found = list(differences(read(old / name), read(new / name)))
            yield from (f"{name}{it}" for it in found[:3])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for environment in LIBRARIES:
        parser.add_argument(f"--{environment}", metavar="PYTHON")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    args = parser.parse_args()
    pythons = {name: python for name in LIBRARIES if (python := getattr(args, name))}
    if not pythons:
        parser.error("give the interpreter of one environment at least")
    chosen = {lib: python for name, python in pythons.items() for lib in LIBRARIES[name]}
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for library, python in {"ours": sys.executable, **chosen}.items():
            (folder / library).mkdir()
            make(library, python, folder / library, None if library == "ours" else folder / "ours")
            archive = STORED / f"{library}.zip"
            if args.check:
                ZipFile(archive).extractall(folder / "stored" / library)
                found = list(compare(folder / "stored" / library, folder / library))
                wrong += len(found)
                print(f"{library}:", "; ".join(found) or "all are as stored")
            else:
                STORED.mkdir(exist_ok=True)
                pack(folder / library, archive)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
