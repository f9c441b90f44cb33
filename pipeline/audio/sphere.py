"""NIST SPHERE: what libsndfile does not say of it. It reads the samples, and passes over how many there ought to be.

Layout: "NIST_1A", the length of the header in bytes (1024, or more), lines `name -type value` up to `end_head`, padded;
then the samples (NIST, SPeech HEader REsources 2.6). `sample_count` is per channel. A value's type is -i, -r or -sN.
Traps: the file that corpora of the 1990s call .wav is one of these; libsndfile shortens a truncated one without a word;
"embedded-shorten" in `sample_coding` is compression that libsndfile does not read (Switchboard, WSJ as published).
"""

import io
import re
from pathlib import Path

MAGIC = b"NIST_1A\n"

HEADER_BYTES = 1024
"""The smallest header, and more than any known one fills."""

FIELD = re.compile(rb"^(\w+)\s+-(?:i|r|s\d+)\s+(.+?)\s*$", re.MULTILINE)

CODED_BYTES = {"pcm": 2, "ulaw": 1, "mu-law": 1, "alaw": 1}
"""Bytes a sample where `sample_n_bytes` is not given."""


def read_head(source: Path | bytes) -> tuple[bytes, int]:
    """The first bytes of a file, and how many it has in all."""
    if isinstance(source, bytes):
        return source[:HEADER_BYTES], len(source)
    with source.open("rb") as file:
        return file.read(HEADER_BYTES), file.seek(0, io.SEEK_END)


def fields_of(head: bytes) -> dict[str, str]:
    """The header's fields as text; none for a file that is no SPHERE file."""
    if not head.startswith(MAGIC):
        return {}
    lines = head[:HEADER_BYTES].partition(b"end_head")[0]
    return {name.decode(): value.decode("latin-1") for name, value in FIELD.findall(lines)}


def compression(source: Path | bytes) -> str:
    """The name of a SPHERE file's compression ("embedded-shorten-v2.00"), "" where it has none."""
    coding = fields_of(read_head(source)[0]).get("sample_coding", "")
    return coding.partition(",")[2].strip()


def missing_bytes(source: Path | bytes) -> int:
    """How many bytes of its samples an uncompressed SPHERE file lacks; 0 for whole files and for other formats."""
    head, num_bytes = read_head(source)
    fields = fields_of(head)
    coding = fields.get("sample_coding", "pcm")
    header = number(head[len(MAGIC) : len(MAGIC) + 8].decode("latin-1"))
    width = number(fields.get("sample_n_bytes", "")) or CODED_BYTES.get(coding, 0)
    samples = number(fields.get("sample_count", "")) * (number(fields.get("channel_count", "")) or 1)
    return max(0, header + samples * width - num_bytes) if fields and "," not in coding else 0


def number(text: str) -> int:
    """A field's value, 0 where it is none that a header could mean."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
