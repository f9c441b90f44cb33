"""What a reader of one layout is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from pipeline.items import Item
from pipeline.storage import Location


@dataclass(frozen=True)
class Layout:
    """One way in which corpora lie on disk.

    `looks_for` completes "expected ..." in errors. `detect` is cheap and never raises for a folder of another layout.
    `items` yields one by one, in a deterministic order and with unique ids; `source` of each is the URI of its file. It
    may hold one folder's listing meanwhile, and a few bytes an item to know ids that come twice, but no item's content.
    `is_fallback`: taken where no other layout is found, as it would describe many of their folders, too.
    """

    name: str
    kind: Literal["audio", "image"]
    looks_for: str
    detect: Callable[[Location], bool]
    items: Callable[[Location], Iterator[Item]]
    is_fallback: bool = False
