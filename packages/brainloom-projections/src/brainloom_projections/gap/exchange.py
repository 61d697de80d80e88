"""Potentials that exchange currents by conductances: their means over a step."""

from collections.abc import Sequence

import brainunit as u
import jax
import jax.numpy as jnp
from brainloom_core.partition import on_all_devices
from brainloom_core.types import Array, Quantity
from brainloom_core.units import to_number, with_unit

from .course import Begun

__all__ = ["mean_potentials", "summed"]

TOLERANCE = 1e-5  # of what the junctions do to the potentials within half a step


def mean_potentials(
    begun: Sequence[Begun], ends: tuple[Array, Array], weight: Quantity
) -> Quantity:
    r"""The potentials in the middle of a step in which the currents of these junctions are held.

    $$
    \bar V_i = V_i + r_i + c_i \sum_j w_{ij} (\bar V_j - \bar V_i)
    $$

    with the rise $r_i$ until then and the effect $c_i$ of a current. This is the implicit midpoint
    rule for the exchange, of second order and stable for conductances of any size.

    Args:
        begun: The beginning of the step, of one population or of two, one behind the other.
        ends: The two neurons of each junction, counted through both.
        weight: Conductances: one, or one for each junction.

    Returns:
        The potentials, shape `(*batch, n)`.
    """
    unit = u.get_unit(begun[0].V)
    per_current = unit / (u.get_unit(weight) * unit)
    # On several devices each computes all of it, so that sums have one order.
    start = on_all_devices(_joined([to_number(part.V + part.rise, unit) for part in begun]))
    gain = on_all_devices(_joined([to_number(part.gain, per_current) for part in begun]))
    root = jnp.sqrt(jnp.maximum(gain, 0.0))
    w, (i, j) = u.get_mantissa(weight), ends

    def into(V: jax.Array) -> jax.Array:
        current = w * (V[..., j] - V[..., i])
        return jnp.zeros_like(V).at[..., i].add(current).at[..., j].add(-current)

    def system(z: jax.Array) -> jax.Array:
        return z - root * into(root * z)

    z, _ = jax.scipy.sparse.linalg.cg(system, root * into(start), tol=TOLERANCE)
    return on_all_devices(with_unit(start + root * z, unit))


def summed(values: Quantity, neurons: Array, size: int) -> Quantity:
    """Sums of one value per junction over the junctions of each neuron.

    Args:
        values: One for each junction, shape `(*batch, n_junctions)`.
        neurons: The neuron of each.
        size: Number of neurons.
    """
    unit, number = u.get_unit(values), on_all_devices(u.get_mantissa(values))
    zero = jnp.zeros((*number.shape[:-1], size), number.dtype)
    return on_all_devices(with_unit(zero.at[..., neurons].add(number), unit))


def _joined(parts: list[jax.Array]) -> jax.Array:
    batch = jnp.broadcast_shapes(*(part.shape[:-1] for part in parts))
    whole = [jnp.broadcast_to(part, (*batch, part.shape[-1])) for part in parts]
    return jnp.concatenate(whole, axis=-1)
