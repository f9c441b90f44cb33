"""Memory that a step frees is kept for the next one.

Every step asks for the same large blocks. As it comes, glibc gives them back to the system when they are freed, and the
next step takes them again page by page, each of which the system fills with zeros first: a twentieth of a step of a
Gated PixelCNN, more on a busy machine (decisions/0011).
"""

import ctypes
import sys

# The names of malloc.h, which mallopt knows by these numbers.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
KEPT_BYTES = 2**30
"""Blocks up to this size are kept; glibc's own limit moves between 128 KiB and 32 MiB."""


def keep_freed_memory() -> bool:
    """Have this process keep what it frees, to its end; False where there is no glibc, and nothing is done."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, KEPT_BYTES) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
