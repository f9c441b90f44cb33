"""WebDataset: samples in the tars of a folder, pictures or recordings.

Source: github.com/webdataset/webdataset, README ("The WebDataset Format"). Licence: whoever made the tars says; the
`licence` of a sample's JSON is taken.
Layout: {any}.tar, here or in folders below. Files that follow each other under one name up to its first dot are a
sample: a/12.jpg and a/12.cls. A picture (.jpg .jpeg .png .webp) has its label in .cls, as "label", "cls" or "class" in
.json, or in .txt; a recording (.wav .flac .mp3) has its text in .txt or in .json, which may also give speaker, emotion,
language, label, text_normalised, licence and duration. An item is the piece of the tar at byte `record`, `num_bytes`
long. Its id is the tar's path and the sample's name, since many writers number samples anew in each tar.
Splits: words in the tar's path (train-000.tar, val/000.tar).
Traps: a sample of two pictures (or none) says not which is meant, and is a failure; what has more endings (12.seg.png)
is no picture of the sample. A .txt of several lines or 100 characters is a picture's caption and no label. Names are
never paths: ../../x is an id like others. A tar that is damaged is one failure, and what it holds before the damage is
read. A compressed tar (.tar.gz) has no bytes that can be read by themselves, and each worker would unpack all of it
for each shard: it is refused.
"""

import math
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from pipeline.corpora.language import language_tag
from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import as_text, listed
from pipeline.corpora.ranges import read_range
from pipeline.corpora.splits import SPLIT_NAMES, own_splits, split_word
from pipeline.corpora.tar_members import Member, TarDamage, members
from pipeline.corpora.tar_samples import PICTURES, RECORDINGS, Sample, as_field, key_and_ending, samples
from pipeline.errors import CorpusError, ItemError
from pipeline.items import AudioItem, BadItem, ImageItem, Item
from pipeline.seen_ids import SeenIds
from pipeline.storage import FileEntry, Location

PLAIN, COMPRESSED = (".tar",), (".tar.gz", ".tgz")

MOST_MEMBER_BYTES = 2**29
"""What is read whole into memory: as much as of a file of its own."""

TARS_TRIED, MEMBERS_TRIED = 8, 1000
"""How many tars, and files in each, are looked at for a picture or recording before the folder is taken for another."""

IS_COMPRESSED = "a compressed tar has no bytes that can be read by themselves: unpack it to a plain .tar (gunzip)"

MakeItem = Callable[[Sample, dict[str, Any]], Item]


def tars(folder: Location) -> list[str]:
    """Names of tars here and in folders named as splits are; compressed ones where nothing else is here."""
    names = [name for name in folder.names() if not name.startswith(".")]
    below = [f"{name}/{tar}" for name in names if name.lower() in SPLIT_NAMES for tar in (folder / name).names()]
    plain = [name for name in names + below if name.lower().endswith(PLAIN)]
    return plain or (names if all(name.lower().endswith(COMPRESSED) for name in names) else [])


def first_ending(folder: Location) -> str:
    """The ending of the first picture or recording in the tars, "" where none is found soon."""
    endings = (ending for name in tars(folder)[:TARS_TRIED] for ending in endings_in(folder / name))
    return next((ending for ending in endings if ending in PICTURES + RECORDINGS), "")


def endings_in(tar: Location) -> Iterator[str]:
    """The endings of the first files in a tar; none where it is no tar."""
    try:
        for member in islice(first_members(tar), MEMBERS_TRIED):
            yield key_and_ending(member.name)[1]
    except (TarDamage, zlib.error):
        return


def first_members(tar: Location) -> Iterator[Member]:
    """The members of a tar; of a compressed one those that its first bytes tell of."""
    if tar.name.lower().endswith(PLAIN):
        return members(tar.read_range, tar.size_bytes())
    start = zlib.decompressobj(wbits=31).decompress(tar.read_range(0, 2**16), 2**20)
    return members(lambda position, num_bytes: start[position : position + num_bytes], 2**63)


def detect_pictures(folder: Location) -> bool:
    """Whether the first picture or recording in the tars is a picture."""
    return first_ending(folder) in PICTURES


def detect_recordings(folder: Location) -> bool:
    """Whether the first picture or recording in the tars is a recording."""
    return first_ending(folder) in RECORDINGS


def picture(sample: Sample, common: dict[str, Any]) -> ImageItem:
    """A sample's picture; ValueError says what is wrong with it."""
    member, facts = sample.only(PICTURES), sample.facts()
    return ImageItem(
        **common,
        record=member.offset,
        num_bytes=member.num_bytes,
        label=sample.label(facts),
        licence=as_field(facts, "licence"),
    )


def recording(sample: Sample, common: dict[str, Any]) -> AudioItem:
    """A sample's recording; ValueError says what is wrong with it."""
    member, facts = sample.only(RECORDINGS), sample.facts()
    return AudioItem(
        **common,
        record=member.offset,
        num_bytes=member.num_bytes,
        speaker=as_field(facts, "speaker"),
        emotion=as_field(facts, "emotion"),
        language=language_tag(as_field(facts, "language")),
        licence=as_field(facts, "licence"),
        text_normalised=as_field(facts, "text_normalised"),
        text=sample.text("txt") or as_field(facts, "text"),
        label=sample.text("cls") or as_field(facts, "label"),
        duration_s=duration_of(facts),
    )


def duration_of(facts: dict[str, Any]) -> float:
    """The duration that the JSON gives, 0 where it gives none that can be one."""
    value = facts.get("duration")
    return float(value) if isinstance(value, int | float) and 0 < value < math.inf else 0.0


def items_by(make: MakeItem, folder: Location) -> Iterator[Item]:
    """One item a sample, tar by tar, in the order in which they lie there."""
    entries = list(listed(folder, PLAIN + COMPRESSED))
    found = [e.path for e in entries if isinstance(e, FileEntry) and e.path.lower().endswith(PLAIN)]
    if not found:
        raise CorpusError(f"{folder}: {IS_COMPRESSED}; or, where a corpus of another layout is in it, unpack that.")
    splits = own_splits(word for path in found if (word := split_word(path)))
    seen = SeenIds()
    for entry in entries:
        if isinstance(entry, BadItem):
            yield entry
        elif entry.path.lower().endswith(PLAIN):
            split = splits.get(split_word(entry.path), "")
            yield from (once(item, seen) for item in items_of(folder / entry.path, entry, split, make))
        else:
            yield BadItem(entry.path, str(folder / entry.path), IS_COMPRESSED)


def items_of(tar: Location, entry: FileEntry, split: str, make: MakeItem) -> Iterator[Item]:
    """The items of one tar."""
    common = {"source": str(tar), "fingerprint": entry.fingerprint, "container": "tar", "split": split}
    for sample in samples(tar, entry):
        if isinstance(sample, BadItem):
            yield sample
            continue
        item_id = f"{entry.path}/{sample.key}"
        if not item_id.isprintable():
            yield BadItem(as_text(item_id), str(tar), f"a name of {sample.key!r}: expected printable characters")
            continue
        try:
            yield make(sample, {**common, "item_id": item_id})
        except ValueError as error:
            yield BadItem(item_id, str(tar), str(error))


def once(item: Item, seen: SeenIds) -> Item:
    """The item, or a failure where its name has come before."""
    if seen.add(item.item_id):
        return item
    return BadItem(f"{item.item_id} (again)", item.source, f"the name {item.item_id!r} comes twice in the tar")


def read_member(item: AudioItem | ImageItem) -> bytes:
    """The content of an item's file, only its own bytes being read. ItemError at stage "read"."""
    if item.num_bytes > MOST_MEMBER_BYTES:
        raise ItemError("read", f"the file has {item.num_bytes} bytes; expected at most {MOST_MEMBER_BYTES}")
    data = read_range(item.source, item.fingerprint, item.record, item.num_bytes)
    if len(data) < item.num_bytes:
        raise ItemError("read", f"{len(data)} of {item.num_bytes} bytes are there: the tar was cut after it was listed")
    return data


WHERE = "*.tar, here or in train/ and test/"

PICTURES_LAYOUT = Layout(
    "webdataset_image",
    "image",
    f"{WHERE}, of pictures with .cls, .json or .txt beside them",
    detect_pictures,
    partial(items_by, picture),
)

RECORDINGS_LAYOUT = Layout(
    "webdataset_audio",
    "audio",
    f"{WHERE}, of recordings with .txt or .json beside them",
    detect_recordings,
    partial(items_by, recording),
)
