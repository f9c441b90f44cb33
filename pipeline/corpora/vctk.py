"""VCTK: 110 speakers of English of many accents, about 400 sentences each, 48 kHz.

Source: CSTR VCTK Corpus, Yamagishi, Veaux and MacDonald, doi.org/10.7488/ds/2645. Licence: CC BY 4.0; of version 0.80
ODC-By 1.0.
Layout: 0.92 wav48_silence_trimmed/p225/p225_001_mic1.flac, _mic2.flac; 0.80 wav48/p225/p225_001.wav, copies at other
rates wav16/, wav22/...; texts txt/p225/p225_001.txt; speaker-info.txt. Excerpts often hold p225/p225_001.wav alone, and
are read without texts.
Traps: two microphones heard every sentence, which makes one item: mic1's where it is there, else mic2's; p280 and p315
have no mic2; p315 has no texts; p362 has texts without audio, each of which becomes a failure; one speaker is called
s5. The first 24 sentences are the same for all speakers: a split by speaker shares them, one by text does not.
"""

import re
from collections.abc import Iterator
from functools import partial

from pipeline.corpora.item_files import files_of, listed_below, name_of, stem_of
from pipeline.corpora.layout import Layout
from pipeline.corpora.lines import Line, text_lines
from pipeline.corpora.listing import AUDIO_ENDINGS
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import FileEntry, Location

NAME = re.compile(r"^(?P<speaker>[ps][0-9]{1,3})_[0-9]{3}(_mic[12])?\.(wav|flac)$", re.ASCII)

SPEAKER = re.compile(r"^[ps][0-9]{1,3}$", re.ASCII)

SPEAKER_INFO = "speaker-info.txt"

SPOKEN = {"American": "en-us", "Canadian": "en-us", "Scottish": "en-gb-scotland"}
"""The voice of espeak-ng that is nearest to an accent; en-gb to all others."""


def recordings(folder: Location) -> Location | None:
    """The folder that holds the speakers' folders of audio: the last of wav*/, else this one."""
    wavs = [folder / name for name in reversed(folder.names()) if name.startswith("wav")]
    return next((place for place in [*wavs, folder] if holds_speakers(place)), None)


def holds_speakers(place: Location) -> bool:
    """Whether a folder here is named as a speaker and holds a file named as an utterance of theirs."""
    speakers = [name for name in place.names() if SPEAKER.match(name)]
    return any(is_of(name, speaker) for speaker in speakers for name in (place / speaker).names())


def is_of(name: str, speaker: str) -> bool:
    """Whether a file's name is that of an utterance of this speaker."""
    match = NAME.match(name)
    return bool(match and match["speaker"] == speaker)


def of_other_speakers(folder: Location) -> Location | None:
    """The last of wav*/ that has speakers of other names than VCTK's, where txt/ is beside it: a corpus like VCTK."""
    names = folder.folder_names()
    wavs = [folder / name for name in reversed(names) if name.startswith("wav") and "txt" in names]
    return next((place for place in wavs if any(map(partial(has_utterance, place), place.folder_names()))), None)


def has_utterance(place: Location, speaker: str) -> bool:
    """Whether the folder of a speaker that VCTK does not have holds a file named for them."""
    is_other = not SPEAKER.match(speaker) and not speaker.startswith(".")
    return is_other and any(
        name.startswith(f"{speaker}_") and name.lower().endswith(AUDIO_ENDINGS) for name in (place / speaker).names()
    )


def detect(folder: Location) -> bool:
    """Whether audio stands in folders of speakers such as p225, and in wav*/ of no others."""
    return recordings(folder) is not None and of_other_speakers(folder) is None


def items(folder: Location) -> Iterator[Item]:
    """One item an utterance, by speaker and number; the accent is the label."""
    place = recordings(folder) or folder
    below = "" if place == folder else f"{place.name}/"
    accents = read_accents(folder)
    for speaker in sorted(set(place.names()) | set((folder / "txt").names())):
        if SPEAKER.match(speaker):
            yield from speaker_items(folder, below, speaker, accents.get(speaker, ""))


def speaker_items(folder: Location, below: str, speaker: str, accent: str) -> Iterator[Item]:
    """All that one speaker said, and what is listed as said; one folder's listing is held."""
    texts = {stem_of(name_of(entry.path)): entry for entry in listed_texts(folder, speaker)}
    takes: dict[str, FileEntry] = {}
    for entry in listed_below(folder, below + speaker, AUDIO_ENDINGS):
        if isinstance(entry, FileEntry) and is_of(entry.path.removeprefix(f"{below}{speaker}/"), speaker):
            takes.setdefault(utterance_of(entry), entry)  # mic1 comes before mic2
        else:
            yield entry if isinstance(entry, BadItem) else misnamed(entry, folder)
    for utterance in sorted(set(texts) | set(takes)):
        missing = f"{below}{speaker}/{utterance}{ending_of(below)}"
        yield AudioItem(
            item_id=utterance,
            speaker=speaker,
            language=SPOKEN.get(accent, "en-gb"),
            label=accent,
            licence="ODC-By 1.0" if below == "wav48/" else "CC BY 4.0",
            **files_of(folder, takes.get(utterance, missing), text=texts.get(utterance)),
        )


def listed_texts(folder: Location, speaker: str) -> Iterator[FileEntry]:
    """The files of what one speaker was to say; others beside them are no utterances."""
    entries = listed_below(folder, f"txt/{speaker}", (".txt",))
    return (
        one for one in entries if isinstance(one, FileEntry) and is_of(f"{stem_of(name_of(one.path))}.wav", speaker)
    )


def utterance_of(entry: FileEntry) -> str:
    """p225_001 of p225_001_mic1.flac."""
    return "_".join(stem_of(name_of(entry.path)).split("_")[:2])


def misnamed(entry: FileEntry, folder: Location) -> BadItem:
    """A file whose name says no utterance."""
    reason = "expected a name such as p225_001.wav or p225_001_mic1.flac in the folder p225"
    return BadItem(entry.path, str(folder / entry.path), reason)


def ending_of(below: str) -> str:
    """How files are named in the version that lies below this folder."""
    return "_mic1.flac" if "silence_trimmed" in below else ".wav"


def read_accents(folder: Location) -> dict[str, str]:
    """Accents by speaker. Version 0.80 leaves the p of their names out."""
    info = folder / SPEAKER_INFO
    if not info.is_file():
        return {}
    rows = [line.text.split() for line in text_lines(info, SPEAKER_INFO) if isinstance(line, Line)]
    return {f"p{row[0]}" if row[0].isdigit() else row[0]: row[3] for row in rows if len(row) > 3}


LAYOUT = Layout("vctk", "audio", "folders of speakers such as p225 with p225_001.wav (VCTK)", detect, items)
