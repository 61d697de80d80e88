"""What the package offers to core."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import jax
import numpy as np
import pytest
from brainloom_core.kernels import OPS, Kernel, list_kernels, use_kernel
from brainloom_core.kernels import event_csr as core_event_csr
from brainloom_kernels_cpu import _library, plugin, unavailable

CSR = np.ones(3, np.float32), np.zeros(3, np.int32), np.array([0, 1, 3], np.int32)


def test_entry_point_leads_to_the_plugin() -> None:
    (entry,) = entry_points(group="brainloom", name="kernels-cpu")
    assert entry.load() is plugin


def declared() -> dict[str, Kernel]:
    return {kernel.op: kernel for kernel in plugin.brainloom_kernels()}


def test_kernel_declarations() -> None:
    assert declared().keys() == {"event_csr", "event_csr_ring", "event_dense", "event_outer"}
    for kernel in declared().values():
        assert (kernel.name, kernel.rank, kernel.platforms) == ("cpu-native", 10, ("cpu",))


@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_core_uses_it() -> None:
    events = np.array([[True, True], [False, True]])

    def product(events: jax.Array) -> jax.Array:
        return core_event_csr(*CSR, events, n_post=1, max_row=2)

    chosen = jax.jit(product)
    assert "brainloom_event_csr_float32_bool" in chosen.lower(events).as_text()
    with use_kernel(event_csr="reference"):
        expected = product(events)
    np.testing.assert_array_equal(chosen(events), expected)
    np.testing.assert_array_equal(jax.vmap(chosen)(events), expected)


@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["event_csr", "event_csr_ring", "event_dense", "event_outer"])
def test_gives_what_the_reference_gives(name: str, dtype: str) -> None:
    """On the samples of the operation, which have what implementations get wrong."""
    op, held = OPS[name], 0
    for sample in op.samples(dtype):
        if not declared()[name].supports(*sample.operands, **sample.sizes):
            continue
        found, right = (
            op(*sample.operands, implementation=which, **sample.sizes)
            for which in ("cpu-native", "reference")
        )
        close = 1e-4 if dtype == "float32" else 1e-12
        for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(right), strict=True):
            np.testing.assert_allclose(one, other, rtol=close, atol=close, err_msg=sample.label)
        held += 1
    assert held or (op.linear and dtype == "float64")


@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_core_lists_it_as_usable() -> None:
    found = [info for info in list_kernels() if info.name == "cpu-native"]
    assert {info.op for info in found} == declared().keys()
    for info in found:
        assert info.usable
        assert info.distribution == "brainloom-kernels-cpu"


def test_load_fails_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_library, "LIBRARY", tmp_path / "event_csr.so")
    _library.register.cache_clear()
    for kernel in declared().values():
        with pytest.raises(RuntimeError, match="reinstall"):
            kernel.load()


@pytest.mark.parametrize("event", [np.bool_, np.float32])
def test_supports_tracers(event: type) -> None:
    kernel = declared()["event_csr"]
    seen = []

    def look(weights: jax.Array, events: jax.Array) -> jax.Array:
        seen.append(kernel.supports(weights, *CSR[1:], events, n_post=1, max_row=2))
        return events

    jax.eval_shape(jax.vmap(look), np.ones((2, 3), np.float32), np.ones((2, 2), event))
    assert seen == [True]


@pytest.mark.parametrize(
    "operands",
    [
        (CSR[0].astype(np.float16), *CSR[1:], np.ones(2, bool)),
        (CSR[0], CSR[1].astype(np.int64), CSR[2], np.ones(2, bool)),
        (CSR[0], CSR[1], CSR[2].astype(np.int64), np.ones(2, bool)),
        (*CSR, np.ones(2, np.float64)),
        (CSR[0][0], *CSR[1:], np.ones(2, bool)),
    ],
)
def test_does_not_support_other_types(operands: tuple[np.ndarray, ...]) -> None:
    kernel = declared()["event_csr"]
    assert not kernel.supports(*operands, n_post=1)
