"""Train, validation or test, by a hash of what is to stay together: the same everywhere, whatever else there is."""

import hashlib

from pipeline.errors import ItemError
from pipeline.items import AudioItem, ImageItem
from pipeline.preparation.config import SplitConfig


def split_of(item: AudioItem | ImageItem, config: SplitConfig, text: str = "") -> str:
    """The item's split; `text` is what is said in it, as it is read. ItemError where what decides is not there."""
    if config.by == "corpus" and item.split:
        return item.split
    place = evenly(key_of(item, config.by, text))
    if place < config.held_out_share:
        return "validation"
    return "test" if place >= 1 - config.test_share else "train"


def key_of(item: AudioItem | ImageItem, by: str, text: str) -> str:
    """What decides: the item's id, its speaker, or its text as it is read, without regard to case and spaces."""
    if by in ("corpus", "item"):
        return item.item_id
    if not isinstance(item, AudioItem):
        raise ItemError("split", f"a picture has no {by}; expected split.by to be corpus or item")
    key = item.speaker if by == "speaker" else " ".join(text.casefold().split())
    if not key:
        raise ItemError("split", f"split.by is {by}, and the corpus names no {by} of this item")
    return key


def evenly(key: str) -> float:
    """A key's place in [0, 1); keys fall evenly."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
