"""Free Spoken Digit Dataset: the digits 0 to 9 in English, a few speakers, 8 kHz.

Source: github.com/Jakobovski/free-spoken-digit-dataset. Licence: CC BY-SA 4.0.
Layout: recordings/{digit}_{speaker}_{take}.wav, the folder given being `recordings` or the one above it.
Traps: takes are numbered from 0 and sorted as text here (10 before 2), so that the order needs no parsing; audio of
another name is a failure, since it cannot be told what is said.
"""

import re
from collections.abc import Iterator

from pipeline.corpora.item_files import files_of
from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import listed, without_ending
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import FileEntry, Location

NAME = re.compile(r"^(?P<digit>[0-9])_(?P<speaker>[^_/]+)_(?P<take>[0-9]+)\.wav$")

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

LICENCE = "CC BY-SA 4.0"


def recordings(folder: Location) -> Location:
    """The folder that holds the files."""
    below = folder / "recordings"
    return below if below.is_folder() else folder


def detect(folder: Location) -> bool:
    """Whether a file here is named digit_speaker_take.wav."""
    return any(NAME.match(name) for name in recordings(folder).names())


def items(folder: Location) -> Iterator[Item]:
    """One item a file; the digit is the label, its English word the text."""
    place = recordings(folder)
    for entry in listed(place, (".wav",)):
        yield entry if isinstance(entry, BadItem) else recording(place, entry)


def recording(place: Location, entry: FileEntry) -> Item:
    """What a file's name says of it."""
    match = NAME.match(entry.path)
    if match is None:
        return BadItem(entry.path, str(place / entry.path), "expected a name such as 7_jackson_0.wav")
    return AudioItem(
        item_id=without_ending(entry.path),
        speaker=match["speaker"],
        language="en-us",
        label=match["digit"],
        text=WORDS[int(match["digit"])],
        licence=LICENCE,
        **files_of(place, entry),
    )


LAYOUT = Layout("fsdd", "audio", "files named digit_speaker_take.wav, here or in recordings/", detect, items)
