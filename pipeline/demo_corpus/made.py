"""A mark that a corpus is whole and made as asked, so that making it again changes nothing, not even a file's time."""

import json
from dataclasses import asdict
from typing import Any

from pipeline.errors import OccupiedError
from pipeline.storage import Location

MARK = "made.json"
"""Written last. A folder without it that holds files was not finished, and is made again."""


def is_made(folder: Location, config: Any) -> int | None:
    """How many items the folder holds if it was made with this config, else None; an OccupiedError for another's."""
    place = folder / MARK
    if not place.is_file():
        refuse_others(folder)
        return None
    page = json.loads(place.read_text())
    return int(page["num_items"]) if page["made_with"] == made_with(config) else None


def refuse_others(folder: Location) -> None:
    """A folder that holds something else is not written into. What an interrupted making left has our marker."""
    if folder.names() and not (folder / (MARK + ".begun")).is_file():
        raise OccupiedError(
            f"{folder} already holds something else ({', '.join(folder.names()[:3])}); "
            "expected an empty folder for the corpus. Choose another one."
        )
    (folder / (MARK + ".begun")).write_text("")


def mark_made(folder: Location, config: Any, num_items: int) -> None:
    """Say that the corpus is whole."""
    page = {"made_with": made_with(config), "num_items": num_items}
    (folder / MARK).write_text(json.dumps(page, indent=1, sort_keys=True) + "\n")
    (folder / (MARK + ".begun")).remove()


def made_with(config: Any) -> dict[str, Any]:
    """The settings, with the name of what they configure."""
    return {"corpus": type(config).__name__, **asdict(config)}
