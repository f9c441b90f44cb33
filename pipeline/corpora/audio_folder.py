"""A plain folder of audio, for a corpus that no other layout describes: what is taken where nothing else is found.

Source and licence: whoever made the folder; neither is recorded in it.
Layout: audio at any depth; beside it, of the same name, its text (.txt) and its times (.TextGrid, .lab or .phn). Where
audio lies in several folders below, the first on the way is the speaker, unless all of them are named as splits are
(train, dev, test): then they are the splits, and the folder below is the speaker.
Traps: a .lab holds times (HTK, HTS, xlabel) or, as input for the Montreal Forced Aligner, plain text, and its name
does not say which. Opening each would cost more than listing all, so that it is named for both, and whoever reads it
asks `times.is_plain_text_label`; a .txt goes before it as text, a .TextGrid as times. One name with two endings (a.wav
and a.mp3) would be one id twice: the second is a failure. Texts and labels without audio are no items.
"""

from collections.abc import Iterator
from itertools import groupby

from pipeline.corpora.item_files import by_stem, ending_with, files_of
from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import AUDIO_ENDINGS, listed, without_ending
from pipeline.corpora.splits import SPLIT_NAMES, own_splits
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import FileEntry, Location

SOUNDS = (*AUDIO_ENDINGS, ".sph")

BESIDE = (".txt", ".lab", ".textgrid", ".phn")


def detect(folder: Location) -> bool:
    """Whether there is audio anywhere below."""
    return any(isinstance(entry, FileEntry) for entry in listed(folder, SOUNDS))


def items(folder: Location) -> Iterator[Item]:
    """One item a file of audio, in the order of paths; files of one name are held at a time."""
    places = first_folders(folder)
    splits = own_splits(places) if are_splits(places) else {}
    depth = 1 if are_splits(places) else 0 if len(places) > 1 else -1
    for found in by_stem(listed(folder, (*SOUNDS, *BESIDE))):
        if isinstance(found, BadItem):
            yield found
            continue
        for name, run in groupby(in_order(found[1]), lambda file: without_ending(file.path)):
            yield from namesakes(folder, name, list(run), splits, depth)


def first_folders(folder: Location) -> list[str]:
    """Names of the folders right below that hold audio at any depth, up to where it is clear that they are no splits.

    No file of a flat corpus is looked at, and of a hundred thousand speakers two.
    """
    names = (name for name in folder.names() if not name.lower().endswith((*SOUNDS, *BESIDE)))
    found: list[str] = []
    for name in names:
        if not name.startswith(".") and detect(folder / name):
            found.append(name)
        if len(found) > 1 and not are_splits(found):
            break
    return found


def are_splits(places: list[str]) -> bool:
    """Whether there are folders, and all are named as splits are."""
    return bool(places) and all(place.lower() in SPLIT_NAMES for place in places)


def in_order(files: list[FileEntry]) -> list[FileEntry]:
    """Files of one stem with those of one name together: a.1.txt, a.1.wav, a.wav."""
    return sorted(files, key=lambda file: (without_ending(file.path), file.path))


def namesakes(
    folder: Location, name: str, files: list[FileEntry], splits: dict[str, str], depth: int
) -> Iterator[Item]:
    """The item that files of one name make, and what is one too many."""
    sounds = [file for file in files if file.path.lower().endswith(SOUNDS)]
    parts = name.split("/")[:-1]
    for file in sounds[:1]:
        yield AudioItem(
            item_id=name,
            speaker=parts[depth] if 0 <= depth < len(parts) else "",
            split=splits.get(parts[0], "") if parts else "",
            **files_of(
                folder,
                file,
                text=ending_with(files, ".txt", ".lab"),
                times=ending_with(files, ".textgrid", ".lab", ".phn"),
            ),
        )
    for file in sounds[1:]:
        reason = f"the same name as {sounds[0].path}, and names without ending are ids; keep one of the two"
        yield BadItem(file.path, str(folder / file.path), reason)


LAYOUT = Layout(
    "audio_folder", "audio", "audio files at any depth (where nothing else fits)", detect, items, is_fallback=True
)
