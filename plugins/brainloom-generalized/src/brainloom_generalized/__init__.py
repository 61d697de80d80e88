"""Generalized point neurons, two-compartment neurons and rate units."""

from .glif import GLIF1, GLIF2, GLIF3
from .glif_full import GLIF4, GLIF5
from .hill_tononi import HillTononi
from .mat import MAT
from .mihalas_niebur import PATTERNS, MihalasNiebur, Pattern
from .pinsky_rinzel import PinskyRinzel
from .rates import LinearRate, RateUnit, SigmoidRate, TanhRate, ThresholdLinearRate
from .wilson_cowan import WilsonCowan

__all__ = [
    "GLIF1",
    "GLIF2",
    "GLIF3",
    "GLIF4",
    "GLIF5",
    "MAT",
    "PATTERNS",
    "HillTononi",
    "LinearRate",
    "MihalasNiebur",
    "Pattern",
    "PinskyRinzel",
    "RateUnit",
    "SigmoidRate",
    "TanhRate",
    "ThresholdLinearRate",
    "WilsonCowan",
]
