"""A sink that knows the checksum of what has gone through it."""

import hashlib
import io
from typing import IO, Any

from pipeline.outputs.proof import Written


class HashedSink(io.RawIOBase):
    """Hands on to another sink, which it leaves open: its owner closes it."""

    def __init__(self, path: str, sink: IO[bytes]) -> None:
        super().__init__()
        self._path, self._sink = path, sink
        self._digest, self._num_bytes = hashlib.sha256(), 0

    def writable(self) -> bool:
        """It is for nothing else."""
        return True

    def write(self, data: Any) -> int:
        """All of it, whatever the sink takes at a time."""
        self._sink.write(data)
        self._digest.update(data)
        self._num_bytes += len(data)
        return len(data)

    def tell(self) -> int:
        """How much has been written."""
        return self._num_bytes

    def written(self) -> Written:
        """What has been written so far."""
        return Written(self._path, self._digest.hexdigest(), self._num_bytes)
