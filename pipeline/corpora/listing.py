"""Files of a corpus as storage lists them: sorted, filtered by ending, names that no text can hold set apart."""

from collections.abc import Iterator

from pipeline.items import BadItem
from pipeline.seen_ids import SeenIds
from pipeline.storage import FileEntry, Location

AUDIO_ENDINGS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff")

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


def listed(folder: Location, endings: tuple[str, ...]) -> Iterator[FileEntry | BadItem]:
    """Files below a folder with one of these endings (in either case), sorted; hidden files and folders left out."""
    for entry in folder.files():
        parts = entry.path.split("/")
        if not parts[-1].lower().endswith(endings) or any(part.startswith(".") for part in parts):
            continue
        readable = as_text(entry.path)
        if readable != entry.path:
            yield BadItem(readable, f"{folder}/{readable}", "the file's name is not UTF-8; rename it")
        elif "::" in readable:
            yield BadItem(
                readable, f"{folder}/{readable}", "the file's name holds '::', which in a URI is a chain; rename it"
            )
        else:
            yield entry


def stays_below(path: str) -> bool:
    """Whether a path that a corpus wrote leads to a file below its folder, and to nothing else that a URI can say.

    Hidden files and folders, which listings leave out, are refused with "." and "..".
    """
    parts = path.split("/")
    return (
        bool(path.strip())
        and path.isprintable()
        and "::" not in path
        and all(part[:1] not in ("", ".") for part in parts)
    )


def as_text(name: str) -> str:
    """The name with what is not UTF-8 replaced, so that it can be stored and shown."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def without_ending(path: str) -> str:
    """A path without its last ending: what ids are made of."""
    return path.rsplit(".", 1)[0]


def unique(seen: SeenIds | set[str], item_id: str) -> bool:
    """Note an id; whether it is new. A set will do where ids are few."""
    if isinstance(seen, SeenIds):
        return seen.add(item_id)
    before = len(seen)
    seen.add(item_id)
    return len(seen) > before
