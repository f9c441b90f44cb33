r"""CMU ARCTIC: 1,132 phonetically balanced sentences, one speaker a voice (7 at first, 18 by now), 16 kHz.

Source: Kominek and Black 2003, festvox.org/cmu_arctic. Licence: free for any use, BSD-like (its COPYING).
Layout: cmu_us_{speaker}_arctic/ with wav/{id}.wav, etc/txt.done.data (lines of `( id "text" )`) and lab/{id}.lab; the
folder of one voice is read, or one of several voices. Other voices made with Festvox lie likewise.
Traps: a quote within a text is written \"; some sentences have no recording, each of which becomes a failure; a .lab
has a header up to `#` and END times only (`hts_times.py` reads it); the sentences are the same for all voices: a split
by speaker shares them, one by text does not. orig/ (with a laryngograph as second channel) is not read.
"""

import re
from collections.abc import Iterator

from pipeline.corpora.item_files import files_of, listed_below, name_of, once
from pipeline.corpora.layout import Layout
from pipeline.corpora.lines import Line, text_lines
from pipeline.corpora.listing import AUDIO_ENDINGS, stays_below, without_ending
from pipeline.items import AudioItem, BadItem, Item
from pipeline.seen_ids import SeenIds
from pipeline.storage import FileEntry, Location

PROMPTS = "etc/txt.done.data"

PROMPT = re.compile(r'^\s*\(\s*(?P<id>[^\s"()/]+)\s+"(?P<text>.*)"\s*\)\s*$')

VOICE = re.compile(r"^cmu_[a-z]{2}_(?P<speaker>[a-z0-9]+)(_arctic.*)?$")

LICENCE = "CMU ARCTIC (BSD-like)"


def voices(folder: Location) -> list[str]:
    """Folders of voices, from this one; "" alone where this is one itself."""
    if (folder / PROMPTS).is_file():
        return [""]
    return [name for name in folder.names() if VOICE.match(name) and (folder / name / PROMPTS).is_file()]


def detect(folder: Location) -> bool:
    """Whether prompts and recordings of a voice stand here, or in a folder that is named as a voice."""
    return any((folder / f"{voice}/wav".lstrip("/")).is_folder() for voice in voices(folder))


def items(folder: Location) -> Iterator[Item]:
    """One item a prompt or recording, by voice and id; one voice is held at a time."""
    seen = SeenIds()
    for voice in voices(folder):
        for item in voice_items(folder, voice):
            yield once(seen, item)


def voice_items(folder: Location, voice: str) -> Iterator[Item]:
    """What a voice said and what it was to say."""
    before = f"{voice}/" if voice else ""
    speaker = speaker_of(voice or folder.name)
    texts: dict[str, str] = {}
    yield from read_prompts(folder / f"{before}{PROMPTS}", f"{before}{PROMPTS}", texts)
    recordings, bad = by_name(folder, f"{before}wav", AUDIO_ENDINGS)
    yield from bad
    labels, _ = by_name(folder, f"{before}lab", (".lab",))
    for name in sorted(set(texts) | set(recordings)):
        yield AudioItem(
            item_id=f"{speaker}/{name}",
            speaker=speaker,
            language="en-us",
            text=texts.get(name, ""),
            licence=LICENCE,
            **files_of(folder, recordings.get(name, f"{before}wav/{name}.wav"), times=labels.get(name)),
        )


def speaker_of(voice: str) -> str:
    """The speaker bdl of cmu_us_bdl_arctic, else the folder's name."""
    match = VOICE.match(voice)
    return match["speaker"] if match else voice


def by_name(folder: Location, below: str, endings: tuple[str, ...]) -> tuple[dict[str, FileEntry], list[BadItem]]:
    """The files of a folder by their names, and those whose names cannot be used."""
    entries = list(listed_below(folder, below, endings))
    files = {without_ending(name_of(one.path)): one for one in entries if isinstance(one, FileEntry)}
    return files, [one for one in entries if isinstance(one, BadItem)]


def read_prompts(file: Location, path: str, texts: dict[str, str]) -> Iterator[BadItem]:
    """Put the prompts of a voice into `texts`; what is wrong with a line comes back."""
    for line in text_lines(file, path):
        match = PROMPT.match(line.text) if isinstance(line, Line) else None
        if isinstance(line, BadItem):
            yield line
        elif match is None or not stays_below(match["id"]):
            yield BadItem(line.where, str(file), f'expected ( id "text" ), got {line.text[:60]!r}')
        elif match["id"] in texts:
            yield BadItem(line.where, str(file), f"the id {match['id']!r} is listed twice")
        else:
            texts[match["id"]] = match["text"].replace('\\"', '"').strip()


LAYOUT = Layout("cmu_arctic", "audio", f"{PROMPTS} and wav/, here or in folders cmu_us_*_arctic", detect, items)
