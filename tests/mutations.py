"""Files as faulty disks, broken transfers and the ill-willed leave them: seeded, so that each can be had again."""

from collections.abc import Iterator

import numpy as np


def mutations(data: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """So many damaged copies of a file: one to four of the damages below, each at a random place."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        damaged = data
        for _ in range(rng.integers(1, 5)):
            damaged = damage(damaged, rng)
        yield damaged


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """Bytes flipped, run over, cut out, put in, moved, or the end cut off; half of it in the first kilobyte."""
    reach = len(data) if rng.random() < 0.5 else min(len(data), 1024)
    start = int(rng.integers(0, reach + 1))
    end = min(len(data), start + int(rng.integers(1, 9)))
    match int(rng.integers(0, 6)):
        case 0:
            return data[:start] + rng.bytes(end - start) + data[end:]
        case 1:
            return data[:start] + bytes([int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))]) * (end - start) + data[end:]
        case 2:
            return data[:start] + data[end:]
        case 3:
            return data[:start] + rng.bytes(end - start) + data[start:]
        case 4:
            return data[:start] + data[end:] + data[start:end]
        case _:
            return data[:start]
