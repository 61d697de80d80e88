"""Files that other simulators wrote, run here, against what those simulators made of one input."""

import json
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import brainunit as u
import numpy as np
import pytest
from brainloom_nir import SOURCES, LossReport, NIRNetwork, from_nir, to_nir
from brainloom_nir.trial import run

STORED = Path(__file__).parent / "nir"
CASES = [
    (archive.stem, name.removesuffix(".nir"))
    for archive in sorted(STORED.glob("*.zip"))
    for name in sorted(ZipFile(archive).namelist())
    if name.endswith(".nir") and archive.stem != "ours"
]
OURS = ("cubalif", "lif", "recurrent")
# Both sides are in single precision, with potentials up to 10 and products in another order.
ROUNDING = 1e-5


def load(library: str, name: str, folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """The file, and what went in and came out where it was written."""
    with ZipFile(STORED / f"{library}.zip") as archive:
        file = Path(archive.extract(f"{name}.nir", folder))
        stored = json.loads(archive.read(f"{name}.json"))
    return file, {key: np.array(stored[key], np.float32) for key in ("input", "output", "V")}


def errors(net: NIRNetwork, library: str, stored: dict[str, np.ndarray]) -> tuple[int, float]:
    """How many outputs differ, and by how much the last potential does where none is reset.

    Norse and SpikingJelly reset a potential in the step of its spike, before we see it.
    """
    ours = run(net, stored["input"], SOURCES[library].dt)
    last = next(name for name in reversed(net.order) if f"{name}.V" in ours)
    differences = np.abs(ours[f"{last}.V"] - stored["V"])
    seen = np.ones_like(differences, bool)
    if library in ("norse", "spikingjelly") and set(np.unique(stored["output"])) <= {0, 1}:
        seen = stored["output"] == 0
    different = np.abs(ours["output"] - stored["output"]) > ROUNDING
    return int(different.sum()), float(differences[seen].max())


def fates(report: LossReport, *things: str) -> set[str]:
    return {it.fate for it in report.findings if it.what in things}


def test_all_that_was_written_is_here() -> None:
    assert {library for library, _ in CASES} == set(SOURCES)
    assert len(CASES) == 18


@pytest.mark.parametrize(("library", "name"), CASES)
def test_a_foreign_file_does_what_its_writer_does(
    library: str, name: str, tmp_path: Path, report: Callable[[str, str], None]
) -> None:
    file, stored = load(library, name, tmp_path)
    # snnTorch's reset to zero is an option that its files do not hold.
    rule = "hard" if name.endswith("zero") else None
    net, _ = from_nir(file, source=library, spk_reset=rule)
    different, error = errors(net, library, stored)
    again = errors(from_nir(to_nir(net).graph)[0], library, stored)
    plain, loss = errors(from_nir(file)[0], library, stored)
    report("nir", f"{name:28} {stored['output'].sum():8.0f} {different:9} {error:10.2e} {plain:12}")
    assert different == 0
    assert error < ROUNDING
    assert again[0] == 0  # all of it goes into a file of ours, and comes back
    assert again[1] < ROUNDING
    assert plain > 0 or loss > ROUNDING  # that it is read as its writer means it matters


@pytest.mark.parametrize(
    ("name", "things"),
    [
        ("snntorch-lif", {"reset"}),
        ("norse-lif", {"time constants", "shape"}),
        ("norse-cubalif", {"time constants", "gain"}),
        ("spyx-lif", {"gain", "reset", "recurrence"}),
        ("spyx-recurrent-lif", {"input", "gain", "recurrence"}),
    ],
)
def test_the_report_says_where_a_file_departs_from_nir(
    name: str, things: set[str], tmp_path: Path
) -> None:
    library = name.split("-")[0]
    file, _ = load(library, name, tmp_path)
    found = from_nir(file, source=library).report
    for thing in things:
        assert "approximated" in fates(found, thing)


@pytest.mark.parametrize("library", ["norse", "snntorch", "spikingjelly"])
@pytest.mark.parametrize("name", OURS)
def test_others_do_with_a_file_of_ours_what_we_do(library: str, name: str, tmp_path: Path) -> None:
    with ZipFile(STORED / f"{library}.zip") as archive:
        theirs = json.loads(archive.read(f"{library}-reads-ours-{name}.json"))
    if (library, name) == ("snntorch", "recurrent"):
        assert "error" in theirs  # its reader takes no loops of PyTorch's present tracer
        return
    xs = load(library, f"{library}-lif", tmp_path)[1]["input"]
    with ZipFile(STORED / "ours.zip") as archive:
        file = archive.extract(f"ours-{name}.nir", tmp_path)
    ours = run(from_nir(file)[0], xs, 0.1 * u.ms)["output"]
    assert ours.sum() > 10
    np.testing.assert_array_equal(ours, np.array(theirs["output"]))


def test_what_a_file_does_not_hold_shows(tmp_path: Path) -> None:
    """Where snnTorch resets to zero, the default that it is read with gives other spikes."""
    file, stored = load("snntorch", "snntorch-lif-zero", tmp_path)
    assert errors(from_nir(file, source="snntorch")[0], "snntorch", stored)[0] > 0
