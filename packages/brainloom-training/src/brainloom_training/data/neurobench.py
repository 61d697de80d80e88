"""Models in the harness of NeuroBench."""

from collections.abc import Callable
from types import ModuleType

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError
from brainloom_core.context import current_dt
from brainloom_core.types import PyTree
from brainloom_core.units import show, to_number

from ..rolling import rollout

__all__ = ["NeuroBenchAdapter"]


class NeuroBenchAdapter:
    """A model as `neurobench.benchmarks.Benchmark` takes it: tensors in, tensors out.

    A batch of the harness has the shape `(B, T, ...)`. The model starts from its initial state
    for each batch, and is advanced by one step of `brainstate.environ`'s `dt` for each of
    `T`. Without `reduce` the harness gets outputs of shape `(B, T, n_out)`, which its own
    post-processors take, such as `ChooseMaxCount`.

    Its metrics that look at predictions work, and `ParameterCount` and `Footprint`, which count the
    trained parameters. Those that hook into layers of torch (sparsity of activations, synaptic
    operations, membrane updates) do not, and are refused.

    Args:
        model: Advances by one step when it is called, from `(B, ...)` to `(B, n_out)`.
        reduce: From outputs `(T, B, n_out)` to predictions `(B, ...)` or, by default, none.
        encode: From a batch as numbers `(T, B, ...)` to the inputs of the model, for instance to
            give them a unit; by default as they are.

    References:
        Yik et al. (2025), Nature Communications 16, 1545, doi:10.1038/s41467-025-56739-4.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp, numpy as np
        >>> from brainloom_training import LeakyRateReadout, data
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> readout = LeakyRateReadout(2, 2, w_init=jnp.eye(2))
        >>> model = data.NeuroBenchAdapter(readout, reduce=lambda out: out.sum(0).argmax(-1))
        >>> model.predict(np.eye(2, dtype=np.float32).reshape(2, 1, 2))
        array([0, 1], dtype=int32)
    """

    def __init__(
        self,
        model: brainstate.nn.Module,
        reduce: Callable[[PyTree], PyTree] | None = None,
        encode: Callable[[PyTree], PyTree] | None = None,
    ) -> None:
        self.model = model
        self.reduce = reduce
        self.encode = encode
        self._run = brainstate.transform.jit(self._predict, static_argnums=(1,))

    def __call__(self, batch: PyTree) -> PyTree:
        """Predictions for a tensor of shape `(B, T, ...)`, as a tensor on the same device.

        Args:
            batch: Tensor of torch, shape `(B, T, ...)`.
        """
        found = self.predict(batch.detach().cpu().numpy())
        return _torch().as_tensor(found, device=batch.device)

    def predict(self, batch: np.ndarray) -> np.ndarray:
        """The same for arrays.

        Args:
            batch: Array, shape `(B, T, ...)`.

        Raises:
            InputError: The batch has no axis of time, or what would be returned has a unit.
        """
        if batch.ndim < 2:
            raise InputError(
                f"NeuroBenchAdapter: expected a batch of shape (B, T, ...), got {show(batch)}"
            )
        brainstate.nn.init_all_states(self.model, batch_size=len(batch))
        dt = current_dt()
        found = self._run(jnp.asarray(np.moveaxis(batch, 1, 0)), float(to_number(dt, u.ms)))
        if isinstance(found, u.Quantity):
            raise InputError(
                "NeuroBenchAdapter: expected predictions without unit, got "
                f"{show(found)}; divide by a unit in `reduce`"
            )
        return np.array(found)

    def _predict(self, batch: PyTree, dt: float) -> PyTree:
        """The outputs; `dt` is static, since a compiled program holds that of its making."""
        outputs = rollout(self.model, batch if self.encode is None else self.encode(batch))
        return jnp.moveaxis(outputs, 0, 1) if self.reduce is None else self.reduce(outputs)

    def __net__(self) -> brainstate.nn.Module:
        """The trained parameters in a module of torch, for what counts them."""
        torch = _torch()
        net = torch.nn.Module()
        trained = self.model.states(brainstate.ParamState).values()
        for i, value in enumerate(jax.tree.leaves([state.value for state in trained])):
            tensor = torch.from_numpy(np.array(value))
            net.register_parameter(f"p{i}", torch.nn.Parameter(tensor, requires_grad=False))
        return net

    def register_hooks(self) -> None:
        """Refuse metrics that hook into layers of torch."""
        raise NotImplementedError(
            "NeuroBenchAdapter: expected metrics of predictions, ParameterCount or Footprint; "
            "the others read layers of torch, which this model does not have"
        )

    def reset_hooks(self) -> None:
        """Nothing to do: there are none."""

    def cleanup_hooks(self) -> None:
        """Nothing to do: there are none."""


def _torch() -> ModuleType:
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "NeuroBench needs torch. Install both with: pip install neurobench"
        ) from error
    return torch
