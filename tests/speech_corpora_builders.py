"""Tiny corpora of the published layouts, as their makers lay them out, and files of formats of their time."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def sphere_bytes(wave: NDArray[np.int16], **fields: str | int | None) -> bytes:
    """A NIST SPHERE file of a wave [T] or [T, C] at 16 kHz; `fields` replace the header's, None leaves one out."""
    channels = 1 if wave.ndim == 1 else wave.shape[1]
    header: dict[str, Any] = {
        "database_id": "TIMIT",
        "sample_count": len(wave),
        "sample_n_bytes": 2,
        "channel_count": channels,
        "sample_byte_format": "01",
        "sample_rate": 16000,
        "sample_coding": "pcm",
        "sample_sig_bits": 16,
    }
    lines = [f"{name} {sphere_type(value)} {value}" for name, value in (header | fields).items() if value is not None]
    head = "\n".join(["NIST_1A", "   1024", *lines, "end_head", ""]).encode()
    return head.ljust(1024) + wave.astype("<i2").tobytes()


def sphere_type(value: str | int) -> str:
    """How SPHERE writes the type of a value."""
    return "-i" if isinstance(value, int) else f"-s{len(value)}"


def write_sphere(path: Path, wave: NDArray[np.int16]) -> Path:
    """A whole SPHERE file of 16 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sphere_bytes(wave))
    return path
