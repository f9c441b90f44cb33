"""RAVDESS: 24 actors speak, and 23 of them sing, two sentences in eight emotions, 48 kHz.

Source: Livingstone and Russo 2018, doi.org/10.5281/zenodo.1188976. Licence: CC BY-NC-SA 4.0.
Layout: Actor_NN/ of files named by seven numbers, modality-channel-emotion-intensity-statement-repetition-actor.wav;
any folders above the actors'.
Traps: not all files have the same rate (two of our sample's sixteen are 22.05 kHz); a copy has all of it twice, in
Actor_NN/ and audio_speech_actors_01-24/Actor_NN/: the second of each is a failure, give one of the folders; of the
videos' files none is read. The intensity (normal, strong) is the label; speech and song differ in the id alone.
"""

import re
from collections.abc import Iterator

from pipeline.corpora.item_files import files_of, name_of, told_by_names
from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import without_ending
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import FileEntry, Location

NAME = re.compile(
    r"^0[1-3]-0[12]-0(?P<emotion>[1-8])-0(?P<intensity>[12])-0(?P<statement>[12])-0[12]-(?P<actor>0[1-9]|1[0-9]|2[0-4])"
    r"\.(wav|flac)$"
)

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")

INTENSITIES = ("normal", "strong")

STATEMENTS = ("Kids are talking by the door", "Dogs are sitting by the door")

LICENCE = "CC BY-NC-SA 4.0"

ACTORS = re.compile(r"^(Actor_[0-9]{2}|audio_.*actors.*)$", re.I)
"""Folders of one actor, and of all of them."""


def detect(folder: Location) -> bool:
    """Whether a file here or in an actor's folder is named by the seven numbers."""
    return any(NAME.match(name) for names in name_lists(folder, 2) for name in names)


def name_lists(folder: Location, depth: int) -> Iterator[list[str]]:
    """Names here, then below the folders that lead to actors."""
    names = folder.names()
    yield names
    for name in names if depth else []:
        if ACTORS.match(name):
            yield from name_lists(folder / name, depth - 1)


def items(folder: Location) -> Iterator[Item]:
    """One item a file, in the order of paths."""
    return told_by_names(folder, recording)


def recording(folder: Location, entry: FileEntry) -> Item:
    """What a file's name says of it."""
    match = NAME.match(name_of(entry.path))
    if match is None:
        return BadItem(
            entry.path, str(folder / entry.path), "expected a name of seven numbers, as 03-01-06-01-02-01-12.wav"
        )
    return AudioItem(
        item_id=without_ending(match[0]),
        speaker=match["actor"],
        emotion=EMOTIONS[int(match["emotion"]) - 1],
        language="en-us",
        label=INTENSITIES[int(match["intensity"]) - 1],
        text=STATEMENTS[int(match["statement"]) - 1],
        licence=LICENCE,
        **files_of(folder, entry),
    )


LAYOUT = Layout("ravdess", "audio", "files named as 03-01-06-01-02-01-12.wav, here or in Actor_NN/", detect, items)
