"""TIMIT: 630 speakers of eight dialects of American English, ten sentences each, 16 kHz, phones and words by hand.

Source: Garofolo et al. 1993, LDC93S1. Licence: LDC's, of whom it is bought; NLTK's sample is CC BY-NC-SA.
Layout: TRAIN/DR1/FCJF0/SA1.WAV with .TXT, .PHN and .WRD beside it, in upper or lower case, in the folder given or in
TIMIT/ or data/ below it; NLTK's sample has dr1-fvmh0/sa1.wav. The .phn is named for its times (`phn_wrd.py` finds the
.wrd), the .txt for its text (`texts.py` leaves out the two numbers before it).
Traps: times are timesteps at 16 kHz; a .WAV as published is NIST SPHERE, in copies RIFF, in some both stand there
(SA1.WAV and SA1.WAV.wav): one item, of the shorter name; the first letter of a speaker is the sex. SA1 and SA2 are said
by every speaker, in TRAIN and in TEST, and an SX sentence by seven. The corpus's own split is by speaker and shares
them; without TRAIN and TEST, items are divided by the hash, and split.by = "speaker" or "text" keeps one of the two
apart. Leave SA out of what is to be tested on new texts, as is the custom.
"""

import re
from collections.abc import Iterator

from pipeline.corpora.item_files import by_stem, ending_with, files_of, name_of
from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import listed
from pipeline.corpora.splits import own_splits
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import FileEntry, Location

SPEAKER = re.compile(r"(^|/)DR(?P<dialect>[1-8])(?P<joint>[-/])(?P<speaker>[FM][A-Z0-9]{3}[0-9])(/|$)", re.I | re.ASCII)
"""Dialect region and speaker in a path."""

ON_THE_WAY = re.compile(r"^(TIMIT|DATA|TRAIN|TEST|DR[1-8])$", re.I)
"""Folders that lead to speakers."""

AUDIO = (".wav", ".sph", ".flac")


def folders(folder: Location, path: str = "") -> Iterator[str]:
    """Paths of the folders that may hold speakers, this one ("") first, three deep at most (data/TRAIN/DR1)."""
    yield path
    for name in (folder / path if path else folder).names() if path.count("/") < 2 else []:
        if ON_THE_WAY.match(name):
            yield from folders(folder, f"{path}/{name}".lstrip("/"))


def detect(folder: Location) -> bool:
    """Whether a folder here is one of a dialect and a speaker."""
    places = ((path, folder / path if path else folder) for path in folders(folder))
    return any(SPEAKER.search(f"{path}/{name}") for path, place in places for name in place.names())


def items(folder: Location) -> Iterator[Item]:
    """One item a sentence, in the order of paths; the dialect region is the label."""
    words = {name_of(path).lower() for path in folders(folder)}
    splits = own_splits(words & {"train", "test"})
    for found in by_stem(listed(folder, (*AUDIO, ".txt", ".phn", ".wrd"))):
        if isinstance(found, BadItem):
            yield found
        elif SPEAKER.search(found[0]):
            yield sentence(folder, splits, *found)
        else:
            yield from (misplaced(folder, file) for file in found[1] if file.path.lower().endswith(AUDIO))


def sentence(folder: Location, splits: dict[str, str], stem: str, files: list[FileEntry]) -> AudioItem:
    """One sentence of the files that bear its name."""
    match = SPEAKER.search(stem)
    assert match
    words = stem.lower().split("/")
    recordings = sorted((file for file in files if file.path.lower().endswith(AUDIO)), key=lambda file: len(file.path))
    return AudioItem(
        item_id=stem,
        speaker=match["speaker"].lower(),
        language="en-us",
        label=f"dr{match['dialect']}",
        licence="CC BY-NC-SA (NLTK's sample of TIMIT)" if match["joint"] == "-" else "LDC93S1",
        split=next((splits[word] for word in words if word in splits), ""),
        **files_of(
            folder,
            recordings[0] if recordings else f"{stem}.wav",
            text=ending_with(files, ".txt"),
            times=ending_with(files, ".phn", ".wrd"),
            also=ending_with(files, ".wrd"),
        ),
    )


def misplaced(folder: Location, file: FileEntry) -> BadItem:
    """Audio that lies in no speaker's folder."""
    return BadItem(
        file.path, str(folder / file.path), "expected audio in a folder of a dialect and a speaker: DR1/FCJF0"
    )


LAYOUT = Layout("timit", "audio", "folders such as TRAIN/DR1/FCJF0 or dr1-fcjf0 (TIMIT)", detect, items)
