"""Connections: weights and delays by edge, other forms, files, pictures."""

import builtins
import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import (
    CheckpointError,
    Normal,
    ParameterError,
    Uniform,
    UnitError,
    restore,
    snapshot,
)
from brainloom_core.identity import parts_of
from brainloom_projections import (
    AllToAll,
    Bernoulli,
    Connection,
    Edges,
    FixedOutDegree,
    OneToOne,
    by_distance,
    by_edge,
)
from brainloom_projections.connection.connection import value_of
from brainloom_projections.rules.spatial import DistanceDependent, LinearProfile, grid_positions
from scipy import sparse, stats


def edges(n: int = 20, k: int = 3) -> Edges:
    return FixedOutDegree(k).edges(n, n, np.random.default_rng(0))


def test_weights_and_delays_as_functions() -> None:
    made = Connection(
        20,
        20,
        edges(),
        weight=by_edge(lambda edges: (1.0 + edges.post) * u.nS),
        delay=lambda shape: np.full(shape, 1.5) * u.ms,
    )
    np.testing.assert_array_equal(made.weight.value.to_decimal(u.nS), 1.0 + edges().post)
    np.testing.assert_array_equal(made.delay.to_decimal(u.ms), np.full(60, 1.5))
    assert Connection(20, 20, edges()).delay is None
    one = Connection(20, 20, edges(), delay=2e-3 * u.second).delay
    assert one.shape == ()
    assert one.to_decimal(u.ms) == pytest.approx(2.0)


def test_initializers_follow_their_law_and_the_seed() -> None:
    def make(seed: int) -> Connection:
        return Connection(
            100,
            100,
            FixedOutDegree(50),
            Normal(1 * u.nS, 0.1 * u.nS),
            delay=Uniform(1 * u.ms, 3 * u.ms),
            seed=seed,
        )

    made = make(0)
    weight, delay = made.weight.value.to_decimal(u.nS), made.delay.to_decimal(u.ms)
    assert stats.kstest(np.asarray(weight), stats.norm(1, 0.1).cdf).pvalue > 1e-3
    assert stats.kstest(delay, stats.uniform(1, 2).cdf).pvalue > 1e-3
    # Independent draws: the correlation of 5000 pairs has a standard error of 1 / sqrt(5000).
    assert abs(np.corrcoef(weight, delay)[0, 1]) < 4 / np.sqrt(5000)
    np.testing.assert_array_equal(make(0).weight.value.mantissa, made.weight.value.mantissa)
    np.testing.assert_array_equal(make(0).delay.mantissa, made.delay.mantissa)
    assert not np.array_equal(make(1).weight.value.mantissa, made.weight.value.mantissa)


def test_a_state_as_weight_is_shared() -> None:
    shared = brainstate.ParamState(0.5 * u.nS)
    first, second = (Connection(20, 20, edges(), shared) for _ in range(2))
    assert first.weight is second.weight is shared
    shared.value = 2.0 * u.nS
    assert float(first(jnp.ones(20, bool)).sum().to_decimal(u.nS)) == pytest.approx(120.0)
    with pytest.raises(ParameterError, match="one weight for each of the 60 edges"):
        Connection(20, 20, edges(), brainstate.ParamState(jnp.ones(3)))


@pytest.mark.parametrize(
    ("delay", "error", "message"),
    [
        (1.5, UnitError, r"Connection\.delay: expected a time, got 1\.5; write"),
        (1.5 * u.mV, UnitError, "expected a time"),
        (-0.1 * u.ms, ParameterError, r"expected >= 0 ms, got -0\.1 ms"),
        (np.inf * u.ms, ParameterError, "expected finite delays"),
        (np.ones(3) * u.ms, ParameterError, "one delay for each of the 60 edges"),
        (lambda distance: distance, ParameterError, "between neurons without positions"),
    ],
)
def test_wrong_delays_are_refused(delay: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        Connection(20, 20, edges(), delay=delay)


@pytest.mark.parametrize("rule", [Bernoulli(0.3), OneToOne(), AllToAll()])
def test_spikes_are_sent_to_the_row_in_which_they_arrive(rule: Any) -> None:
    generator = np.random.default_rng(1)
    made = Connection((4, 5), 20, rule, lambda shape: generator.random(shape) * u.nS, seed=0)
    steps = generator.integers(0, 4, len(made.edges)).astype(np.int32)
    spikes = generator.random((3, 4, 5)) < 0.5
    empty = jnp.zeros((3, 4, 20)) * u.nS
    ring, arrived = made.send(empty, jnp.asarray(spikes), steps, 1, share=0.5)
    weight = 0.5 * np.asarray(made.weight.value.to_decimal(u.nS))
    for d in range(4):
        part = spikes.reshape(3, 20) @ made.edges.to_dense(weight * (steps == d))
        row = ring.to_decimal(u.nS)[:, (1 + d) % 4]
        np.testing.assert_allclose(row, part, rtol=1e-5, atol=1e-6)
        if d == 0:
            np.testing.assert_allclose(arrived.to_decimal(u.nS), part, rtol=1e-5, atol=1e-6)
    with pytest.raises(ParameterError, match=r"stored\(\)"):
        Connection(20, 20, Bernoulli(0.3), stored=False).send(empty, spikes, steps, 1)


def test_connection_from_lists_in_any_order() -> None:
    generator = np.random.default_rng(0)
    pre, post = generator.integers(0, 9, 40), generator.integers(0, 7, 40)
    weight, delay = generator.random(40), generator.random(40)
    made = Connection.from_pairs(pre, post, weight * u.nS, sizes=(9, 7), delay=delay * u.ms)
    dense = np.zeros((9, 7))
    np.add.at(dense, (pre, post), weight)
    np.testing.assert_allclose(made.to_dense().to_decimal(u.nS), dense, rtol=1e-6)
    late = np.zeros((9, 7))
    np.add.at(late, (pre, post), delay)
    np.testing.assert_allclose(made.edges.to_dense(made.delay).to_decimal(u.ms), late)
    assert made.edges == Edges.from_pairs(pre, post, 9, 7)
    with pytest.raises(ParameterError, match="one weight for each of the 40 edges"):
        Connection.from_pairs(pre, post, np.ones(3), sizes=(9, 7))
    with pytest.raises(ParameterError, match=r"Edges\.post: expected a list of whole numbers"):
        Connection.from_pairs(pre, post, sizes=(9, 6))


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
def test_scipy_there_and_back(form: str) -> None:
    matrix = sparse.random(30, 20, 0.1, random_state=0)
    made = Connection.from_scipy(matrix.asformat(form), u.nS)
    back = made.to_scipy()
    assert back.shape == (30, 20)
    np.testing.assert_allclose(back.toarray(), matrix.toarray(), rtol=1e-6)
    np.testing.assert_allclose(made.to_scipy(u.uS).toarray(), 1e-3 * matrix.toarray(), rtol=1e-6)
    spikes = np.random.default_rng(0).random(30) < 0.3
    found = made(jnp.asarray(spikes)).to_decimal(u.nS)
    np.testing.assert_allclose(found, spikes @ matrix.toarray(), rtol=1e-5, atol=1e-6)
    assert Edges.from_scipy(matrix.asformat(form)).to_scipy().nnz == 60


def test_scipy_refusals() -> None:
    with pytest.raises(ParameterError, match="expected a two-dimensional sparse matrix"):
        Connection.from_scipy(np.ones((3, 3)))
    with pytest.raises(ParameterError, match="expected real weights"):
        Connection.from_scipy(sparse.csr_array(np.ones((2, 2)) * 1j))
    with pytest.raises(ParameterError, match="of 3 rows and 2 columns"):
        Connection.from_scipy(sparse.csr_array(np.ones((2, 2))), sizes=(3, 2))
    with pytest.raises(ParameterError, match="expected finite weights"):
        Connection.from_scipy(sparse.csr_array(np.array([[np.nan]])))


def distant() -> Connection:
    return Connection(
        (4, 5),
        20,
        DistanceDependent(LinearProfile(3 * u.um), grid_positions(20, 1 * u.um)),
        Normal(1 * u.nS, 0.1 * u.nS),
        delay=by_distance(lambda d: d / (1.0 * u.um / u.ms)),
        seed=0,
    )


READ = """
import sys, numpy as np, brainunit as u
from brainloom_projections import Connection
c = Connection.load(sys.argv[1])
print(c.in_size, c.out_size, type(c.weight).__name__, c.edges.origin.split("(")[0])
print(repr(float((c.weight.value.to_decimal(u.nS) * np.arange(c.n_edges)).sum())))
print(repr(float((c.delay.to_decimal(u.ms) * np.arange(c.n_edges)).sum())), c.edges.indices.sum())
"""


def test_a_file_is_read_in_a_new_process(tmp_path: Path) -> None:
    made, path = distant(), tmp_path / "connection"
    made.save(path)
    text = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert text[0] == "(4, 5) (20,) ParamState DistanceDependent"
    order = np.arange(made.n_edges)
    assert float(text[1]) == float((made.weight.value.to_decimal(u.nS) * order).sum())
    late, indices = text[2].split()
    assert float(late) == float((made.delay.to_decimal(u.ms) * order).sum())
    assert int(indices) == made.edges.indices.sum()


@pytest.mark.parametrize(
    "make",
    [
        distant,
        lambda: Connection(20, 20, edges(), 2.0 * u.mV / u.second, trainable=False),
        lambda: Connection(20, 20, Bernoulli(0.2), 0.5, delay=1 * u.ms, seed=1, stored=False),
        lambda: Connection(20, 20, AllToAll(), 0.5 * u.nA, stored=False),
        lambda: Connection(3, 3, Bernoulli(0.0)),
    ],
)
def test_what_is_read_equals_what_was_written(make: Any, tmp_path: Path) -> None:
    made, path = make(), tmp_path / "file.npz"
    made.save(path)
    read = Connection.load(path)
    assert read.edges == made.edges == Edges.load(path)
    assert read.edges.origin == made.edges.origin
    assert (read.in_size, read.out_size) == (made.in_size, made.out_size)
    assert type(read.weight) is type(made.weight)
    for one, other in (
        (value_of(read.weight), value_of(made.weight)),
        (read.delay, made.delay),
        (read.edges.distance, made.edges.distance),
    ):
        assert (one is None) == (other is None)
        assert u.get_unit(one) == u.get_unit(other)
        if one is not None:
            np.testing.assert_array_equal(u.get_mantissa(one), u.get_mantissa(other))
    spikes = jnp.ones((2, *made.in_size), bool)
    np.testing.assert_array_equal(u.get_mantissa(read(spikes)), u.get_mantissa(made(spikes)))


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    edges().save(path)
    assert Edges.load(path) == edges()
    with pytest.raises(ParameterError, match="got edges without weights"):
        Connection.load(path)
    with np.load(path) as content:
        arrays = dict(content)
    header = str(arrays.pop("header"))
    np.savez(path, header=np.array(header.replace('"version": 1', '"version": 99')), **arrays)
    with pytest.raises(ParameterError, match=r"expected version 1 .* got 99"):
        Edges.load(path)
    np.savez(path, header=np.array(header), indptr=arrays["indptr"])
    with pytest.raises(ParameterError, match="'indices' is missing"):
        Edges.load(path)
    np.savez(path, header=np.array([{}], object))
    with pytest.raises(ParameterError, match="expected a file that Connection.save"):
        Edges.load(path)
    np.savez(path, a=np.ones(3))
    with pytest.raises(ParameterError, match="expected a file that Connection.save"):
        Edges.load(path)
    np.save(tmp_path / "array.npy", np.ones(3))
    for name, content in (("text", b"hello"), ("empty", b""), ("zip", b"PK\x03\x04 broken")):
        (tmp_path / name).write_bytes(content)
    for name in ("array.npy", "text", "empty", "zip"):
        with pytest.raises(ParameterError, match="expected a file that Connection.save"):
            Connection.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        Edges.load(tmp_path / "none")


def test_summary_says_what_there_is() -> None:
    text = distant().summary()
    assert "20 -> 20 neurons" in text
    assert "made by DistanceDependent(LinearProfile" in text
    assert "weight: mean" in text
    assert "distance: mean" in text
    assert "nS" in text
    free = Connection(5, 5, Bernoulli(1.0), 0.5 * u.nS, seed=0, stored=False)
    assert "weight: 0.5 nS" in free.summary()
    assert "autapses: 5, multapses: 0" in free.summary()
    assert free.summary().endswith("edges are not stored")
    assert "60 edges" in repr(edges())
    np.testing.assert_array_equal(free.in_degree, np.full(5, 5))
    np.testing.assert_array_equal(free.out_degree, np.full(5, 5))


def test_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    figure = distant().plot(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000
    labels = [ax.get_xlabel() for ax in figure.axes]
    assert labels == [
        "postsynaptic neuron",
        "out-degree",
        "in-degree",
        "distance (um)",
        "weight (nS)",
        "delay (ms)",
    ]
    counts = sum(patch.get_height() for patch in figure.axes[1].patches)
    assert counts == 20
    image = edges(500, 3).plot().axes[0].get_images()[0].get_array()
    assert image.shape == (200, 200)
    assert image.sum() == 1500
    Connection(3, 3, Bernoulli(0.0)).plot()
    pyplot.close("all")


@pytest.mark.parametrize(("module", "use"), [("matplotlib", "plot"), ("scipy", "to_scipy")])
def test_missing_packages_are_named(module: str, use: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == module:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=f"pip install {module}"):
        getattr(edges(), use)()


def test_a_copy_has_the_edges_and_weights_of_its_own() -> None:
    connection = Connection(5, 4, Bernoulli(0.5), weight=2.0 * u.nS, seed=1)
    copied = copy.deepcopy(connection)
    assert copied.edges == connection.edges
    copied.weight.value = 3.0 * u.nS
    ones = jnp.ones(5)
    np.testing.assert_allclose(copied(ones).to_decimal(u.nS), 3.0 * connection.in_degree)
    np.testing.assert_allclose(connection(ones).to_decimal(u.nS), 2.0 * connection.in_degree)


@pytest.mark.parametrize("stored", [True, False])
def test_a_seed_from_which_nothing_follows_tells_no_connections_apart(stored: bool) -> None:
    def net(rule: Any) -> Any:
        made: Any = brainstate.nn.Module()
        made.comm = Connection(4, 4, rule, 2.0 * u.nS, stored=stored)
        return made

    for rule in (OneToOne(), AllToAll()):
        assert parts_of(net(rule)) == parts_of(net(rule))
    kept = snapshot(net(Bernoulli(0.5)))
    with pytest.raises(CheckpointError, match=r"comm\.seed was .*random\.seed.*exactly=False"):
        restore(net(Bernoulli(0.5)), kept)
