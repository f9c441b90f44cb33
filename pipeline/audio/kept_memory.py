"""Memory that is freed between one recording and the next stays with the process, up to a bound.

glibc gives what lies free at the end of its heap back to the system, and every page of the next recording's buffers is
then a fault: with rows kept in between, as a shard keeps them, 1,700 of them for 10 s of stereo, which cost more than
decoding, resampling and companding together. It learns from what it sees: once a block that it had mapped is freed, it
takes blocks up to that size from the heap, and keeps up to twice that free (mallopt(3), "dynamic mmap threshold"; at
most 32 MiB and 64 MiB). So it is shown one, never touched. Where the allocator is another, nothing happens.
"""

from functools import cache

import numpy as np

SHOWN_BYTES = 31 * 2**20


@cache
def keep_freed_memory() -> None:
    """Once a process: what is freed from here on is kept, up to 62 MiB."""
    np.empty(SHOWN_BYTES, np.uint8)
