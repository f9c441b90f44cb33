"""LibriTTS and LibriTTS-R: 585 hours of LibriSpeech's sentences cut anew for synthesis, 2,456 speakers, 24 kHz.

Source: Zen et al. 2019, openslr.org/60; Koizumi et al. 2023, openslr.org/141. Licence: CC BY 4.0.
Layout: {subset}/{speaker}/{chapter}/{speaker}_{chapter}_{paragraph}_{sentence}.wav with .original.txt and
.normalized.txt beside each; subsets and SPEAKERS.txt as in `librispeech.py`.
Traps: some texts are missing: the normalised one is named where it is there, since phones are made of it, else the
original one, else none; a text without audio becomes a failure.
"""

from collections.abc import Iterator

from pipeline.corpora.item_files import by_stem, ending_with, files_of, listed_below, name_of, once
from pipeline.corpora.layout import Layout
from pipeline.corpora.librispeech import LICENCE, Corpus, corpus_at, first_chapter
from pipeline.corpora.listing import AUDIO_ENDINGS
from pipeline.items import AudioItem, BadItem, Item
from pipeline.seen_ids import SeenIds
from pipeline.storage import FileEntry, Location

TEXT_ENDINGS = (".normalized.txt", ".original.txt")


def detect(folder: Location) -> bool:
    """Whether the first chapter has a text of either kind."""
    return any(name.endswith(TEXT_ENDINGS) for name in first_chapter(folder))


def items(folder: Location) -> Iterator[Item]:
    """One item a sentence, by subset, speaker and chapter; the ids are held."""
    corpus, seen = corpus_at(folder), SeenIds()
    for subset in corpus.splits:
        for found in by_stem(listed_below(folder, subset, (*AUDIO_ENDINGS, *TEXT_ENDINGS))):
            yield once(seen, found if isinstance(found, BadItem) else sentence(corpus, subset, *found))


def sentence(corpus: Corpus, subset: str, stem: str, files: list[FileEntry]) -> AudioItem:
    """One sentence of the files that bear its name."""
    speaker = name_of(stem).partition("_")[0]
    return AudioItem(
        item_id=name_of(stem),
        speaker=speaker,
        language="en-us",
        label=corpus.sexes.get(speaker, ""),
        licence=LICENCE,
        split=corpus.splits[subset],
        **files_of(
            corpus.folder,
            ending_with(files, *AUDIO_ENDINGS) or f"{stem}.wav",
            text=ending_with(files, *TEXT_ENDINGS),
        ),
    )


LAYOUT = Layout(
    "libritts",
    "audio",
    "{speaker}/{chapter}/*.normalized.txt (speaker and chapter numbers), or such below train-*, dev-*, test-*",
    detect,
    items,
)
