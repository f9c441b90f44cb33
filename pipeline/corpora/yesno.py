"""yesno: one man says yes or no in Hebrew, eight times a recording, 60 recordings, 8 kHz.

Source: openslr.org/1. Licence: public domain.
Layout: files named by what is said, 0_1_0_0_1_0_1_1.wav; the folder given is waves_yesno or the one above it.
Traps: the name is the only text there is: 1 is yes ("ken"), 0 is no ("lo"); eight of them, where names of the Free
Spoken Digit Dataset have three parts. The text is in Hebrew letters, which espeak-ng reads aloud ("he").
"""

import re
from collections.abc import Iterator

from pipeline.corpora.item_files import files_of, name_of, told_by_names
from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import without_ending
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import FileEntry, Location

NAME = re.compile(r"^[01](_[01]){7}\.(wav|flac)$")

BELOW = "waves_yesno"

WORDS = {"0": "\u05dc\u05d0", "1": "\u05db\u05df"}
"""Lamed alef, "lo"; kaf final-nun, "ken"."""

LICENCE = "public domain"


def detect(folder: Location) -> bool:
    """Whether a file here or in waves_yesno/ is named by eight noughts and ones."""
    return any(NAME.match(name) for place in (folder, folder / BELOW) for name in place.names())


def items(folder: Location) -> Iterator[Item]:
    """One item a file, in the order of names."""
    return told_by_names(folder, recording)


def recording(folder: Location, entry: FileEntry) -> Item:
    """What a file's name says of it."""
    name = name_of(entry.path)
    if not NAME.match(name):
        return BadItem(entry.path, str(folder / entry.path), "expected a name such as 0_1_0_0_1_0_1_1.wav")
    item_id = without_ending(name)
    return AudioItem(
        item_id=item_id,
        language="he",
        text=" ".join(WORDS[digit] for digit in item_id.split("_")),
        licence=LICENCE,
        **files_of(folder, entry),
    )


LAYOUT = Layout("yesno", "audio", "files named as 0_1_0_0_1_0_1_1.wav, here or in waves_yesno/ (yesno)", detect, items)
