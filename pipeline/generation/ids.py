"""Ids in little memory."""

import hashlib


def id_hash(name: str) -> int:
    """64 bits that stand for an id; where two ids have the same, whoever uses it looks at the ids themselves."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
