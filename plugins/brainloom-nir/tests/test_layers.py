"""Layers of brainloom-training and modules with an update of their own, to NIR and back."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import nir
import numpy as np
import pytest
from brainloom_neurons import LIF
from brainloom_nir import NIRError, from_nir, to_nir
from brainloom_training import (
    BNTT,
    TDBN,
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    Dropout,
    Flatten,
    LeakyRateReadout,
    LeakySpikeReadout,
    Linear,
    MaxPool2d,
    Recurrent,
    Residual,
    SpikeDrivenAttention,
)

DT = 1.0 * u.ms
R = np.random.default_rng(1)
STRONG = brainstate.nn.init.KaimingNormal(scale=40.0, unit=u.mA)
Sequential = brainstate.nn.Sequential


def weighted(shape: Any) -> Any:
    return R.normal(0.4, 1.0, shape) * u.mA


def norm(size: Any) -> TDBN:
    layer = TDBN(size, scale=2.0 * u.mA)
    layer.running_mean.value = R.normal(size=layer.running_mean.value.shape).astype(np.float32)
    layer.running_var.value = R.uniform(1, 3, layer.running_var.value.shape).astype(np.float32)
    return layer


class Own(brainstate.nn.Module):
    """A recurrent layer as one writes it by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.lif = Linear(4, 6, STRONG), LIF(6, tau=10 * u.ms)
        self.back, self.out = Linear(6, 6, STRONG, None), LeakyRateReadout(6, 2)

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        shape = (6,) if batch_size is None else (batch_size, 6)
        self.last = brainstate.HiddenState(jnp.zeros(shape))

    def update(self, x: Any) -> Any:
        spikes = self.lif(self.fc(x) + self.back(self.last.value))
        self.last.value = spikes
        return self.out(spikes)


class Asking(Own):
    """One that asks the population for its spikes."""

    def update(self, x: Any) -> Any:
        return self.out(self.lif(self.fc(x) + self.back(self.lif.get_spike())))


class Skipping(Own):
    """One whose input passes by."""

    def __init__(self) -> None:
        super().__init__()
        self.by = Linear(4, 6, STRONG, None)

    def update(self, x: Any) -> Any:
        both = brainstate.transform.jit(lambda x: self.fc(x) + self.by(x))
        return self.out(1.0 * self.lif(both(x)) + 0.0)


LAYERS: dict[str, tuple[tuple[int, ...], Callable[[], Any]]] = {
    "Conv2d": ((2, 6, 5), lambda: Conv2d((2, 6, 5), 4, (3, 2), (2, 1), (1, 0), w_init=weighted)),
    "Conv2d, same": ((2, 6, 5), lambda: Conv2d((2, 6, 5), 4, 3, 1, "same", 2, 2, b_init=0.3)),
    "Conv1d": ((2, 9), lambda: Conv1d((2, 9), 4, 3, 2, 1, b_init=0.3)),
    "AvgPool2d": ((2, 6, 5), lambda: AvgPool2d((2, 6, 5), 2, padding=1)),
    "AvgPool1d": ((2, 9), lambda: AvgPool1d((2, 9), 3, 2, 1)),
    "Flatten": ((2, 6, 5), lambda: Flatten((2, 6, 5))),
    "Dropout": ((4,), lambda: Dropout(4)),
    "TDBN": ((4,), lambda: norm(4)),
    "TDBN of images": ((2, 6, 5), lambda: norm((2, 6, 5))),
    "Recurrent": ((4,), lambda: Sequential(Linear(4, 6, STRONG), Recurrent(LIF(6), None))),
    "Recurrent, delayed": (
        (4,),
        lambda: Sequential(
            Linear(4, 6, STRONG), Recurrent(LIF(6), Linear(6, 6, STRONG, None), 3 * u.ms)
        ),
    ),
    "Residual": (
        (4,),
        lambda: Sequential(
            Linear(4, 6, STRONG), LIF(6), Residual(Linear(6, 6, STRONG), LIF(6)), Linear(6, 2)
        ),
    ),
    "Residual, shortcut": (
        (4,),
        lambda: Residual(Linear(4, 6, STRONG), LIF(6), shortcut=Linear(4, 6)),
    ),
    "own": ((4,), Own),
    "asking": ((4,), Asking),
    "skipping": ((4,), Skipping),
    "network": (
        (1, 6, 6),
        lambda: Sequential(
            *(Conv2d((1, 6, 6), 4, 3, padding="same", w_init=STRONG), norm((4, 6, 6))),
            *(LIF((4, 6, 6)), AvgPool2d((4, 6, 6), 2), Flatten((4, 3, 3)), Dropout(36)),
            *(Linear(36, 8, STRONG), LIF(8), LeakyRateReadout(8, 2)),
        ),
    ),
}


def outputs(model: Any, xs: np.ndarray) -> np.ndarray:
    with brainstate.environ.context(dt=DT, fit=False):
        brainstate.nn.init_all_states(model, batch_size=xs.shape[1])
        y = brainstate.transform.for_loop(model, jnp.asarray(xs))
    return np.asarray(y.to_decimal(u.mA) if isinstance(y, u.Quantity) else y)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_comes_back_the_same_through_a_file(name: str, tmp_path: Path) -> None:
    brainstate.random.seed(0)
    shape, make = LAYERS[name]
    model, xs = make(), R.normal(0.5, 3.0, (40, 3, *shape)).astype(np.float32)
    graph, _ = to_nir(model, dt=DT, input_shape=shape)
    nir.write(tmp_path / "net.nir", graph)
    back, _ = from_nir(tmp_path / "net.nir")
    first, second = outputs(model, xs), outputs(back, xs)
    np.testing.assert_allclose(second, first, rtol=0, atol=2e-6 * max(1, abs(first).max()))
    assert np.ptp(first) > 0
    if not isinstance(model, (Sequential, Own, Residual, TDBN, Dropout, AvgPool1d)):
        assert type(back[type(model).__name__.lower()]) is type(model)


def test_the_graph_of_an_update_has_its_loop_and_leaves_the_model_as_it_was() -> None:
    model = Own()
    with brainstate.environ.context(dt=DT):
        brainstate.nn.init_all_states(model, batch_size=3)
        y = model(np.ones((3, 4), np.float32))
    before = {path: state.value for path, state in model.states().items()}
    graph, report = to_nir(model, dt=DT, input_shape=(4,))
    expected = {("input", "fc"), ("fc", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "out_0")}
    assert expected <= {*graph.edges}
    assert [it.what for it in report.private if it.node == "lif"].count("recurrence") == 1
    for path, state in model.states().items():
        assert state.value is before[path]
    with brainstate.environ.context(dt=DT):
        assert model(np.ones((3, 4), np.float32)).shape == y.shape


class Product(Own):
    def update(self, x: Any) -> Any:
        return self.out(self.lif(self.fc(x)) * self.last.value)


class Twice(Own):
    def update(self, x: Any) -> Any:
        return self.out(self.lif(self.fc(x) + self.fc(x)))


class Double(Own):
    def update(self, x: Any) -> Any:
        current = self.fc(x)
        return self.out(self.lif(current + current))


class Halved(Own):
    def update(self, x: Any) -> Any:
        return self.out(self.lif(0.5 * self.fc(x)))


class Mean(Own):
    def update(self, x: Any) -> Any:
        self.last.value = 0.9 * self.last.value + self.lif(self.fc(x))
        return self.out(self.last.value)


class Begun(Own):
    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        self.last = brainstate.HiddenState(jnp.ones(6))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Product, "Product: expected an update that adds up what its parts give, found `mul` on"),
        (Twice, "fc called more than once in a step"),
        (Double, "found `add` on the way to lif"),
        (Halved, "found `mul` on the way to lif"),
        (Mean, "on the way to out"),
        (Begun, "found a state that does not begin at zero on the way to back"),
        (lambda: SpikeDrivenAttention((3, 4), LIF), "on the way to gate"),
        (lambda: MaxPool2d((1, 4, 4), 2), "MaxPool2d has no counterpart in NIR. Replace it by"),
        (lambda: Sequential(BNTT(4, 9), LIF(4)), "BNTT has no counterpart in NIR"),
        (lambda: Sequential(LeakySpikeReadout(4, 4), Own()), "LeakySpikeReadout has no"),
        (lambda: Conv2d((1, 4, 4), 2, 2, padding="same"), "expected as many zeros on both sides"),
    ],
)
def test_what_nir_cannot_say_is_refused(make: Any, message: str) -> None:
    with pytest.raises(NIRError, match=re.escape(message)):
        to_nir(make(), dt=DT, input_shape=(4,))
