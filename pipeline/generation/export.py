"""Items as files that anything can open: 16-bit WAV below OUT/wav/SHARD, 8-bit PNG below OUT/png/SHARD."""

import hashlib
import io
import re
import wave
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from pipeline.audio.companding import decode_levels
from pipeline.image.quantise import intensities
from pipeline.shards.levels import unpack_levels
from pipeline.shards.schema import AudioConventions, Conventions, ImageConventions
from pipeline.storage import Location

FOLDERS = ("wav", "png")
"""`verify` knows them: they are no part of the dataset."""

PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
"""Ids that are safe as a file's name on any system, and differ also where upper and lower case are the same."""


def export_shard(folder: Location, index: int, rows: Sequence[Mapping[str, Any]], conventions: Conventions) -> None:
    """Write a file for each row, in place of what an earlier plan left for this shard."""
    kind = "wav" if isinstance(conventions, AudioConventions) else "png"
    place = folder / f"{kind}/{index:06d}"
    place.remove_folder()
    for row in rows:
        file = place / f"{file_stem(row['item_id'])}.{kind}"
        if isinstance(conventions, AudioConventions):
            file.write_bytes(wav_bytes(row["levels"], conventions))
        else:
            file.write_bytes(png_bytes(row["levels"], conventions))


def drop_exported(folder: Location, num_shards: int) -> None:
    """Remove the files of shards past the last plan; all of them where `num_shards` is 0."""
    for kind in FOLDERS:
        for name in (folder / kind).names():
            if name.isdigit() and int(name) >= num_shards:
                (folder / kind / name).remove_folder()


def file_stem(item_id: str) -> str:
    """A file's name for an id: the id itself where it is plain, else what is plain of it and a digest of all of it.

    Names that have a digest hold a dot and plain ones do not, so two ids never share a file.
    """
    if PLAIN_NAME.fullmatch(item_id):
        return item_id
    digest = hashlib.sha256(item_id.encode()).hexdigest()[:16]
    return re.sub(r"[^A-Za-z0-9_-]", "_", item_id)[:80] + "." + digest


def wav_bytes(levels: bytes, conventions: AudioConventions) -> bytes:
    """A mono 16-bit WAV file; encoded again it gives the levels back."""
    x = decode_levels(unpack_levels(levels, conventions.num_levels), conventions.num_levels, conventions.companding)
    values = np.clip(np.rint(x * 32768.0), -32768, 32767).astype("<i2")
    sink = io.BytesIO()
    with wave.open(sink, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(conventions.sample_rate_hz)
        file.writeframes(values.tobytes())
    return sink.getvalue()


def png_bytes(levels: bytes, conventions: ImageConventions) -> bytes:
    """An 8-bit PNG file, grey for one channel, RGB for three."""
    pixels = np.frombuffer(levels, np.uint8).reshape(conventions.height, conventions.width, conventions.channels)
    image = Image.fromarray(
        intensities(pixels, conventions.num_levels).squeeze(-1 if conventions.channels == 1 else ())
    )
    sink = io.BytesIO()
    image.save(sink, "PNG")
    return sink.getvalue()
