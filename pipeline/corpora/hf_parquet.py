"""Parquet as the Hugging Face Hub has it: a row a recording or picture, whose bytes stand in it.

Source: huggingface.co/docs/datasets, "Create an audio dataset", "Create an image dataset" (Parquet). Licence: whoever
made it says; a column `license` is taken.
Layout: *.parquet here, in data/, default/, or in folders named as splits are. A column is a struct of `bytes` and
`path`: an Audio or Image feature by the schema's `huggingface` metadata, or named as one (audio, image, img). Other
columns are taken by their names (`hf_columns.py`); ClassLabels become their names. Words in file names say the split
(train-00000-of-00002.parquet, `splits.py`). An item is row `record` of its file; its id is the column `item_id`, else
the file's path and the row's number, since other ids (that of a sentence, say) often come twice.
Traps: `bytes` may be null: then the file at `path` is meant, below the Parquet file's own folder and nowhere else; a
label of -1 is none; a Parquet file that is damaged is one failure, and what was read of it before stands. pyarrow 26
ends the whole process where a damaged file's footer is asked about its columns: it is not asked.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from pipeline.corpora.hf_columns import Column, Media, columns_of, fields_of, media_column, rows
from pipeline.corpora.hf_rows import damage_of, open_parquet
from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import unique, without_ending
from pipeline.corpora.naming import readable
from pipeline.corpora.splits import SPLIT_NAMES, own_splits, split_word
from pipeline.errors import ItemError
from pipeline.items import AudioItem, BadItem, ImageItem, Item
from pipeline.seen_ids import SeenIds
from pipeline.storage import Location

ENDING = ".parquet"

FOLDERS = ("data", "default")

BATCH_ROWS = 256
"""Rows whose texts are held at once while a file is listed: a dictionary makes many long ones of a few bytes."""


def parquet_files(folder: Location) -> list[str]:
    """Paths of Parquet files here, or in folders where the Hub keeps them."""
    names = [name for name in folder.names() if not name.startswith(".")]
    below = [
        f"{name}/{file}"
        for name in names
        if name in FOLDERS or name.lower() in SPLIT_NAMES
        for file in (folder / name).names()
    ]
    return [path for path in (*names, *below) if path.endswith(ENDING)]


def detect(folder: Location, media: Media) -> bool:
    """Whether the first Parquet file here has a column of this medium."""
    try:
        return any(has_media(folder / path, media) for path in parquet_files(folder)[:1])
    except ItemError:
        return False


def has_media(place: Location, media: Media) -> bool:
    """Whether a Parquet file has a column of this medium."""
    with place.open() as stream, damage_of(place.uri):
        return media_column(open_parquet(stream).schema_arrow, media) != ""


def items(folder: Location, media: Media) -> Iterator[Item]:
    """One item a row, file after file."""
    seen, paths = SeenIds(), parquet_files(folder)
    words = {path: split_word(without_ending(path)) for path in paths}
    splits = own_splits(word for word in words.values() if word)
    for path in paths:
        try:
            for item in items_of(folder, path, media, splits.get(words[path], "")):
                yield item if isinstance(item, BadItem) else once(seen, item)
        except ItemError as error:
            yield BadItem(path, str(folder / path), error.reason)


def once(seen: SeenIds, item: AudioItem | ImageItem) -> Item:
    """The item, or that its id has come before."""
    if unique(seen, item.item_id):
        return item
    where = f"{item.item_id} ({item.source.rpartition('/')[2]} row {item.record})"
    return BadItem(where, item.source, f"the id {item.item_id!r} is listed twice")


def items_of(folder: Location, path: str, media: Media, split: str) -> Iterator[Item]:
    """The items of one file. Of its columns of bytes nothing is read, nor is what the file says of them."""
    place = folder / path
    with place.open() as stream, damage_of(place.uri):
        file = open_parquet(stream)
        if not media_column(file.schema_arrow, media):
            yield BadItem(path, str(place), f"expected a column of {media} as the first file has, got none")
            return
        columns, row = columns_of(file.schema_arrow), 0
        mean_bytes = place.size_bytes() // max(1, file.metadata.num_rows)
        known = {"fingerprint": place.fingerprint(), "split": split, "num_bytes": mean_bytes}
        for batch in file.iter_batches(BATCH_ROWS, columns=[one.name for one in columns]):
            for values in rows(batch, columns):
                yield item_of(values, columns, known, (place, path, row), media)
                row += 1


def item_of(
    values: dict[str, Any],
    columns: list[Column],
    known: dict[str, Any],
    where: tuple[Location, str, int],
    media: Media,
) -> Item:
    """The item of one row, which is said by its file, that file's path and its number."""
    place, path, row = where
    packed = {**known, "source": str(place), "container": "parquet", "record": row}
    try:
        fields = fields_of(values, columns)
        item_id = readable(fields.pop("item_id", "") or f"{without_ending(path)}-{row:06d}")
    except ValueError as error:
        return BadItem(f"{path} row {row}", str(place), str(error))
    if media == "audio":
        return AudioItem(item_id=item_id, **packed, **fields)
    return ImageItem(item_id=item_id, **packed, **{name: fields.get(name, "") for name in ("label", "licence")})


AUDIO_LAYOUT = Layout(
    "hf_audio",
    "audio",
    "*.parquet, here or in data/, with a column of audio (a struct of bytes and path)",
    partial(detect, media="audio"),
    partial(items, media="audio"),
)

IMAGE_LAYOUT = Layout(
    "hf_image",
    "image",
    "*.parquet, here or in data/, with a column of pictures (a struct of bytes and path)",
    partial(detect, media="image"),
    partial(items, media="image"),
)
