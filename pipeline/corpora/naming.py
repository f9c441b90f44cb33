"""What a manifest may call its items and files: ids that can be printed, paths that stay where the corpus is."""

from pipeline.storage import Location


def readable(item_id: str) -> str:
    """An id without newlines, escapes and their like: it is printed, and stands in tables and names of files."""
    if not item_id.isprintable():
        raise ValueError(f"item_id {item_id[:200]!r}: expected printable characters")
    return item_id


def locate_audio(path: str, folder: Location, name: str = "audio_filepath") -> Location:
    """The place of a path as a manifest writes it: absolute, or below the folder; `name` is its name there.

    A path that leads out of the folder by way of ".." is refused, and so is a URI: a corpus does not choose servers.
    """
    if "://" in path or "::" in path or ".." in path.split("/") or "\0" in path:
        raise ValueError(f"{name} {path[:200]!r}: expected a path below the manifest, or an absolute one")
    return Location(path) if path.startswith("/") else folder / path
