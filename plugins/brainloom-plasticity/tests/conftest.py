"""What the tests share: double precision, and a projection that is given its spikes."""

from collections.abc import Callable, Iterator
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_neurons import LIF
from brainloom_plasticity import PlasticProj
from brainloom_projections import Edges
from brainloom_synapses import CUBA, Expon


@pytest.fixture(autouse=True)
def numerics() -> Iterator[None]:
    with jax.enable_x64(True), brainstate.environ.context(dt=1.0 * u.ms, precision=64):
        yield


Learn = Callable[..., np.ndarray]


@pytest.fixture
def learn() -> Learn:
    """The strengths, in mS, after given spikes of both sides, shapes `(steps, neurons)`."""

    def learn(rule: Any, edges: Edges, weight: Any, pre: Any, post: Any, **options: Any) -> Any:
        target = LIF(edges.n_post)
        proj = PlasticProj(
            *(edges.n_pre, target, edges, Expon.desc(), CUBA.desc()),
            **{"weight": weight * u.mS, "rule": rule, **options},
        )
        brainstate.nn.init_all_states([proj, target])

        @brainstate.transform.jit
        def run(pre: Any, post: Any) -> None:
            def step(*spikes: Any) -> None:
                proj(*spikes)
                target()

            brainstate.transform.for_loop(step, pre, post)

        run(jnp.asarray(pre), jnp.asarray(post))
        return np.asarray(proj.weight.to_decimal(u.mS))

    return learn
