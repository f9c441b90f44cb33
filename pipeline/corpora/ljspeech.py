"""LJ Speech: one reader, 13,100 utterances of non-fiction, 22.05 kHz; and the many corpora laid out like it.

Source: keithito.com/LJ-Speech-Dataset. Licence: public domain; that of a corpus laid out like it is its own.
Layout: metadata.csv, a line an utterance, no header, in one of three forms; TextGrid/{id}.TextGrid where somebody has
aligned it:

    id|text                   wavs/{id}.wav
    id|raw|normalised         the same
    path|text|speaker         a path below the folder that ends as audio does; the speaker may be left out

Traps: quotes are plain characters (a CSV reader would merge lines at them); some copies leave the third column out;
some list files that are not there (each becomes a failure, not a gap); an id given twice is the same audio twice, which
a split by id would hide, so the second is a failure; lines may end in CRLF, the file may begin with a byte-order mark.
The list decides: audio that no line names is no part of the corpus.
Memory: the listings of wavs/ and TextGrid/ are held, 0.35 KB a file; a manifest of millions is better a JSONL one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pipeline.corpora.item_files import files_of, listed_below, name_of
from pipeline.corpora.layout import Layout
from pipeline.corpora.lines import Line, text_lines
from pipeline.corpora.listing import AUDIO_ENDINGS, stays_below, without_ending
from pipeline.items import AudioItem, BadItem, Item
from pipeline.seen_ids import SeenIds
from pipeline.storage import FileEntry, Location

METADATA = "metadata.csv"

WAVS = "wavs"

LJ_NAME = re.compile(r"^LJ[0-9]{3}-[0-9]{4}$")

LJ: dict[str, Any] = {"speaker": "LJ", "language": "en-us", "licence": "public domain"}
"""What is known of LJ Speech itself, by its ids; the corpora laid out like it have other readers."""


def detect(folder: Location) -> bool:
    """Whether metadata.csv stands here, and wavs/ or a path to audio in its first line."""
    if not (folder / METADATA).is_file():
        return False
    return (folder / WAVS).is_folder() or any(
        isinstance(line, Line) and "|" in line.text and is_path(line.text.split("|")[0])
        for line in islice(text_lines(folder / METADATA, METADATA), 1)
    )


def is_path(name: str) -> bool:
    """Whether a first column is a path and no id."""
    return name.lower().endswith(AUDIO_ENDINGS)


@dataclass(frozen=True)
class Files:
    """The corpus's files by id: audio in wavs/, and times."""

    folder: Location
    audio: dict[str, FileEntry]
    times: dict[str, FileEntry]
    seen: SeenIds = field(default_factory=SeenIds)


def items(folder: Location) -> Iterator[Item]:
    """One item a line, in the file's order."""
    files = Files(folder, by_id(folder, WAVS, AUDIO_ENDINGS), by_id(folder, "TextGrid", (".textgrid",)))
    for line in text_lines(folder / METADATA, METADATA):
        yield line if isinstance(line, BadItem) else read_line(line, files)


def by_id(folder: Location, below: str, endings: tuple[str, ...]) -> dict[str, FileEntry]:
    """The files of one folder by their names without ending, with paths from the corpus."""
    entries = (entry for entry in listed_below(folder, below, endings) if isinstance(entry, FileEntry))
    return {without_ending(entry.path).removeprefix(f"{below}/"): entry for entry in entries}


def read_line(line: Line, files: Files) -> Item:
    """One line of metadata.csv."""
    name, *texts = line.text.split("|")
    source = str(files.folder / METADATA)
    if len(texts) not in (1, 2):
        expected = "id|text, id|text|normalised or path|text|speaker"
        return BadItem(line.where, source, f"expected {expected}, got {1 + len(texts)} columns")
    if is_path(name):
        return read_path(line.where, name, texts, files)
    if "/" in name or not stays_below(name):
        return BadItem(line.where, source, f"expected the name of a file in wavs/ as the id, got {name!r}")
    if not files.seen.add(name):
        return BadItem(f"{name} ({line.where})", source, f"the id {name!r} is listed twice")
    return AudioItem(
        item_id=name,
        text=texts[0],
        text_normalised=texts[-1],
        **files_of(files.folder, files.audio.get(name, f"{WAVS}/{name}.wav"), times=files.times.get(name)),
        **(LJ if LJ_NAME.match(name) else {}),
    )


def read_path(where: str, path: str, texts: list[str], files: Files) -> Item:
    """A line of path|text|speaker."""
    source = str(files.folder / METADATA)
    path, item_id = path.removeprefix("./"), without_ending(path.removeprefix("./"))
    if not stays_below(path):
        return BadItem(where, source, f"expected a path below the folder of {METADATA}, got {path!r}")
    if not files.seen.add(item_id):
        return BadItem(f"{item_id} ({where})", source, f"the path {path!r} is listed twice")
    entry = files.audio.get(item_id.removeprefix(f"{WAVS}/"))
    return AudioItem(
        item_id=item_id,
        text=texts[0],
        speaker=texts[1].strip() if len(texts) > 1 else "",
        **files_of(
            files.folder, entry if entry and entry.path == path else path, times=files.times.get(name_of(item_id))
        ),
    )


LAYOUT = Layout(
    "ljspeech", "audio", "metadata.csv (lines of id|text|normalised or path|text|speaker) and its audio", detect, items
)
