"""Corpora laid out like VCTK 0.80, of speakers of any name: what programs made for VCTK are given, `export`'s as well.

Source and licence: whoever made it; neither is recorded in it.
Layout: wav48/ann/ann_001.wav (or another wav*/, or FLAC), texts txt/ann/ann_001.txt. What follows the speaker's name
and an underscore has no further underscore, so that of the speakers a and a_b each has its own files.
Traps: a corpus of no speakers but such as p225 and s5 is taken for VCTK itself; a text without audio is a failure, and
so is audio whose name is not that of its folder's speaker; audio without text is read all the same.
"""

import re
from collections.abc import Iterator

from pipeline.corpora.item_files import files_of, listed_below, name_of
from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import AUDIO_ENDINGS, without_ending
from pipeline.corpora.vctk import of_other_speakers
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import FileEntry, Location


def detect(folder: Location) -> bool:
    """Whether speakers that VCTK does not have stand in wav*/, with txt/ beside it."""
    return of_other_speakers(folder) is not None


def items(folder: Location) -> Iterator[Item]:
    """One item an utterance, by speaker and name."""
    place = of_other_speakers(folder)
    if place is None:
        return
    speakers = set(place.folder_names()) | set((folder / "txt").folder_names())
    for speaker in sorted(name for name in speakers if not name.startswith(".")):
        yield from speaker_items(folder, place.name, speaker)


def speaker_items(folder: Location, wavs: str, speaker: str) -> Iterator[Item]:
    """All that one speaker said, and what is listed as said; one folder's listing is held."""
    takes, texts = dict[str, FileEntry](), dict[str, FileEntry]()
    for found, below, endings in ((takes, wavs, AUDIO_ENDINGS), (texts, "txt", (".txt",))):
        for entry in listed_below(folder, f"{below}/{speaker}", endings):
            if isinstance(entry, BadItem):
                yield entry
            elif is_named_for(speaker, entry.path.removeprefix(f"{below}/{speaker}/")):
                found.setdefault(without_ending(name_of(entry.path)), entry)
            elif found is takes:
                reason = f"expected a name such as {speaker}_001.wav in the folder {speaker}"
                yield BadItem(entry.path, str(folder / entry.path), reason)
    for utterance in sorted(takes.keys() | texts.keys()):
        missing = f"{wavs}/{speaker}/{utterance}.wav"
        files = files_of(folder, takes.get(utterance, missing), text=texts.get(utterance))
        yield AudioItem(item_id=utterance, speaker=speaker, **files)


def is_named_for(speaker: str, name: str) -> bool:
    """Whether a file right in a speaker's folder is named as one of their utterances."""
    return bool(re.fullmatch(rf"{re.escape(speaker)}_[^_/]+", name))


LAYOUT = Layout(
    "vctk_like", "audio", "wav48/ann/ann_001.wav with txt/ann/ann_001.txt, as VCTK, of any speakers", detect, items
)
