"""Pieces of large packed files: read block by block, the last blocks kept.

A shard asks for record after record, and the walk through a tar for header after header: most lie in the block that was
just fetched. So a store far away is asked once for every few megabytes, and memory is bounded whatever the file's size.
"""

from functools import lru_cache

from pipeline.storage import Location

BLOCK_BYTES = 4 * 2**20
"""A store far away takes some 30 ms to begin with an answer, in which it could have sent about as much."""


def read_range(uri: str, fingerprint: str, start: int, num_bytes: int) -> bytes:
    """Bytes [start, start + num_bytes) of the file, fewer where it ends before.

    `fingerprint` is the file's when it was listed: a changed file is read again. The caller bounds `num_bytes`.
    """
    if num_bytes >= BLOCK_BYTES:
        return Location(uri).read_range(start, num_bytes)
    number, start = divmod(start, BLOCK_BYTES)
    data = block(uri, fingerprint, number)
    if start + num_bytes > BLOCK_BYTES:
        data += block(uri, fingerprint, number + 1)
    return data[start : start + num_bytes]


@lru_cache(maxsize=2)
def block(uri: str, fingerprint: str, number: int) -> bytes:
    """One block of a file; two are kept, as a record may begin in one and end in the next."""
    return Location(uri).read_range(number * BLOCK_BYTES, BLOCK_BYTES)
