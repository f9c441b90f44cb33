"""A manifest of JSON lines, as NeMo has it: what to use for a corpus that no other layout describes.

Source and licence: whoever made it; a line may say `licence`.
Layout: manifest.jsonl, one object a line:

    {"audio_filepath": "wavs/a.wav", "text": "...", "speaker": "ann", "emotion": "calm", "language": "en-us",
     "label": "...", "split": "train", "phones": [["h", 0.05, 0.11], ["aɪ", 0.11, 0.30]]}

Only `audio_filepath` is needed: relative to the manifest and below it, or absolute. `item_id` names the item, else the
path without its ending does. `text_normalised` and `licence` are read too. Phones are [phone, start_s, end_s] from the
start of the file. `split` is train, validation (val, valid, dev) or test; lines without one are divided by hash.
Traps: NeMo's `offset` cuts one file into many; whole files alone are read here, so such a line is a failure and not the
wrong audio. Other keys are passed over. A line that cannot be read is a failure, as is an id given twice.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

from pipeline.corpora.layout import Layout
from pipeline.corpora.lines import TOO_LONG, numbered_lines
from pipeline.corpora.listing import unique, without_ending
from pipeline.corpora.splits import SPLIT_NAMES
from pipeline.errors import PassingStorageError, StorageError
from pipeline.items import AudioItem, BadItem, Item, TimedPhone
from pipeline.storage import Location

MANIFEST = "manifest.jsonl"

TEXT_FIELDS = ("speaker", "emotion", "language", "label", "text", "text_normalised", "licence")


def detect(folder: Location) -> bool:
    """Whether manifest.jsonl stands here."""
    return (folder / MANIFEST).is_file()


def items(folder: Location) -> Iterator[Item]:
    """One item a line, in the file's order."""
    place = folder / MANIFEST
    seen: set[str] = set()
    for number, line in numbered_lines(place):
        where = f"{MANIFEST} line {number}"
        try:
            item = read_line(line, folder)
        except PassingStorageError:
            raise  # no fault of the line: another try may find the file
        except (ValueError, OverflowError, StorageError) as error:
            yield BadItem(where, str(place), str(error))
            continue
        if unique(seen, item.item_id):
            yield item
        else:
            reason = f"the id {item.item_id!r} is listed twice"
            yield BadItem(f"{item.item_id} ({where})", str(place), reason)


def read_line(line: bytes | None, folder: Location) -> AudioItem:
    """One line; ValueError says what is wrong with it, OverflowError and StorageError likewise."""
    if line is None:
        raise ValueError(TOO_LONG)
    data = parse(line)
    path = data.get("audio_filepath")
    if not isinstance(path, str) or not path:
        raise ValueError(f"expected audio_filepath to be a path, got {path!r}")
    if data.get("offset", 0):
        raise ValueError(f"offset is {data['offset']!r}: only whole files are read; cut the file first")
    source = locate_audio(path, folder)
    return AudioItem(
        item_id=readable(text_of(data, "item_id") or without_ending(path)),
        source=str(source),
        fingerprint=source.fingerprint(),
        split=split_of(data),
        phones=phones_of(data.get("phones", [])),
        **{name: text_of(data, name) for name in TEXT_FIELDS},
    )


def parse(line: bytes) -> dict[str, Any]:
    """A line as a JSON object of readable text."""
    try:
        data = json.loads(line.decode("utf-8-sig"))
        json.dumps(data, ensure_ascii=False).encode("utf-8")  # half a surrogate pair is valid JSON and no text
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON in UTF-8: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object, got {type(data).__name__}")
    return data


def locate_audio(path: str, folder: Location) -> Location:
    """Where the audio lies; a path that leads out of the folder by way of ".." is refused."""
    if "://" in path or "::" in path or ".." in path.split("/") or "\0" in path:
        raise ValueError(f"audio_filepath {path!r}: expected a path below the manifest, or an absolute one")
    return Location(path) if path.startswith("/") else folder / path


def readable(item_id: str) -> str:
    """An id without newlines, escapes and their like: it is printed, and stands in tables and names of files."""
    if not item_id.isprintable():
        raise ValueError(f"item_id {item_id!r}: expected printable characters")
    return item_id


def text_of(data: dict[str, Any], name: str) -> str:
    """A field as text; numbers are taken as they are written."""
    value = data.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"expected {name} to be text, got {value!r}")
    return str(value)


def split_of(data: dict[str, Any]) -> str:
    """The line's split under our name."""
    name = text_of(data, "split")
    if name and name.lower() not in SPLIT_NAMES:
        raise ValueError(f"split {name!r}: expected train, validation or test")
    return SPLIT_NAMES[name.lower()] if name else ""


def phones_of(value: Any) -> tuple[TimedPhone, ...]:
    """[[phone, start_s, end_s], ...] as timed phones, types checked; their order is the preparation's to check."""
    if not isinstance(value, list):
        raise ValueError(f"expected phones to be a list of [phone, start_s, end_s], got {type(value).__name__}")
    return tuple(timed_phone(entry) for entry in value)


def timed_phone(entry: Any) -> TimedPhone:
    """One [phone, start_s, end_s]."""
    match entry:
        case [str(phone), int() | float() as start, int() | float() as end] if math.isfinite(start + end):
            return TimedPhone(phone, float(start), float(end))
    raise ValueError(f"expected a phone as [phone, start_s, end_s], got {entry!r}")


LAYOUT = Layout("jsonl_manifest", "audio", f"{MANIFEST} (a JSON object with audio_filepath a line)", detect, items)
