"""Files that belong to one item: audio, its text and its times, found by their common name in a sorted listing.

Names are compared up to their first dot. In a sorted listing all that begins with "a." stands together, whatever the
endings, so that a folder of ten million files is grouped without being held.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from pipeline.corpora.listing import AUDIO_ENDINGS, listed
from pipeline.items import BadItem, Item
from pipeline.seen_ids import SeenIds
from pipeline.storage import FileEntry, Location, join


def listed_below(folder: Location, below: str, endings: tuple[str, ...]) -> Iterator[FileEntry | BadItem]:
    """The listing of one folder of a corpus, its paths and ids told from the corpus's own; `below` may be ""."""
    before = f"{below}/" if below else ""
    for entry in listed(folder / below if below else folder, endings):
        if isinstance(entry, BadItem):
            yield BadItem(f"{before}{entry.item_id}", entry.source, entry.reason)
        else:
            yield FileEntry(f"{before}{entry.path}", entry.size_bytes, entry.fingerprint)


def name_of(path: str) -> str:
    """A file's name: the path without its folders."""
    return path.rpartition("/")[2]


def stem_of(path: str) -> str:
    """A path up to the first dot of its name."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + name.split(".", 1)[0]


def by_stem(entries: Iterable[FileEntry | BadItem]) -> Iterator[tuple[str, list[FileEntry]] | BadItem]:
    """Runs of files with one stem, in the listing's order; what is bad already is handed on."""
    for stem, run in groupby(entries, lambda entry: stem_of(entry.path) if isinstance(entry, FileEntry) else None):
        if stem is None:
            yield from (entry for entry in run if isinstance(entry, BadItem))
        else:
            yield stem, [entry for entry in run if isinstance(entry, FileEntry)]


def ending_with(files: Iterable[FileEntry], *endings: str) -> FileEntry | None:
    """The first of the files that has one of these endings, in either case; earlier endings go before later ones."""
    files = list(files)
    return next((file for ending in endings for file in files if file.path.lower().endswith(ending)), None)


def files_of(
    place: Location,
    audio: FileEntry | str,
    text: FileEntry | None = None,
    times: FileEntry | None = None,
    also: FileEntry | None = None,
) -> dict[str, Any]:
    """What an `AudioItem` says of its files, all below `place`.

    `audio` is a path alone where the file is missing; `also` is read with the times and counts for the fingerprint.
    """
    beside = {
        "text_source": join(place.uri, text.path) if text else "",
        "times_source": join(place.uri, times.path) if times else "",
    }
    if isinstance(audio, str):
        return {"source": str(place / audio), **beside}
    return {
        "source": join(place.uri, audio.path),  # a listing's paths need no check, which would take most of the time
        "fingerprint": "|".join(file.fingerprint for file in (audio, text, times, also) if file),
        "num_bytes": audio.size_bytes,
        **beside,
    }


def once(seen: SeenIds, item: Item) -> Item:
    """The item, or that its id has come before."""
    if seen.add(item.item_id):
        return item
    return BadItem(f"{item.item_id} ({item.source})", item.source, f"the id {item.item_id!r} stands in two folders")


def told_by_names(folder: Location, read: Callable[[Location, FileEntry], Item]) -> Iterator[Item]:
    """One item a file of audio, of a corpus whose files' names say all; the ids are held."""
    seen = SeenIds()
    for entry in listed(folder, AUDIO_ENDINGS):
        yield once(seen, entry if isinstance(entry, BadItem) else read(folder, entry))
