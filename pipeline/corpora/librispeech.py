"""LibriSpeech: 1,000 hours of English audiobooks, 2,484 speakers, utterances of up to 35 s, 16 kHz.

Source: Panayotov et al. 2015, openslr.org/12. Licence: CC BY 4.0.
Layout: {subset}/{speaker}/{chapter}/{speaker}-{chapter}-{utterance}.flac with {speaker}-{chapter}.trans.txt, one for a
chapter, lines of `id TEXT`; SPEAKERS.TXT above. Subsets are train-*, dev-* and test-*, and are splits (`splits.py`),
with no speaker in two of them; one subset's folder may be given alone. Mini LibriSpeech (openslr.org/31) lies likewise.
Traps: texts are upper-case, and a voice spells what it takes for an abbreviation: `text_normalised` is lower-case;
SPEAKERS.TXT has comments behind ";", names that hold "|" themselves, and is used for the sex (F or M) as label.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from pipeline.corpora.item_files import files_of, listed_below, name_of, once, stem_of
from pipeline.corpora.layout import Layout
from pipeline.corpora.lines import Line, text_lines
from pipeline.corpora.listing import AUDIO_ENDINGS, stays_below
from pipeline.corpora.splits import own_splits
from pipeline.items import AudioItem, BadItem, Item
from pipeline.seen_ids import SeenIds
from pipeline.storage import FileEntry, Location

SUBSET = re.compile(r"^(train|dev|test)-[a-z]+[-0-9a-z]*$")

SPEAKERS = "SPEAKERS.TXT"

TRANSCRIPT = ".trans.txt"

LICENCE = "CC BY 4.0"


def subsets(folder: Location) -> list[str]:
    """Folders named as subsets are; "" alone where this one may be a subset itself."""
    return [name for name in folder.names() if SUBSET.match(name)] or [""]


def splits_of(found: list[str]) -> dict[str, str]:
    """The split of each subset."""
    words = own_splits(name.partition("-")[0] for name in found if name)
    return {name: words.get(name.partition("-")[0], "") for name in found}


def first_chapter(folder: Location) -> list[str]:
    """Names of the files of the first {speaker}/{chapter} that holds any, both being numbers."""
    places = (folder / subset if subset else folder for subset in subsets(folder))
    speakers = (place / name for place in places for name in place.names() if name.isdigit())
    chapters = (speaker / name for speaker in speakers for name in speaker.names() if name.isdigit())
    return next((names for chapter in chapters if (names := chapter.names())), [])


def detect(folder: Location) -> bool:
    """Whether the first chapter has a .trans.txt."""
    return any(name.endswith(TRANSCRIPT) for name in first_chapter(folder))


@dataclass(frozen=True)
class Corpus:
    """What is known before its chapters are read: the splits of its subsets, the sexes of its speakers."""

    folder: Location
    splits: dict[str, str]
    sexes: dict[str, str]


def corpus_at(folder: Location) -> Corpus:
    """The corpus that a folder holds."""
    return Corpus(folder, splits_of(subsets(folder)), read_sexes(folder))


def items(folder: Location) -> Iterator[Item]:
    """One item an utterance, by subset, speaker and chapter; a chapter is held at a time, and the ids."""
    corpus, seen = corpus_at(folder), SeenIds()
    for subset in corpus.splits:
        entries = listed_below(folder, subset, (*AUDIO_ENDINGS, TRANSCRIPT))
        for chapter, files in groupby(entries, lambda entry: path_of(entry).rpartition("/")[0]):
            for item in chapter_items(corpus, subset, chapter, list(files)):
                yield once(seen, item)


def path_of(entry: FileEntry | BadItem) -> str:
    """Where a listed file lies, from the corpus's folder."""
    return entry.path if isinstance(entry, FileEntry) else entry.item_id


def chapter_items(corpus: Corpus, subset: str, chapter: str, files: list[FileEntry | BadItem]) -> Iterator[Item]:
    """What was read of a chapter, and what its transcript says was read."""
    audio: dict[str, FileEntry] = {}
    texts: dict[str, str] = {}
    for file in files:
        if isinstance(file, BadItem):
            yield file
        elif file.path.endswith(TRANSCRIPT):
            yield from read_transcript(corpus.folder / file.path, chapter, texts)
        else:
            audio[stem_of(name_of(file.path))] = file
    speaker = chapter.split("/")[-2] if "/" in chapter else ""
    for utterance in sorted(set(texts) | set(audio)):
        text = texts.get(utterance, "")
        yield AudioItem(
            item_id=utterance,
            speaker=speaker,
            language="en-us",
            label=corpus.sexes.get(speaker, ""),
            text=text,
            text_normalised=text.lower(),
            licence=LICENCE,
            split=corpus.splits[subset],
            **files_of(corpus.folder, audio.get(utterance, f"{chapter}/{utterance}.flac")),
        )


def read_transcript(file: Location, chapter: str, texts: dict[str, str]) -> Iterator[BadItem]:
    """Put the lines of a .trans.txt into `texts`; what is wrong with them comes back."""
    prefix = "-".join(chapter.split("/")[-2:]) + "-"
    for line in text_lines(file, f"{chapter}/{file.name}"):
        if isinstance(line, BadItem):
            yield line
            continue
        utterance, _, text = line.text.partition(" ")
        if not (utterance.startswith(prefix) and stays_below(utterance)) or "/" in utterance:
            reason = f"expected an utterance of this chapter ({prefix}...) and its text, got {utterance[:60]!r}"
            yield BadItem(line.where, str(file), reason)
        elif utterance in texts:
            yield BadItem(line.where, str(file), f"the id {utterance!r} is listed twice")
        else:
            texts[utterance] = text.strip()


def read_sexes(folder: Location) -> dict[str, str]:
    """F or M by speaker, from SPEAKERS.TXT where it stands here."""
    name = next((name for name in folder.names() if name.upper() == SPEAKERS), "")
    lines = [line.text for line in text_lines(folder / name, name) if isinstance(line, Line)] if name else []
    rows = [line.split("|")[:2] for line in lines]  # of a comment the first column is no speaker's number
    return {row[0].strip(): row[1].strip() for row in rows if len(row) == 2}


LAYOUT = Layout(
    "librispeech",
    "audio",
    "{speaker}/{chapter}/*.trans.txt (speaker and chapter numbers), or such below train-*, dev-*, test-*",
    detect,
    items,
)
