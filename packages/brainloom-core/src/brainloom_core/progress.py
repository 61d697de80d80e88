"""One progress bar for everything that takes long."""

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(total: float | None, wanted: bool | None, **options: Any) -> Iterator[Any]:
    """A bar of tqdm, or None where none is shown.

    Args:
        total: What the bar counts to, None where that is not known.
        wanted: Whether to show it; None shows it on a terminal only.
        options: What else tqdm takes, such as `desc`, `initial` and `bar_format`.

    Examples:
        >>> from brainloom_core.progress import progress_bar
        >>> with progress_bar(3, False, desc="counting") as bar:
        ...     print(bar)
        None
    """
    if wanted is False:
        yield None
        return
    if wanted:
        from tqdm.auto import tqdm
    else:  # the one for a notebook may warn, though it is not shown there
        from tqdm import tqdm

    hidden = None if wanted is None else False  # None: tqdm hides it where there is no terminal
    with tqdm(total=total, disable=hidden, **options) as bar:
        yield None if bar.disable else bar
