"""What a corpus is made of: utterances and pictures, as a reader finds them and before anything is decoded."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimedPhone:
    """A phone and when it sounds, in seconds from the start of the source file: [start_s, end_s)."""

    phone: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class AudioItem:
    """One utterance.

    `source` is the URI of its file. `fingerprint` is what storage says of that file without reading it (size and
    modification time, or etag), so that a changed file changes the plan; it is empty where the file is missing.
    `phones` are the corpus's own times, empty where it gives none. `split` is the corpus's own, or empty.
    """

    item_id: str
    source: str
    fingerprint: str = ""
    speaker: str = ""
    emotion: str = ""
    language: str = ""
    label: str = ""
    text: str = ""
    text_normalised: str = ""
    licence: str = ""
    split: str = ""
    phones: tuple[TimedPhone, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageItem:
    """One picture: a whole file, or record number `record` of a packed one (`record` is 0 for a whole file)."""

    item_id: str
    source: str
    fingerprint: str = ""
    record: int = 0
    label: str = ""
    licence: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True)
class BadItem:
    """An entry that the corpus itself got wrong (a broken line, an id given twice): a failure to record."""

    item_id: str
    source: str
    reason: str


Item = AudioItem | ImageItem | BadItem
