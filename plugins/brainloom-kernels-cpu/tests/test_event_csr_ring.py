"""The native product with delays against the reference of core, and in place in a loop."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core.kernels import event_csr_ring
from brainloom_kernels_cpu import unavailable

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))

LENGTH, N_POST = 5, 13


def random_case(
    dtype: Any, n_pre: int, batch: tuple[int, ...], homogeneous: bool
) -> dict[str, Any]:
    rng = np.random.default_rng(n_pre)
    indptr = np.concatenate([[0], np.cumsum(rng.integers(0, 7, n_pre))]).astype(np.int32)
    n_edges = indptr[-1]
    return {
        "ring": rng.normal(size=(*batch, LENGTH, N_POST)).astype(dtype),
        "weights": rng.normal(size=1 if homogeneous else n_edges).astype(dtype),
        "slots": rng.integers(0, LENGTH * N_POST, n_edges).astype(np.int32),
        "indptr": indptr,
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize(("n_pre", "batch"), [(5, ()), (200, ()), (29, (2, 3))])
def test_equals_the_reference(
    dtype: str, n_pre: int, batch: tuple[int, ...], homogeneous: bool
) -> None:
    with jax.enable_x64(dtype == "float64"):
        case = random_case(dtype, n_pre, batch, homogeneous)
        active = np.random.default_rng(1).random((*batch, n_pre)) < 0.3
        for events in (active, active.astype(dtype) * 0.5, np.zeros_like(active)):
            for position in (0, 2, LENGTH - 1):
                got, expected = (
                    event_csr_ring(**case, events=events, position=position, implementation=name)
                    for name in ("cpu-native", "reference")
                )
                for one, other in zip(got, expected, strict=True):
                    assert one.dtype == dtype
                    np.testing.assert_allclose(one, other, atol=64 * np.finfo(dtype).eps)


@pytest.mark.parametrize("position", [-1, LENGTH])
def test_a_position_outside_the_ring_is_an_error(position: int) -> None:
    case = random_case(np.float32, 5, (), False)
    with pytest.raises(Exception, match=f"position.*0 to {LENGTH - 1}, got {position}"):
        ring, _ = event_csr_ring(
            **case, events=np.ones(5, bool), position=position, implementation="cpu-native"
        )
        jax.block_until_ready(ring)


def test_the_ring_of_a_loop_is_not_copied() -> None:
    """A copy would be the costliest part of a step; XLA names it in the compiled loop."""
    case = random_case(np.float32, 29, (), False)
    where = case["weights"], case["slots"], jnp.asarray(case["indptr"])

    def loop(ring: Any, spikes: Any) -> Any:
        def step(carry: Any, sent: Any) -> Any:
            ring, position = carry
            ring, arrived = event_csr_ring(
                ring, *where, sent, position, max_row=6, implementation="cpu-native"
            )
            return (ring, (position + 1) % LENGTH), arrived

        return jax.lax.scan(step, (ring, jnp.int32(0)), spikes)[1]

    spikes = jnp.zeros((20, 29), bool)
    text = jax.jit(loop).lower(case["ring"], spikes).compile().as_text()
    body = text[text.index("body") :].split("ENTRY")[0]
    copies = [
        line for line in body.splitlines() if "copy(" in line and f"[{LENGTH},{N_POST}]" in line
    ]
    assert not copies
