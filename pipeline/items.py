"""What a corpus is made of: utterances and pictures, as a reader finds them and before anything is decoded.

A reader of a corpus opens no more than it must: text and times that lie in files of their own, one an item, are named
here and read by the worker that prepares the item.
"""

from dataclasses import dataclass
from typing import Literal

Container = Literal["", "idx", "cifar", "parquet", "tar", "command"]
"""What `source` is where it is not the item's own file: a packed file, of which `record` says where the item lies, or a
command line whose output is the file (run only if its program is allowed by name)."""


@dataclass(frozen=True, slots=True)
class TimedPhone:
    """A phone and when it sounds, in seconds from the start of the item's audio: [start_s, end_s)."""

    phone: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word and when it sounds, likewise."""

    word: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class AudioItem:
    """One utterance.

    `source` is the URI of its file. `fingerprint` is what storage says of its files without reading them (size and
    modification time, or etag), so that a changed file changes the plan; empty where the listing did not give it: the
    worker asks then.
    `start_s` and `end_s` cut a piece out of the file (`end_s` None: to its end), `channel` (from 0) takes one channel
    of it (None: the mean of all). Times of phones and words count from `start_s`.
    `phones` and `words` are the corpus's own times, empty where it gives none. `times_source` (TextGrid, HTS .lab,
    .phn, .wrd) and `text_source` are URIs of files that hold them. `split` is the corpus's own, or empty.
    `num_bytes` and `duration_s` are what is known of its size ahead, 0 where nothing is: work is shared out by them.
    """

    item_id: str
    source: str
    fingerprint: str = ""
    container: Container = ""
    record: int = 0
    start_s: float = 0.0
    end_s: float | None = None
    channel: int | None = None
    speaker: str = ""
    emotion: str = ""
    language: str = ""
    label: str = ""
    text: str = ""
    text_normalised: str = ""
    text_source: str = ""
    times_source: str = ""
    licence: str = ""
    split: str = ""
    phones: tuple[TimedPhone, ...] = ()
    words: tuple[TimedWord, ...] = ()
    num_bytes: int = 0
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ImageItem:
    """One picture: a whole file, or what lies at `record` of a packed one (`record` is 0 for a whole file).

    `record` is a running number, or the offset in bytes of a member of a tar, whose length is `num_bytes`.
    """

    item_id: str
    source: str
    fingerprint: str = ""
    container: Container = ""
    record: int = 0
    label: str = ""
    licence: str = ""
    split: str = ""
    num_bytes: int = 0


@dataclass(frozen=True, slots=True)
class BadItem:
    """An entry that the corpus itself got wrong (a broken line, an id given twice): a failure to record."""

    item_id: str
    source: str
    reason: str


Item = AudioItem | ImageItem | BadItem
