"""Samples in a tar, as WebDataset has them: files that follow each other under one name up to its first dot."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pipeline.corpora.listing import as_text
from pipeline.corpora.ranges import read_range
from pipeline.corpora.tar_members import Member, TarDamage, members
from pipeline.items import BadItem
from pipeline.storage import FileEntry, Location

PICTURES = ("jpg", "jpeg", "png", "webp")
RECORDINGS = ("wav", "flac", "mp3")
DESCRIPTIONS = ("cls", "json", "txt")

KEY_AND_ENDING = re.compile(r"(?:\./)*((?:.*/)?[^./][^./]*)\.([^/]+)", re.DOTALL)

OF_THE_WRITER = re.compile(r"__[^/]*__(/|$)")
"""Names that the writers of shards keep for themselves."""

MOST_DESCRIPTION_BYTES = 2**20
"""A label, a text or an object of JSON; more is none."""

MOST_LABEL_CHARACTERS = 100


@dataclass
class Sample:
    """What a tar holds under one name: the media by ending, the content of what describes them, what is wrong."""

    key: str
    media: dict[str, Member] = field(default_factory=dict)
    descriptions: dict[str, bytes] = field(default_factory=dict)
    fault: str = ""

    def only(self, endings: tuple[str, ...]) -> Member:
        """The one member with one of these endings; ValueError where there are more or none."""
        found = [ending for ending in self.media if ending in endings]
        if self.fault or len(found) != 1:
            counted = f"{len(found)} ({', '.join(found)})" if found else "none"
            raise ValueError(self.fault or f"expected one of .{' .'.join(endings)} in the sample, got {counted}")
        return self.media[found[0]]

    def text(self, ending: str) -> str:
        """A description as text without space around it, "" where there is none."""
        try:
            return self.descriptions.get(ending, b"").decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise ValueError(f"the .{ending} of the sample is not UTF-8: {error}") from error

    def facts(self) -> dict[str, Any]:
        """The object in .json, {} where there is none."""
        if "json" not in self.descriptions:
            return {}
        try:
            data = json.loads(self.text("json"))
            json.dumps(data, ensure_ascii=False).encode("utf-8")  # half a surrogate pair is valid JSON and no text
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the .json of the sample is not JSON in UTF-8: {error}") from error
        if not isinstance(data, dict):
            raise ValueError(f"expected the .json of the sample to be an object, got {type(data).__name__}")
        return data

    def label(self, facts: dict[str, Any]) -> str:
        """What names its class; a text that is longer than names of classes are does not."""
        told = (as_field(facts, name) for name in ("label", "cls", "class"))
        caption = self.text("txt")
        is_label = "\n" not in caption and len(caption) <= MOST_LABEL_CHARACTERS
        return self.text("cls") or next(filter(None, told), caption if is_label else "")


def as_field(facts: dict[str, Any], name: str) -> str:
    """A field as text; numbers are taken as they are written."""
    value = facts.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"expected {name} in the .json of the sample to be text, got {value!r:.100}")
    return str(value)


def samples(place: Location, entry: FileEntry) -> Iterator[Sample | BadItem]:
    """The samples of a tar in order, one in memory at a time; at last a BadItem where the tar is damaged."""
    read = partial(read_range, place.uri, entry.fingerprint)
    sample = Sample("")
    try:
        for member in members(read, entry.size_bytes):
            key, ending = key_and_ending(member.name)
            if key and key != sample.key:
                if sample.key:
                    yield sample
                sample = Sample(key)
            if key:
                add(sample, ending, member, read)
    except TarDamage as error:
        after = f" after {as_text(sample.key)}" if sample.key else ""
        yield BadItem(entry.path + after, place.uri, f"{error}; what follows in this tar is not read: fetch it again")
        return
    if sample.key:
        yield sample


def key_and_ending(name: str) -> tuple[str, str]:
    """A member's sample, and what follows the first dot in lower case; empty for hidden ones and those without."""
    matched = KEY_AND_ENDING.fullmatch(name)
    if not matched or OF_THE_WRITER.match(name):
        return "", ""
    return matched[1], matched[2].lower()


def add(sample: Sample, ending: str, member: Member, read: Any) -> None:
    """Note one member of a sample; of endings that are no matter here nothing is kept."""
    if ending in sample.media or ending in sample.descriptions:
        sample.fault = f"two files .{ending} follow each other under this name"
    elif ending in PICTURES + RECORDINGS:
        sample.media[ending] = member
    elif ending in DESCRIPTIONS and member.num_bytes > MOST_DESCRIPTION_BYTES:
        sample.fault = f"the .{ending} of the sample has {member.num_bytes} bytes; expected at most a label or a text"
    elif ending in DESCRIPTIONS:
        sample.descriptions[ending] = read(member.offset, member.num_bytes)
