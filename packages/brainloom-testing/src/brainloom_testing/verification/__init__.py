"""Verification of neurons, synapses and outputs against what is known of them.

`verify("LIF", "HH")` returns one `Record` per comparison. A model is held to the references
that are registered for its name, or for that of the nearest class that it inherits from, and in
any case to its own declared equations and semantics: closed forms, accurate solutions, published
tables and, for neurons, stored traces of other simulators.

A plugin gives its model references of its own by an attribute of the class, without importing
this package:

```python
class MyNeuron(Neuron):
    references = "my_plugin.references:MY_NEURON"
```

where `MY_NEURON` is a list of `Ode`, `Intervals`, `Rates`, ... (for a synapse, of `Response`; for a
rule that changes weights, of `Strengths`). An
empty list leaves the generic checks, which suits a subclass whose equations are meant to differ
from those of its base.
"""

from .oracles import Equations, solve
from .records import KINDS, Record, failed, report
from .references import (
    Accuracy,
    Counts,
    Defaults,
    Formula,
    Intervals,
    NoisyRates,
    Ode,
    Rates,
    Reference,
    Rest,
    SpikeTimes,
)
from .registry import references_of, register_references
from .run import iter_records, models_to_verify, verify
from .synaptic import Amplitudes, Currents, Releases, Response
from .weights import Strengths

__all__ = [
    "KINDS",
    "Accuracy",
    "Amplitudes",
    "Counts",
    "Currents",
    "Defaults",
    "Equations",
    "Formula",
    "Intervals",
    "NoisyRates",
    "Ode",
    "Rates",
    "Record",
    "Reference",
    "Releases",
    "Response",
    "Rest",
    "SpikeTimes",
    "Strengths",
    "failed",
    "iter_records",
    "models_to_verify",
    "references_of",
    "register_references",
    "report",
    "solve",
    "verify",
]
