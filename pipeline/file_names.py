"""Names of files and folders that are made of ids, labels and speakers: safe anywhere, and never one for two."""

import hashlib
import re
from collections.abc import Iterable

PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
"""Ids that are safe as a file's name on any system, and differ also where upper and lower case are the same."""

CASED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
"""The same where it is known that no two of them differ by case alone."""

FOLDER_NAME = re.compile(r"[^\s./\\:*?\"<>|~-][^/\\:*?\"<>|]{0,59}(?<![\s.])")
"""Labels that are safe as a folder's name on any system: more than plain ones, since they are words in any script."""


def file_stem(item_id: str, *, keeps_case: bool = False) -> str:
    """A file's name for an id: the id itself where it is plain, else what is plain of it and a digest of all of it.

    Names that have a digest hold a dot and plain ones do not, so two ids never share a file. `keeps_case`: no two ids
    differ by case alone, so capitals are plain.
    """
    if (CASED_NAME if keeps_case else PLAIN_NAME).fullmatch(item_id):
        return item_id
    return re.sub(r"[^A-Za-z0-9_-]", "_", item_id)[:80] + "." + short_digest(item_id)


def folder_names(values: Iterable[str]) -> dict[str, str]:
    """A folder's name for each value: the value itself where any system takes it and no other is like it but for case.

    Else what is plain of it and a digest, as files are named: with a dot before sixteen hexadecimal digits, which a
    value that stands for itself never ends in.
    """
    values = set(values)
    counts: dict[str, int] = {}
    for value in values:
        counts[value.casefold()] = counts.get(value.casefold(), 0) + 1
    return {
        value: value if counts[value.casefold()] == 1 and is_folder_name(value) else digested_name(value)
        for value in sorted(values)
    }


def is_folder_name(value: str) -> bool:
    """Whether a folder can be named so on any system, and read back by name."""
    return bool(value.isprintable() and FOLDER_NAME.fullmatch(value) and not re.search(r"\.[0-9a-f]{16}$", value))


def digested_name(value: str) -> str:
    """What is plain of a value, and a digest of all of it."""
    return re.sub(r"[^A-Za-z0-9_]", "_", value)[:60] + "." + short_digest(value)


def short_digest(value: str) -> str:
    """64 bits of SHA-256, as text."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]
