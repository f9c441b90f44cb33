"""A manifest of JSON lines, as NeMo has it: what to use for a corpus that no other layout describes.

Source: NeMo, "Preparing Custom ASR Data" (docs.nvidia.com/nemo). Licence: whoever made it; a line may say `licence`.
Layout: manifest.jsonl, one object a line:

    {"audio_filepath": "wavs/a.wav", "text": "...", "speaker": "ann", "emotion": "calm", "language": "en-us",
     "label": "...", "split": "train", "offset": 1.5, "duration": 2.25,
     "phones": [["h", 0.05, 0.11], ["aɪ", 0.11, 0.30]], "words": [["hi", 0.05, 0.30]]}

Only `audio_filepath` is needed: relative to the manifest and below it, or absolute. `item_id` names the item, else the
path without its ending does, with the times of the piece where one is cut out. `text_normalised` and `licence` are read
too, `lang` stands for `language`. Phones and words are [name, start_s, end_s] from the start of the item. Where there
is no manifest.jsonl, all of *.jsonl and *manifest*.json are read whose first line has an audio_filepath, each plain or
gzipped. `split` is train, validation (val, valid, dev) or test; else the manifest's name may say it
(train_manifest.json, `splits.py`); what is left is divided by hash.
Traps: `offset` and `duration` cut one file into many; a `duration` without `offset` is that of the file, often rounded,
and cuts nothing. Other keys are passed over. A line that cannot be read is a failure, as is an id given twice.
No file is asked for: a line of a file that is missing is an item, whose preparation fails.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

from pipeline.corpora.json_lines import as_text, finite, first_object, json_lines, json_object
from pipeline.corpora.language import language_tag
from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import unique, without_ending
from pipeline.corpora.naming import locate_audio, readable
from pipeline.corpora.splits import SPLIT_NAMES, own_splits, split_word
from pipeline.errors import StorageError
from pipeline.items import AudioItem, BadItem, Item, TimedPhone, TimedWord
from pipeline.seen_ids import SeenIds
from pipeline.storage import Location

MANIFEST = "manifest.jsonl"

OTHER_MANIFEST = re.compile(r"[^.].*\.jsonl|.*manifest.*\.json", re.IGNORECASE)

FIELDS = {
    name: name for name in ("speaker", "emotion", "language", "label", "text", "text_normalised", "licence", "item_id")
} | {"lang": "language"}
"""A line's key → the item's field, for texts."""

UNUSUAL = re.compile(r"^[./]|/[./]|/$|[:\0]")
"""Paths that take a closer look: absolute, with "." or "..", or URIs."""


def manifests(folder: Location) -> list[str]:
    """Names of the manifests to read."""
    names = folder.names()
    if MANIFEST in names:
        return [MANIFEST]
    candidates = [name for name in names if OTHER_MANIFEST.fullmatch(name.removesuffix(".gz"))]
    return [name for name in candidates if isinstance(first_object(folder / name).get("audio_filepath"), str)]


def detect(folder: Location) -> bool:
    """Whether manifest.jsonl stands here, or another file whose first line has an audio_filepath."""
    return bool(manifests(folder))


def items(folder: Location) -> Iterator[Item]:
    """One item a line, in the files' order."""
    seen, names = SeenIds(), manifests(folder)
    words = {name: split_word(name.partition(".")[0]) for name in names}
    splits = own_splits(word for word in words.values() if word)
    for name in names:
        yield from items_of(folder, name, splits.get(words[name], ""), seen)


def items_of(folder: Location, name: str, split: str, seen: SeenIds) -> Iterator[Item]:
    """One item a line of one manifest; `split` is that of lines which say none."""
    place = folder / name
    prefix, suffix = (folder / "\0").uri.split("\0")
    for number, line in json_lines(place):
        try:
            data = json_object(line)
            item = item_of(data, audio_uri(data, folder, prefix, suffix), split)
        except (ValueError, OverflowError, StorageError) as error:
            yield BadItem(f"{name} line {number}", str(place), str(error))
            continue
        if unique(seen, item.item_id):
            yield item
        else:
            reason = f"the id {item.item_id!r} is listed twice"
            yield BadItem(f"{item.item_id} ({name} line {number})", str(place), reason)


def item_of(data: dict[str, Any], source: str, split: str) -> AudioItem:
    """One line's item; ValueError says what is wrong with it, OverflowError likewise."""
    fields: dict[str, Any] = {
        FIELDS[name]: as_text(name, value) for name, value in data.items() if value is not None and name in FIELDS
    }
    if "duration" in data or "offset" in data:
        fields |= extent(data)
    fields["language"] = language_tag(fields.get("language", ""))
    item_id = fields.pop("item_id", "") or default_id(data["audio_filepath"], fields)
    if "split" in data:
        split = split_of(data["split"]) or split
    if "phones" in data:
        fields["phones"] = tuple(TimedPhone(*entry) for entry in timed(data["phones"], "phone"))
    if "words" in data:
        fields["words"] = tuple(TimedWord(*entry) for entry in timed(data["words"], "word"))
    return AudioItem(item_id=readable(item_id), source=source, split=split, **fields)


def audio_uri(data: dict[str, Any], folder: Location, prefix: str, suffix: str) -> str:
    """Where the audio lies; a path that leads out of the folder by way of ".." is refused.

    What stands before and after a path below the folder is given, since there may be millions of them.
    """
    path = data.get("audio_filepath")
    if not isinstance(path, str) or not path:
        raise ValueError(f"expected audio_filepath to be a path, got {path!r:.60}")
    return str(locate_audio(path, folder)) if UNUSUAL.search(path) else prefix + path + suffix


def extent(data: dict[str, Any]) -> dict[str, Any]:
    """Which piece of the file a line means, and how long that is; a duration of 0 or less is not known."""
    offset_s = data.get("offset")
    duration_s = 0.0 if data.get("duration") is None else max(0.0, finite(data["duration"], "duration"))
    if offset_s is None:
        return {"duration_s": duration_s}
    start_s = finite(offset_s, "offset")
    if start_s < 0:
        raise ValueError(f"expected offset to be 0 or more, got {start_s:g}")
    return {"start_s": start_s, "end_s": start_s + duration_s if duration_s else None, "duration_s": duration_s}


def default_id(path: str, fields: dict[str, Any]) -> str:
    """The path without its ending, and the times of a piece."""
    stem = without_ending(path)
    start_s, end_s = fields.get("start_s", 0.0), fields.get("end_s")
    if end_s is None:
        return f"{stem}@{start_s:.3f}" if start_s else stem
    return f"{stem}@{start_s:.3f}-{end_s:.3f}"


def split_of(value: Any) -> str:
    """The line's split under our name."""
    name = "" if value is None else as_text("split", value)
    if name and name.lower() not in SPLIT_NAMES:
        raise ValueError(f"split {name!r}: expected train, validation or test")
    return SPLIT_NAMES[name.lower()] if name else ""


def timed(value: Any, kind: str) -> Iterator[tuple[str, float, float]]:
    """[[name, start_s, end_s], ...] with types checked; their order is the preparation's to check."""
    if not isinstance(value, list):
        raise ValueError(f"expected {kind}s to be a list of [{kind}, start_s, end_s], got {type(value).__name__}")
    for entry in value:
        match entry:
            case [str(name), int() | float() as start, int() | float() as end] if math.isfinite(start + end):
                yield name, float(start), float(end)
            case _:
                raise ValueError(f"expected a {kind} as [{kind}, start_s, end_s], got {entry!r:.60}")


LAYOUT = Layout(
    "jsonl_manifest",
    "audio",
    f"{MANIFEST} (a JSON object with audio_filepath a line), or *.jsonl and *manifest*.json of the kind",
    detect,
    items,
)
