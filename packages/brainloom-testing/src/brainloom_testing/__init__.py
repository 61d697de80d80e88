"""The conformance kit: what every model is held to, as functions of a `Case`.

A check is a plain function that raises AssertionError and needs no test runner. With pytest,
three lines test a model:

```python
@parametrize_with_checks([default_case(MyNeuron)])
def test_conformance(case, check):
    check(case)
```
"""

from importlib.metadata import version as _version

from .case import Case, default_case
from .checks.constructors import complaints
from .kit import Result, checks_for, parametrize_with_checks, run
from .things import (
    check_callback,
    check_encoder,
    check_format,
    check_kernel,
    check_learning_rule,
    check_loss,
    check_model,
    check_plasticity_rule,
    check_rule,
    check_surrogate,
)

__version__ = _version("brainloom-testing")

__all__ = [
    "Case",
    "Result",
    "check_callback",
    "check_encoder",
    "check_format",
    "check_kernel",
    "check_learning_rule",
    "check_loss",
    "check_model",
    "check_plasticity_rule",
    "check_rule",
    "check_surrogate",
    "checks_for",
    "complaints",
    "default_case",
    "parametrize_with_checks",
    "run",
]
