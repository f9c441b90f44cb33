"""Train or validation, by a hash of the item's id: the same on every machine, whatever else the corpus holds."""

import hashlib


def held_out(item_id: str, share: float) -> bool:
    """Whether an item belongs to the share that is held out; each id falls evenly in [0, 1)."""
    first = hashlib.sha256(item_id.encode()).digest()[:8]
    return int.from_bytes(first, "big") < share * 2**64


def split_of(item_id: str, corpus_split: str, held_out_share: float) -> str:
    """The corpus's own split, or the hash's choice of train and validation."""
    return corpus_split or ("validation" if held_out(item_id, held_out_share) else "train")
