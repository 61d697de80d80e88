"""Make the stored results of NEST and Brian2 for neurons, synapses and networks, or check them.

    python make_traces.py --nest PYTHON --brian2 PYTHON [--check]

PYTHON are the interpreters of the environments that have the simulators; one that is not given is
left out. Format and environments are described in README.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SIMULATORS = ("nest", "brian2")
# By folder of the scripts: where their results are, and who makes them.
FAMILIES = {
    "neurons": (
        ROOT / "packages/brainloom-testing/src/brainloom_testing/verification/traces",
        SIMULATORS,
    ),
    "synapses": (ROOT / "integration-tests/parity/traces", ("nest",)),
    "equations": (ROOT / "integration-tests/parity/equations", ("brian2",)),
    "nest_models": (ROOT / "integration-tests/parity/nest_models", ("nest",)),
}
# Results of another compiler or libm may differ in the last stored digit, and more after a reset.
RELATIVE, ABSOLUTE = 1e-6, 1e-6


def make(family: str, pythons: dict[str, str], folder: Path) -> None:
    """Run the simulators one after the other."""
    # Scripts find those of the same folder by themselves, and the words they share here.
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE / "neurons")}
    for simulator, python in pythons.items():
        script = HERE / family / f"{family}_{simulator}.py"
        command = [python, str(script), "--output", str(folder)]
        subprocess.run(command, check=True, env={**os.environ, **own})


def sums(folder: Path) -> str:
    """What `sha256sum *.json` prints."""
    files = sorted(folder.glob("*.json"))
    return "".join(f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in files)


def differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """Places where two documents differ by more than rounding."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for key in old:
            yield from differences(old[key], new[key], f"{where}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for position, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{where}[{position}]")
    elif isinstance(old, float | int) and isinstance(new, float | int):
        if abs(old - new) > ABSOLUTE + RELATIVE * abs(old):
            yield f"{where}: {old} became {new}"
    elif old != new:
        yield f"{where}: {str(old)[:40]} became {str(new)[:40]}"


def check(family: str, pythons: dict[str, str], stored: Path) -> int:
    """Number of stored files that the simulators no longer make."""
    intact = sums(stored) == (stored / "SHA256SUMS").read_text()
    print(f"{family}: SHA256SUMS {'holds' if intact else 'does not hold'}")
    wrong = int(not intact)
    with tempfile.TemporaryDirectory() as folder:
        make(family, pythons, Path(folder))
        for simulator in pythons:
            kinds = (stored, Path(folder))
            names = [{file.name for file in kind.glob(f"*.{simulator}.json")} for kind in kinds]
            for name in sorted(names[0] | names[1]):
                wrong += compare(*(kind / name for kind in kinds))
    print(f"{family}: {wrong} differences" if wrong else f"{family}: all are as stored")
    return wrong


def compare(stored: Path, made: Path) -> bool:
    """Whether two files differ; says how."""
    if not (stored.exists() and made.exists()):
        print(f"{stored.name}: only {'stored' if stored.exists() else 'made'}")
        return True
    if stored.read_bytes() == made.read_bytes():
        print(f"{stored.name}: identical")
        return False
    old, new = (json.loads(file.read_text(encoding="utf-8")) for file in (stored, made))
    found = list(differences(old, new))
    print(f"{stored.name}:", "; ".join(found[:3]) or "equal up to rounding")
    return bool(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for simulator in SIMULATORS:
        parser.add_argument(f"--{simulator}", metavar="PYTHON")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    args = parser.parse_args()
    pythons = {name: python for name in SIMULATORS if (python := getattr(args, name))}
    if not pythons:
        parser.error("give the interpreter of one simulator at least")
    wrong = 0
    for family, (folder, simulators) in FAMILIES.items():
        able = {name: python for name, python in pythons.items() if name in simulators}
        if args.check:
            wrong += check(family, able, folder)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            make(family, able, folder)
            (folder / "SHA256SUMS").write_text(sums(folder))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
