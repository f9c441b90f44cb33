"""Kaldi data directories: tables of recordings, pieces of them, speakers and texts.

Source: kaldi-asr.org, "Data preparation". Licence: the corpus's.
Layout: wav.scp (`recording file`), and where pieces are meant segments (`utterance recording start_s end_s`, a fifth
column for the channel); text, utt2spk, utt2dur, utt2lang by utterance, spk2gender by speaker (m or f, the item's
label); here, or in folders right below whose names may say splits (train, dev, test). Without segments each recording
is an utterance.
Traps: a value of wav.scp may be a command that writes the audio (`sph2pipe -f wav a.sph |`): its item's `container` is
"command", and whether it is ever run is the preparation's to decide (`audio/command.py`); `file.ark:123` is a place in
an archive, which is refused; an end of -1 is the recording's end; tables may be unsorted (`kaldi_tables.py`). Relative
files lie below the data directory here, although Kaldi's own recipes start them from where they run.
What stands in text but in no other table is listed and missing: a failure.
Memory: with segments the values of wav.scp are held, 0.2 KB a recording.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.corpora.kaldi_tables import Row, Table, is_sorted, rows
from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import unique
from pipeline.corpora.naming import locate_audio, readable
from pipeline.corpora.splits import own_splits, split_word
from pipeline.errors import StorageError
from pipeline.items import AudioItem, BadItem, Item
from pipeline.seen_ids import SeenIds
from pipeline.storage import Location

RECORDINGS, SEGMENTS = "wav.scp", "segments"

TEXT, SPEAKER, DURATION, LANGUAGE, GENDER = "text", "utt2spk", "utt2dur", "utt2lang", "spk2gender"

BY_UTTERANCE = (TEXT, SPEAKER, DURATION, LANGUAGE)

NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{0,18})?(e-?[0-9]{1,2})?")

MOST_SECONDS = 1e9

MOST_NAMES = 200
"""A folder of more is no folder of data directories, and is not asked about each: there may be millions."""

IN_ARCHIVE = re.compile(r":[0-9]+(\[.*\])?$|\[[0-9:,]*\]$")
"""The end of an extended file name that is no file: an offset in an archive, a range of rows."""


@dataclass(frozen=True)
class DataDirectory:
    """One data directory; `path` is where it lies below the corpus, with a "/" at its end, or empty.

    `recordings` are the values of wav.scp where there are segments, `genders` those of spk2gender; `tables` are looked
    up in by utterance.
    """

    folder: Location
    path: str
    split: str
    tables: dict[str, Table]
    recordings: dict[str, str]
    genders: dict[str, str]

    @property
    def place(self) -> Location:
        """Where its tables lie."""
        return self.folder / self.path if self.path else self.folder


def data_directories(folder: Location) -> list[str]:
    """Paths of data directories: "" for the folder itself, or those right below it."""
    names = folder.names()
    if RECORDINGS in names:
        return [""]
    if len(names) > MOST_NAMES:
        return []
    return [f"{name}/" for name in names if not name.startswith(".") and (folder / name / RECORDINGS).is_file()]


def detect(folder: Location) -> bool:
    """Whether wav.scp stands here, or in a folder right below."""
    return bool(data_directories(folder))


def items(folder: Location) -> Iterator[Item]:
    """One item an utterance, in the order of segments or wav.scp, directory after directory."""
    seen, paths = SeenIds(), data_directories(folder)
    words = {path: split_word(path.rstrip("/")) for path in paths}
    splits = own_splits(word for word in words.values() if word)
    for path in paths:
        yield from items_of(folder, path, splits.get(words[path], ""), seen)


def items_of(folder: Location, path: str, split: str, seen: SeenIds) -> Iterator[Item]:
    """The items of one data directory, and what is wrong with its tables."""
    main = path + (SEGMENTS if (folder / (path + SEGMENTS)).is_file() else RECORDINGS)
    recordings: dict[str, str] = {}
    genders: dict[str, str] = {}
    yield from hold(folder, path + GENDER, genders)
    if main != path + RECORDINGS:
        yield from hold(folder, path + RECORDINGS, recordings)
    is_merged = all(is_sorted(folder, name) for name in (main, *(path + name for name in BY_UTTERANCE)))
    tables = {name: Table(folder, path + name, is_merged) for name in BY_UTTERANCE}
    directory = DataDirectory(folder, path, split, tables, recordings, genders)
    for row in rows(folder, main):
        item = row if isinstance(row, BadItem) else item_of(row, directory, main)
        if isinstance(row, BadItem) or isinstance(item, BadItem) or unique(seen, item.item_id):
            yield item
        else:
            reason = f"the id {item.item_id!r} is listed twice"
            yield BadItem(f"{item.item_id} ({row.where})", str(folder / main), reason)
    yield from left_over(directory, main)


def hold(folder: Location, path: str, held: dict[str, str]) -> Iterator[BadItem]:
    """Put a table's values into `held` by their keys; what is wrong with it comes back."""
    for row in rows(folder, path):
        if isinstance(row, BadItem):
            yield row
        elif row.key in held:
            yield BadItem(row.where, str(folder / path), f"{row.key!r:.200} is listed twice")
        else:
            held[row.key] = row.value


def left_over(directory: DataDirectory, main: str) -> Iterator[BadItem]:
    """What was wrong with the tables, and texts of utterances that are not there."""
    for table in directory.tables.values():
        table.finish()
        yield from table.bad
    source = str(directory.place / TEXT)
    for row in directory.tables[TEXT].unasked:
        yield BadItem(row.where, source, f"{row.key!r:.200} has a text, but does not stand in {main}")


def item_of(row: Row, directory: DataDirectory, main: str) -> Item:
    """The item of one row of segments or wav.scp."""
    said = {name: table.get(row.key) for name, table in directory.tables.items()}
    try:
        is_segment = main.endswith(SEGMENTS)
        value, piece = segment(row.value, directory.recordings) if is_segment else (row.value, {})
        duration_s = {} if piece.get("duration_s") or not said[DURATION] else {"duration_s": seconds(said[DURATION])}
        return AudioItem(
            item_id=readable(row.key),
            speaker=said[SPEAKER],
            language=said[LANGUAGE],
            label=directory.genders.get(said[SPEAKER], ""),
            text=said[TEXT],
            split=directory.split,
            **{**piece, **duration_s, **audio_of(value, directory.place)},
        )
    except (ValueError, StorageError) as error:
        return BadItem(row.where, str(directory.folder / main), str(error))


def segment(value: str, recordings: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """The value of wav.scp that a row of segments means, and which piece of it."""
    words = value.split()
    if len(words) not in (3, 4):
        raise ValueError(f"expected utterance, recording, start_s and end_s, got {1 + len(words)} columns")
    if words[0] not in recordings:
        raise ValueError(f"the recording {words[0]!r:.200} does not stand in {RECORDINGS}")
    start_s, end_s = seconds(words[1]), None if words[2] in ("-1", "-1.0") else seconds(words[2])
    if end_s is not None and end_s <= start_s:
        raise ValueError(f"expected a segment that ends after its start, got {start_s:g} s to {end_s:g} s")
    if len(words) == 4 and not (words[3].isascii() and words[3].isdigit() and len(words[3]) < 4):
        raise ValueError(f"expected a channel, from 0, got {words[3]!r:.60}")
    channel = int(words[3]) if len(words) == 4 else None
    duration_s = end_s - start_s if end_s is not None else 0.0
    return recordings[words[0]], {"start_s": start_s, "end_s": end_s, "channel": channel, "duration_s": duration_s}


def seconds(text: str) -> float:
    """A time; ValueError where it is none."""
    if not NUMBER.fullmatch(text) or float(text) > MOST_SECONDS:
        raise ValueError(f"expected a time in seconds, got {text!r:.60}")
    return float(text)


def audio_of(value: str, place: Location) -> dict[str, Any]:
    """Where the audio of a value of wav.scp comes from; ValueError where that is no file and no command."""
    if value.endswith("|"):
        command = value[:-1].strip()
        if not command or not command.isprintable():
            raise ValueError(f"expected a command before the '|', got {command!r:.200}")
        return {"source": command, "container": "command"}
    if not value or value == "-" or value.startswith("|"):
        raise ValueError(f"expected a file or a command that ends in '|', got {value!r:.200}")
    if IN_ARCHIVE.search(value):
        raise ValueError(f"{value!r:.200} is a place in an archive; only files and commands are read: unpack it first")
    return {"source": str(locate_audio(value, place, RECORDINGS))}


LAYOUT = Layout(
    "kaldi",
    "audio",
    "wav.scp (a Kaldi data directory), or folders that hold one such as train/ and test/",
    detect,
    items,
)
