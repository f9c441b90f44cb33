"""When the phones and words of an utterance sound, from a file that the corpus has for it; the ending says which kind.

    .TextGrid    Praat, Montreal Forced Aligner                 textgrid.py
    .lab         HTK and HTS labels, xlabel of CMU ARCTIC       hts_times.py
    .phn .wrd    TIMIT                                          phn_wrd.py

Endings count in either case. A `.lab` that holds plain text is none of these: `hts_times.is_plain_text_label` tells.
"""

from pipeline.corpora.labels.hts_times import is_plain_text_label, read_hts
from pipeline.corpora.labels.intervals import Interval, Times, timed_phones, timed_words
from pipeline.corpora.labels.phn_wrd import read_spans
from pipeline.corpora.labels.small_files import read_small
from pipeline.corpora.labels.textgrid import read_textgrid
from pipeline.errors import ItemError
from pipeline.storage import Location

__all__ = ["TIME_ENDINGS", "is_plain_text_label", "read_times"]

TIME_ENDINGS = (".textgrid", ".lab", ".phn", ".wrd")

MOST_BYTES = 2**24
"""The long form of a TextGrid takes about 100 bytes an interval: this is some hours of phones."""


def read_times(source: str, sample_rate_hz: int) -> Times:
    """Phones and words with their times, in the file's order; one of the two is empty where the file lacks it.

    `source` is the URI of the file, `sample_rate_hz` the rate of the audio as the corpus has it: the unit of TIMIT's
    times, and of no others. Pauses are phones named `SILENCE`, and no words. Beside a `.phn` the `.wrd` of the same
    name is read where it is there. Raises ItemError at stage "times" for what cannot be read; whether times fit the
    audio is for whoever has both.
    """
    ending = ending_of(source)
    if ending not in TIME_ENDINGS:
        raise ItemError("times", f"{source}: expected a file ending in {', '.join(TIME_ENDINGS)}, got {ending!r}")
    data = read_small(source, MOST_BYTES, "times")
    if ending == ".textgrid":
        return read_textgrid(data, source)
    if ending == ".lab":
        return read_hts(data, source)
    intervals = read_spans(data, source, sample_rate_hz)
    if ending == ".wrd":
        return (), timed_words(intervals)
    return timed_phones(intervals), timed_words(words_beside(source, sample_rate_hz))


def words_beside(source: str, sample_rate_hz: int) -> tuple[Interval, ...]:
    """The words of the `.wrd` beside a `.phn`; none where there is no such file."""
    for place in map(Location, names_of_words(source)):
        if place.is_file():
            return read_spans(read_small(place.uri, MOST_BYTES, "times"), place.uri, sample_rate_hz)
    return ()


def names_of_words(source: str) -> list[str]:
    """Where the `.wrd` of a `.phn` may lie: the ending in the same case, then in the other, then the name as well."""
    folder, slash, name = source.rpartition("/")
    stem, _, ending = name.rpartition(".")
    endings = ("WRD", "wrd") if ending.isupper() else ("wrd", "WRD")
    stems = dict.fromkeys((stem, stem.lower(), stem.upper()))
    return [f"{folder}{slash}{one}.{other}" for one in stems for other in endings]


def ending_of(source: str) -> str:
    """What follows the last dot of a file's name, with the dot and in lower case; "" where there is none."""
    name = source.rpartition("/")[2]
    return name[name.rfind(".") :].lower() if "." in name else ""
