"""Checks of projections: what is sent arrives, in the same way however it is run."""

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import Dynamics
from brainloom_core.types import Array, Quantity

from ..case import Case
from ..require import require, require_close, require_same
from ..running import environment, in_float64
from .registry import applies_to

__all__ = [
    "check_projection_jit_equals_eager",
    "check_projection_keeps_float64",
    "check_projection_reset_restores",
    "check_spikes_reach_the_target",
]

STEPS = 50


@applies_to("projection")
def check_spikes_reach_the_target(case: Case) -> None:
    """Spikes of the presynaptic side change the postsynaptic potential; without them, none does."""
    name = case.cls.__name__
    with environment(case):
        (sent, _), (silent, _), (alone, _) = (
            _run(case, spikes, delivers) for spikes, delivers in ((1, True), (0, True), (0, False))
        )
    require_close(silent, alone, f"{name}: without a spike, V of the target, beside it alone,")
    require(
        bool(np.any(_numbers(sent) != _numbers(silent))),
        f"{name}: spikes of all neurons in all of {STEPS} steps do not change V of the target",
    )


@applies_to("projection")
def check_projection_jit_equals_eager(case: Case) -> None:
    """Three steps give the same, compiled or not."""
    with environment(case):
        eager, _ = _run(case, 1, steps=3, compiled=False)
    with environment(case):
        compiled, _ = _run(case, 1, steps=3)
    require_close(compiled, eager, f"{case.cls.__name__}: V of the target, compiled,")


@applies_to("projection")
def check_projection_reset_restores(case: Case) -> None:
    """`reset_state` restores what is not kept for long; what was learned may stay."""
    name = case.cls.__name__
    with environment(case):
        model = case.build()
        brainstate.nn.init_all_states([model, model.post])
        before = _short(model)
        _run(case, 1, built=model)
        brainstate.nn.reset_all_states([model, model.post])
        require_same(_short(model), before, f"{name} after reset_state")


@applies_to("projection")
def check_projection_keeps_float64(case: Case) -> None:
    """In double precision, states and what arrives stay in it."""
    with in_float64(), environment(case):
        V, model = _run(case, 1, steps=2)
        for key, value in {"V of the target": V, **_short(model)}.items():
            dtype = u.get_mantissa(value).dtype
            require(
                not jnp.issubdtype(dtype, jnp.floating) or dtype == jnp.float64,
                f"{case.cls.__name__}: {key} is {dtype} in double precision",
            )


def _run(
    case: Case,
    spiking: int,
    delivers: bool = True,
    steps: int = STEPS,
    compiled: bool = True,
    built: Dynamics | None = None,
) -> tuple[Quantity, Dynamics]:
    """The potential of the target over time, where all neurons spike always or never."""
    model = case.build() if built is None else built
    post = model.post
    if built is None:
        brainstate.nn.init_all_states([model, post])
    spikes = jnp.full(_size(model), spiking, brainstate.environ.dftype())

    def one(i: Array) -> Quantity:
        with brainstate.environ.context(i=i, t=i * brainstate.environ.get_dt()):
            if delivers:
                model(spikes)
            post()
            return post.V.value

    if not compiled:
        return u.math.stack([one(jnp.asarray(i)) for i in range(steps)]), model
    found = brainstate.transform.jit(lambda: brainstate.transform.for_loop(one, jnp.arange(steps)))
    return found(), model


def _size(model: Dynamics) -> tuple[int, ...]:
    """The size of the presynaptic side: given as such, or that of a population."""
    pre = getattr(model, "pre", None)
    size = getattr(pre, "in_size", pre)
    if isinstance(size, int | np.integer):
        return (int(size),)
    if size is None:
        size = model.comm.in_size
    return tuple(size)


def _short(model: Dynamics) -> dict[str, Quantity]:
    return {
        ".".join(map(str, path)): state.value
        for path, state in model.states(brainstate.ShortTermState).items()
    }


def _numbers(value: Quantity) -> np.ndarray:
    return np.asarray(u.get_mantissa(value))
