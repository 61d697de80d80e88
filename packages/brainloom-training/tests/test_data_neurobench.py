"""Models in the harness of NeuroBench; the harness itself where it is installed."""

import sys
from types import SimpleNamespace
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError
from brainloom_training import LeakyRateReadout, data

DECAY = np.exp(-0.1)


@pytest.fixture(autouse=True)
def steps_of_one_ms() -> Any:
    with brainstate.environ.context(dt=1.0 * u.ms):
        yield


def readout() -> LeakyRateReadout:
    return LeakyRateReadout(3, 2, tau=10 * u.ms, w_init=jnp.array([[1.0, 0], [0, 1], [0, 0]]))


class Tensor:
    """What the adapter sees of a tensor."""

    device = "cpu"

    def __init__(self, values: Any) -> None:
        self.values = values

    def detach(self) -> "Tensor":
        return self

    cpu = detach

    def numpy(self) -> np.ndarray:
        return self.values


def batch() -> np.ndarray:
    """One spike: of input 0 in the first sample, of input 1 in the second; samples first."""
    x = np.zeros((2, 4, 3), np.float32)
    x[0, 1, 0] = x[1, 2, 1] = 1
    return x


def test_outputs_have_samples_then_time_as_the_harness_wants_them() -> None:
    found = data.NeuroBenchAdapter(readout()).predict(batch())
    exact = np.zeros((2, 4, 2))
    exact[0, 1:, 0] = DECAY ** np.arange(3)
    exact[1, 2:, 1] = DECAY ** np.arange(2)
    np.testing.assert_allclose(found, exact, rtol=1e-6)


def test_every_batch_starts_from_rest_and_may_have_its_own_size() -> None:
    model = data.NeuroBenchAdapter(readout())
    first = model.predict(batch())
    np.testing.assert_array_equal(model.predict(batch()), first)
    np.testing.assert_array_equal(model.predict(batch()[:1]), first[:1])


def test_the_current_step_is_the_one_that_counts() -> None:
    model = data.NeuroBenchAdapter(readout(), reduce=lambda out: out[-1, 0, 0])
    found = []
    for dt in (1.0, 2.0):
        with brainstate.environ.context(dt=dt * u.ms):
            found.append(model.predict(batch()))
    np.testing.assert_allclose(found, [DECAY**2, DECAY**4], rtol=1e-6)


def test_reduction_and_encoding_are_applied() -> None:
    model = data.NeuroBenchAdapter(
        readout(), reduce=lambda out: out.sum(0).argmax(-1), encode=lambda x: x[..., ::-1]
    )
    np.testing.assert_array_equal(model.predict(batch()), [0, 1])
    swapped = data.NeuroBenchAdapter(
        readout(), reduce=lambda out: out[-1], encode=lambda x: 2 * x[..., [1, 0, 2]]
    )
    exact = [[0, 2 * DECAY**2], [2 * DECAY, 0]]
    np.testing.assert_allclose(swapped.predict(batch()), exact, rtol=1e-6)


def test_a_tensor_gives_a_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    made = SimpleNamespace(as_tensor=lambda values, device: (values, device))
    monkeypatch.setitem(sys.modules, "torch", made)
    model = data.NeuroBenchAdapter(readout(), reduce=lambda out: out.sum(0).argmax(-1))
    values, device = model(Tensor(batch()))
    np.testing.assert_array_equal(values, [0, 1])
    assert device == "cpu"


def test_what_the_harness_cannot_take_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = data.NeuroBenchAdapter(readout(), reduce=lambda out: out[-1] * u.mV)
    with pytest.raises(InputError, match="expected predictions without unit"):
        model.predict(batch())
    with pytest.raises(InputError, match=r"expected a batch of shape \(B, T, ...\)"):
        model.predict(np.zeros(3))
    with pytest.raises(NotImplementedError, match="ParameterCount or Footprint"):
        model.register_hooks()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="pip install neurobench"):
        model.__net__()


@pytest.mark.filterwarnings("ignore")
def test_the_harness_measures_a_model() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("neurobench")
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.static import Footprint, ParameterCount
    from neurobench.metrics.workload import ActivationSparsity, ClassificationAccuracy
    from neurobench.processors.postprocessors import ChooseMaxCount

    x = np.tile(batch(), (3, 1, 1))
    y = np.array([0, 1, 0, 1, 1, 1])  # five of six are right
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=4
    )
    reduced = data.NeuroBenchAdapter(readout(), reduce=lambda out: out.sum(0).argmax(-1))
    spread = data.NeuroBenchAdapter(readout())
    metrics = [[ParameterCount, Footprint], [ClassificationAccuracy]]
    for model, after in ((reduced, []), (spread, [ChooseMaxCount()])):
        results = Benchmark(model, loader, [], after, metrics).run(quiet=True)
        assert results["ParameterCount"] == 6
        assert results["Footprint"] == 24
        assert results["ClassificationAccuracy"] == pytest.approx(5 / 6)
    with pytest.raises(NotImplementedError, match="read layers of torch"):
        Benchmark(reduced, loader, [], [], [[], [ActivationSparsity]])
