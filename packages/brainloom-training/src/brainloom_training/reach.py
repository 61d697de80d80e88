"""Which parameters a gradient cannot reach."""

from collections.abc import Callable

import brainstate
import jax
import jax.numpy as jnp
from brainloom_core.types import PyTree
from jax.extend.core import jaxpr_as_fun
from jax.interpreters.partial_eval import dce_jaxpr

from .types import ByName

__all__ = ["unreached"]


def unreached(gradients: Callable[..., ByName], *args: PyTree) -> list[str]:
    """The names whose gradient is the same whatever the arguments and the states are: zero.

    This is read off the program that computes the gradients. Where the way from a parameter to
    the loss is broken (by a comparison, by `stop_gradient`, or because the loss does not use it),
    nothing that goes into the program is needed for its gradient.
    """
    traced = brainstate.transform.StatefulFunction(gradients)
    traced.make_jaxpr(*args)
    program = traced.get_jaxpr(*args)
    zeros = [jnp.zeros(v.aval.shape, v.aval.dtype) for v in program.jaxpr.invars]
    plain = jax.make_jaxpr(jaxpr_as_fun(program))(*zeros).jaxpr
    leaves, _ = jax.tree.flatten_with_path(traced.get_out_shapes(*args)[0])
    reached = {
        path[0].key
        for position, (path, _) in enumerate(leaves)
        if any(dce_jaxpr(plain, [k == position for k in range(len(plain.outvars))])[1])
    }
    return sorted({path[0].key for path, _ in leaves} - reached)
