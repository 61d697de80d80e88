# brainunit fills its namespace from saiunit while it is imported, so a type checker sees no
# members in it. This says that any name may be asked of it.
from typing import Any

def __getattr__(name: str) -> Any: ...
