"""Items as files that anything can open: 16-bit WAV below OUT/wav/SHARD, 8-bit PNG below OUT/png/SHARD."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.file_names import file_stem
from pipeline.media import png_bytes, wav_bytes
from pipeline.shards.schema import AudioConventions, Conventions
from pipeline.storage import Location

FOLDERS = ("wav", "png")
"""`verify` knows them: they are no part of the dataset."""


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
