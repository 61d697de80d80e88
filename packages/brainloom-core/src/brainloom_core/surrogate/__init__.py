r"""Spike functions with a surrogate gradient.

Each is a callable `f(z)` of the dimensionless distance to threshold: its value is the step
$\Theta(z)$ (1 where $z \ge 0$), its derivative a smooth stand-in. Any callable with these
properties can be passed as `spk_fun`, those of `braintools.surrogate` among them.

The parameters of a spike function may be trained: `ReluGrad(alpha=brainstate.ParamState(0.3))`.
Every class is there as a function of $z$ and its parameters too, `relu_grad(z, alpha=0.3)`.
"""

import re
from collections.abc import Callable
from inspect import Parameter, Signature, getdoc, signature
from typing import Any

import jax

from ..types import Array
from .base import Surrogate
from .kinds import (
    ERF,
    S2NN,
    Arctan,
    Boxcar,
    FastSigmoid,
    GaussianGrad,
    InvSquareGrad,
    LeakyRelu,
    LogTailedRelu,
    MultiGaussianGrad,
    NonzeroSignLog,
    PiecewiseExp,
    PiecewiseLeakyRelu,
    PiecewiseQuadratic,
    QPseudoSpike,
    ReluGrad,
    Sigmoid,
    SlayerGrad,
    SoftSign,
    SquarewaveFourierSeries,
    Stochastic,
    StraightThrough,
    SuperSpike,
    Tanh,
)

__all__ = [
    "ERF",
    "S2NN",
    "Arctan",
    "Boxcar",
    "FastSigmoid",
    "GaussianGrad",
    "InvSquareGrad",
    "LeakyRelu",
    "LogTailedRelu",
    "MultiGaussianGrad",
    "NonzeroSignLog",
    "PiecewiseExp",
    "PiecewiseLeakyRelu",
    "PiecewiseQuadratic",
    "QPseudoSpike",
    "ReluGrad",
    "Sigmoid",
    "SlayerGrad",
    "SoftSign",
    "SquarewaveFourierSeries",
    "Stochastic",
    "StraightThrough",
    "SuperSpike",
    "Surrogate",
    "Tanh",
    "arctan",
    "boxcar",
    "erf",
    "gaussian_grad",
    "inv_square_grad",
    "leaky_relu",
    "log_tailed_relu",
    "multi_gaussian_grad",
    "nonzero_sign_log",
    "piecewise_exp",
    "piecewise_leaky_relu",
    "piecewise_quadratic",
    "q_pseudo_spike",
    "relu_grad",
    "s2nn",
    "sigmoid",
    "slayer_grad",
    "soft_sign",
    "squarewave_fourier_series",
    "stochastic",
    "straight_through",
    "tanh",
]

# The same as functions


def _functional(cls: type[Surrogate]) -> Callable[..., jax.Array]:
    """`cls(...)(z)` as a function of `z` and the parameters of the class."""

    def function(z: Array, *args: Any, **kwargs: Any) -> jax.Array:
        return cls(*args, **kwargs)(z)

    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__)
    first = Parameter("z", Parameter.POSITIONAL_OR_KEYWORD)
    function.__name__ = function.__qualname__ = words.lower()
    described = re.search(r"(?<=Args:\n)(?: {4}.*\n| *\n)*", f"{getdoc(cls)}\n")
    function.__doc__ = f"""The spike function `{cls.__name__}`, called at once.

Args:
    z: Dimensionless distance to threshold, of any shape.
{described.group().rstrip() if described else ""}
"""
    function.__signature__ = Signature([first, *signature(cls).parameters.values()])  # type: ignore[attr-defined]
    return function


arctan = _functional(Arctan)
boxcar = _functional(Boxcar)
erf = _functional(ERF)
gaussian_grad = _functional(GaussianGrad)
inv_square_grad = _functional(InvSquareGrad)
leaky_relu = _functional(LeakyRelu)
log_tailed_relu = _functional(LogTailedRelu)
multi_gaussian_grad = _functional(MultiGaussianGrad)
nonzero_sign_log = _functional(NonzeroSignLog)
piecewise_exp = _functional(PiecewiseExp)
piecewise_leaky_relu = _functional(PiecewiseLeakyRelu)
piecewise_quadratic = _functional(PiecewiseQuadratic)
q_pseudo_spike = _functional(QPseudoSpike)
relu_grad = _functional(ReluGrad)
s2nn = _functional(S2NN)
sigmoid = _functional(Sigmoid)
slayer_grad = _functional(SlayerGrad)
soft_sign = _functional(SoftSign)
squarewave_fourier_series = _functional(SquarewaveFourierSeries)
stochastic = _functional(Stochastic)
straight_through = _functional(StraightThrough)
tanh = _functional(Tanh)
