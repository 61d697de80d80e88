"""Snapshots, the files that hold them, and what tells one network from another."""

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import (
    CheckpointError,
    InputError,
    Network,
    Neuron,
    Normal,
    initializer,
    param,
    restore,
    resume,
    simulate,
    snapshot,
    state,
    tensors,
)
from brainloom_core.identity import text_of

DT = 1.0 * u.ms


class Noisy(Neuron):
    """It integrates, and draws where it begins and in each step."""

    tau = param(default=20.0 * u.ms)
    V_th = param(default=2.0 * u.mV)
    V_reset = param(default=0.0 * u.mV)
    V_initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer")

    def dV(self, V, I):
        return (I * u.ohm - V) / self.tau + jnp.zeros(self.in_size) * u.mV / u.ms

    def update(self, x=None):
        noise = brainstate.random.normal(size=self.in_size) * u.mA
        return super().update(noise if x is None else x + noise)


def make(**options):
    net = Network()
    drawn = Normal(0.0 * u.mV, 1.0 * u.mV)
    net.A, net.B = Noisy(3, V_initializer=drawn, **options), Noisy(2)
    return net


def run(net, steps=20):
    recording = simulate(net, steps * DT, dt=DT, record=["A.V", "B.spikes"])
    return np.asarray(recording["A.V"].values[:].mantissa), recording.end


@pytest.fixture(scope="module")
def taken():
    """A network, its snapshot, and what it did after it."""
    net = make()
    run(net)
    kept = snapshot(net)
    return net, kept, *run(net)


def test_network_takes_the_same_steps_from_a_snapshot(taken):
    net, kept, expected, end = taken
    restore(net, kept)
    found, at = run(net)
    assert np.array_equal(found, expected)
    assert at == end == 40 * DT


def test_snapshot_goes_to_a_file_and_into_another_network(taken, tmp_path):
    _, kept, expected, end = taken
    kept.save(tmp_path / "snapshot")
    net = make()
    restore(net, tmp_path / "snapshot")
    found, at = run(net)
    assert np.array_equal(found, expected)
    assert at == end


def test_other_network_is_refused_and_left_as_it_was(taken):
    _, kept, *_ = taken
    net = make(tau=10.0 * u.ms)
    with pytest.raises(
        CheckpointError, match=r"A.tau was 20.0 ms and is 10.0 ms here.*exactly=False"
    ):
        restore(net, kept)
    assert net.A.lacks_states()
    restore(net, kept, exactly=False)
    assert np.array_equal(net.A.V.value.mantissa, kept.arrays["A.V#0"])
    del net.B
    with pytest.raises(CheckpointError, match="the states are others: B.V was .* and is not here"):
        restore(net, kept, exactly=False)


def test_batch_of_a_snapshot_is_made_in_the_other_network():
    net, other = make(), make()
    brainstate.nn.init_all_states(net, batch_size=4)
    restore(other, snapshot(net))
    assert other.A.V.value.shape == (4, 3)
    assert np.array_equal(other.A.V.value.mantissa, net.A.V.value.mantissa)


@pytest.mark.parametrize("what", [3, None])
def test_something_else_is_no_snapshot(what):
    with pytest.raises(InputError, match="expected a Snapshot or the path of one"):
        restore(make(), what)
    with pytest.raises(InputError, match="snapshot: net: expected a Network"):
        snapshot(what)


ARRAYS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array([True, False]),
    "none": np.zeros((0, 2), np.int64),
    "one": np.float64(3.0),
    "half": np.asarray(jnp.ones(3, jnp.bfloat16)),
}


def test_file_holds_arrays_as_they_were_and_others_can_read_it(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    tensors.write(tmp_path / "file", ARRAYS, {"known": [1, "é"]})
    arrays, about = tensors.read(tmp_path / "file")
    assert about == {"known": [1, "é"]}
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == np.asarray(array).dtype
        assert np.array_equal(arrays[name], array)
    others = {k: v for k, v in ARRAYS.items() if k != "half"}
    tensors.write(tmp_path / "file", others, None)
    assert np.array_equal(numpy.load_file(tmp_path / "file")["a"], ARRAYS["a"])


def test_file_that_is_altered_anywhere_or_cut_off_is_refused(tmp_path):
    file = tmp_path / "file"
    tensors.write(file, ARRAYS, {"known": 1})
    good = file.read_bytes()
    for place in range(len(good)):
        file.write_bytes(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
        with pytest.raises(CheckpointError):
            tensors.read(file)
    for content in (good[:-1], good + b"0", b"", good[: len(good) // 2]):
        file.write_bytes(content)
        with pytest.raises(CheckpointError):
            tensors.read(file)


def test_what_was_there_before_is_kept_and_used(tmp_path):
    file = tmp_path / "file"
    for number in range(3):
        tensors.write(file, ARRAYS, number, keep=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "file.earlier"]
    assert tensors.read_newest(file)[1] == 2
    file.write_bytes(b"torn")
    with pytest.warns(UserWarning, match="Going on from the one before it"):
        assert tensors.read_newest(file)[1] == 1
    file.unlink()  # as where a process was killed before the new one was put there
    assert tensors.read_newest(file)[1] == 1


def test_texts_tell_values_apart_and_are_equal_for_equal_ones():
    def scaled(factor):
        return lambda t: factor * t

    values = [
        *(1, 1.0, "1", True, None, 5 * u.ms, 5 * u.mV, [1, 2], (1, 3), {"a": 1}),
        *(np.arange(3), np.arange(3.0), jnp.arange(3) * u.mV, scaled(2), scaled(3), np.tanh, Noisy),
        *(Normal(0, 1), Normal(0, 2)),
    ]
    texts = [text_of(value) for value in values]
    assert len(set(texts)) == len(values)
    assert text_of(scaled(2)) == text_of(scaled(2))


def test_a_run_that_goes_on_with_something_else_says_so_in_its_recording(tmp_path, monkeypatch):
    pytest.importorskip("zarr")
    kept = {"checkpoint": tmp_path / "run", "every": 10 * DT, "dt": DT, "record": "A.V"}
    monkeypatch.setattr("brainloom_core.run.loop.CHUNK_STEPS", 10)
    assert "differences" not in simulate(make(), 20 * DT, **kept).header
    state_file = tmp_path / "run" / "state.safetensors"
    state_file.unlink()  # as if the run had been killed after half of its steps
    with brainstate.environ.context(dt=DT):
        with pytest.raises(CheckpointError, match="A.tau was"):
            resume(tmp_path / "run", make(tau=10.0 * u.ms))
        found = resume(tmp_path / "run", make(tau=10.0 * u.ms), exactly=False)
    assert found.header["differences"] == ["A.tau was 20.0 ms and is 10.0 ms here"]
    assert found["A.V"].values.shape[0] == 20
