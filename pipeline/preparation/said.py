"""What is said in a recording and, where the corpus tells, when: from the item itself and the files that it names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.audio.decode import Recording
from pipeline.corpora.labels.small_files import read_small
from pipeline.corpora.labels.texts import read_text
from pipeline.corpora.labels.times import MOST_BYTES, is_plain_text_label, read_times
from pipeline.errors import ItemError
from pipeline.items import AudioItem, TimedPhone, TimedWord
from pipeline.preparation.config import SpeechConfig
from pipeline.preparation.phones import check_against_audio
from pipeline.preparation.reading import failures_of
from pipeline.speech.normalise import normalise

ANY_RATE_HZ = 16_000
"""Where only the names of phones matter."""


@dataclass(frozen=True)
class Said:
    """A text, as it is written and as it is read, and the times of its phones and words, in seconds from the start."""

    text: str = ""
    text_normalised: str = ""
    phones: tuple[TimedPhone, ...] = ()
    words: tuple[TimedWord, ...] = ()

    def require_times(self) -> None:
        """A recording that is cut needs to know which words fall to which piece."""
        if self.text and not (self.phones or self.words):
            raise ItemError(
                "cut",
                "the recording is cut into pieces and has one text without times, so no piece knows its words; "
                "give times of words (a TextGrid), or leave audio.cut off",
            )

    def within(self, stretch: tuple[int, int], rate_hz: int) -> "Said":
        """What is said in timesteps [start, end); its times count from the whole recording's start, as before."""
        start_s, end_s = stretch[0] / rate_hz, stretch[1] / rate_hz
        words = tuple(word for word in self.words if start_s <= (word.start_s + word.end_s) / 2 < end_s)
        phones = tuple(phone for phone in self.phones if start_s <= (phone.start_s + phone.end_s) / 2 < end_s)
        text = " ".join(word.word for word in words)
        return Said(text, text, phones, words)


def said_in(item: AudioItem, recording: Recording, config: SpeechConfig) -> Said:
    """All that the corpus says of an item. ItemError where a file that it names cannot be read or contradicts it."""
    with failures_of(item.times_source):
        phones, words = times_of(item, recording)
    with failures_of(item.text_source):
        text = item.text or text_of_file(item, has_times=bool(phones or words))
    text = text or " ".join(word.word for word in words)
    language = item.language or config.language
    return Said(text, item.text_normalised or (normalise(text, language) if text else ""), phones, words)


def text_of_file(item: AudioItem, has_times: bool) -> str:
    """The text of the item's file; a `.lab` that turned out to hold times is none."""
    if not item.text_source or (has_times and item.text_source == item.times_source):
        return ""
    return read_text(item.text_source)


def is_text(times_source: str) -> bool:
    """Whether a file named for times is a `.lab` that an aligner takes its texts from: only its content tells."""
    if not times_source.lower().endswith(".lab"):
        return False
    return is_plain_text_label(read_small(times_source, MOST_BYTES, "times"))


def gives_phones(item: AudioItem) -> bool:
    """Whether an item's file of times holds phones: others hold words alone, or a text. What cannot be read might."""
    try:
        return not is_text(item.times_source) and bool(read_times(item.times_source, ANY_RATE_HZ)[0])
    except ItemError:
        return True


def times_of(item: AudioItem, recording: Recording) -> tuple[tuple[TimedPhone, ...], tuple[TimedWord, ...]]:
    """The corpus's own times, of this item's piece of its file, held against the audio."""
    phones, words = item.phones, item.words
    if item.times_source and not phones and not is_text(item.times_source):
        phones, words = read_times(item.times_source, recording.sample_rate_hz)
    check_against_audio(phones, recording.duration_s)
    return phones, words


def symbols_of(phones: Sequence[TimedPhone], places: Sequence[int | None], symbols: Sequence[str]) -> list[TimedPhone]:
    """The same times under the names that the phones have in the utterance."""
    return [
        phone if place is None else replace(phone, phone=symbols[place])
        for phone, place in zip(phones, places, strict=True)
    ]
