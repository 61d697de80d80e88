"""The format of recordings that is built in, by its name."""

from pathlib import Path

from .result import Recording

__all__ = ["Zarr"]


class Zarr:
    """A folder, or a zip file, of arrays that are read in parts."""

    def write(self, recording: Recording, path: Path) -> None:
        """Write a recording, where there is nothing yet.

        Args:
            recording: The recording.
            path: The folder or file.
        """
        recording.save(path)

    def read(self, path: Path) -> Recording:
        """Open what was written.

        Args:
            path: The folder or file.
        """
        return Recording.load(path)
