"""A remote file that is open for hours: one request in ten million that times out must not end the reading."""

import io
from collections.abc import Callable

from fsspec.spec import AbstractBufferedFile


class PatientReader(io.RawIOBase):
    """The raw side of a buffered reader. `patiently` does one read and, where that may pass, does it again.

    A read of fsspec's that fails leaves the file where it was, so that the next one begins at the same place.
    """

    def __init__(self, file: AbstractBufferedFile, patiently: Callable[[Callable[[], int]], int]) -> None:
        self._file = file
        self._patiently = patiently

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # the stubs' Buffer is 3.12's
        """Fill as much of the buffer as there is."""
        return self._patiently(lambda: int(self._file.readinto(buffer)))

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """As the file is."""
        return bool(self._file.seekable())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Where the next read begins."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Where the next read begins."""
        return int(self._file.tell())

    def close(self) -> None:
        """Close the file with its reader."""
        self._file.close()
        super().close()
