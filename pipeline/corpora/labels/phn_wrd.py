"""TIMIT's hand-made times: `.phn` for phones, `.wrd` for words, `start end label` a line.

Source: Garofolo et al. 1993, TIMIT (LDC93S1), readme.doc. Units are timesteps of the audio as it was published, 16 kHz.
Traps: some copies are in upper case; words may overlap by a few milliseconds and leave gaps between them; some `.phn`
lack the final pause.
"""

import re

from pipeline.corpora.labels.intervals import Interval, checked
from pipeline.errors import ItemError

LINE = re.compile(r"\s*(\d{1,12})\s+(\d{1,12})\s+(\S+)\s*", re.ASCII)


def read_spans(data: bytes, source: str, sample_rate_hz: int) -> tuple[Interval, ...]:
    """Intervals of a `.phn` or `.wrd` file in seconds; ItemError at stage "times" says what is wrong with it."""
    if sample_rate_hz <= 0:
        raise ValueError(f"sample_rate_hz must be positive, got {sample_rate_hz}")
    lines = [line for line in data.decode("utf-8-sig", "replace").splitlines() if line.strip()]
    return tuple(checked([interval_of(line, source, sample_rate_hz) for line in lines], source))


def interval_of(line: str, source: str, sample_rate_hz: int) -> Interval:
    """One line."""
    match = LINE.fullmatch(line)
    if match is None:
        raise ItemError("times", f"{source}: expected start, end and label a line, got {line.strip()[:60]!r}")
    return Interval(int(match[1]) / sample_rate_hz, int(match[2]) / sample_rate_hz, match[3])
