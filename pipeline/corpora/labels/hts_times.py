"""Times in a `.lab`: HTK and HTS labels, and the xlabel files of CMU ARCTIC and Festival.

Source: The HTK Book §6.2.1 (units of 100 ns); HTS-demo `lab_format.pdf` (full context `p1^p2-p3+p4=p5@...`); the
Edinburgh Speech Tools manual, "xlabel".
HTK: `start end label [score ...]` a line. The label is a phone, a triphone `a-b+c` or a full context; of the latter two
the phone in the middle counts. State lines end in `[2]` to `[6]` and are joined to phones.
xlabel: whatever stands up to a line `#` is a header; then `end_s colour phone` a line, with END times alone: a phone
starts where the one before it ends, the first at 0.
Traps: the Montreal Forced Aligner takes plain text in files of the same ending (`is_plain_text_label`), and that text
may be digits: `1 2 3` is no label, since no phone ends within a millisecond.
"""

import re
from collections.abc import Iterable

from pipeline.corpora.labels.intervals import Interval, Times, checked, timed_phones
from pipeline.errors import ItemError

UNITS_PER_S = 10_000_000

FIRST_END = 10_000
"""A millisecond: the earliest end that tells a line of times from three numbers of a text."""

HTK_LINE = re.compile(r"\s*(\d{1,18})\s+(\d{1,18})\s+(\S+)(?:\s+[-+.\deE]+(?:\s.*)?)?\s*", re.ASCII)

XLABEL_LINE = re.compile(r"\s*(\d{1,9}(?:\.\d{0,18})?)\s+-?\d{1,9}\s+(\S+)\s*(?:;.*)?", re.ASCII)

FULL_CONTEXT = re.compile(r"[^\s^]+\^[^\s-]+-(?P<phone>[^\s+]+)\+[^\s=]+=\S+")

TRIPHONE = re.compile(r"[^\s+-]+-(?P<phone>[^\s+-]+)\+[^\s+-]+")

STATE = re.compile(r"(?P<label>.*)\[(?P<state>[2-6])\]")


def read_hts(data: bytes, source: str) -> Times:
    """Phones of a `.lab`; ItemError at stage "times" says why there are none."""
    lines = lines_of(data)
    xlabel = after_header(lines)
    intervals = xlabel_intervals(xlabel, source) if xlabel is not None else htk_intervals(lines, source)
    return timed_phones(checked(intervals, source)), ()


def is_plain_text_label(data: bytes) -> bool:
    """Whether the bytes of a `.lab` are text and no times: no line of it is written as a label with times is."""
    lines = lines_of(data)
    xlabel = after_header(lines)
    if xlabel is not None:
        return not any(XLABEL_LINE.fullmatch(line) for line in xlabel)
    matches = (HTK_LINE.fullmatch(line) for line in lines)
    has_times = any(match and int(match[2]) >= FIRST_END for match in matches)
    return not has_times and not any(FULL_CONTEXT.fullmatch(line) for line in lines)


def lines_of(data: bytes) -> list[str]:
    """Lines that hold something. Bytes that are no UTF-8 are replaced: they stand in no line that counts."""
    return [line for line in data.decode("utf-8-sig", "replace").splitlines() if line.strip()]


def after_header(lines: list[str]) -> list[str] | None:
    """What follows the line `#` that ends the header of an xlabel file; None where there is no such line."""
    ends = [number for number, line in enumerate(lines[:100]) if line.strip() == "#"]
    return lines[ends[0] + 1 :] if ends else None


def xlabel_intervals(lines: Iterable[str], source: str) -> list[Interval]:
    """Each from the end of the one before."""
    intervals: list[Interval] = []
    for line in lines:
        match = XLABEL_LINE.fullmatch(line)
        if match is None:
            raise broken(line, "end_s, a colour and a phone", source)
        intervals.append(Interval(intervals[-1].end_s if intervals else 0.0, float(match[1]), match[2]))
    return intervals


def htk_intervals(lines: Iterable[str], source: str) -> list[Interval]:
    """One a phone: a line of a later state of the same label goes on with it."""
    intervals: list[Interval] = []
    last_label, last_state = "", 0
    for line in lines:
        match = HTK_LINE.fullmatch(line)
        if match is None:
            raise broken(line, "start, end and label", source)
        start_s, end_s = int(match[1]) / UNITS_PER_S, int(match[2]) / UNITS_PER_S
        label, state = label_and_state(match[3])
        if label == last_label and state > last_state > 0:
            intervals[-1] = intervals[-1]._replace(end_s=end_s)
        else:
            intervals.append(Interval(start_s, end_s, centre_phone(label)))
        last_label, last_state = label, state
    return intervals


def label_and_state(text: str) -> tuple[str, int]:
    """A label, and the state that its line is of; 0 for the line of a whole phone."""
    match = STATE.fullmatch(text)
    return (match["label"], int(match["state"])) if match else (text, 0)


def centre_phone(label: str) -> str:
    """The phone that a label is of."""
    match = FULL_CONTEXT.fullmatch(label) or TRIPHONE.fullmatch(label)
    return match["phone"] if match else label


def broken(line: str, expected: str, source: str) -> ItemError:
    """A line that is no label."""
    return ItemError("times", f"{source}: expected {expected} a line, got {line.strip()[:60]!r}")
