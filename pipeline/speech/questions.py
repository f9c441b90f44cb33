r"""Question sets: HTS labels as vectors of numbers.

    QS  "C-Vowel"  {-aa+,-ae+,...}      1 where one of the patterns is found in the label, else 0
    CQS "Seg_Fw"   {@(\d+)_}             the number at this place in the label, -1 where there is none

A pattern with a wildcard (* for any text, ? for one character, as in HTK) is one of the whole label; one without is
looked for anywhere. Merlin's exceptions are kept: questions with "LL-" in their name are held to the label's start, and
numbers stand behind the binary answers, whatever their order in the file. Departure: Merlin takes ? for itself, and has
it in none of its sets. Source: HTKBook, HHEd's command QS; Merlin's label_normalisation.py, which nnmnkwii follows.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CorpusError

QUESTION = re.compile(r'(C?QS)\s+"?([^"{]*?)"?\s*\{(.*)\}')
NUMBERS = {r"(\d+)": r"(\d+)", r"([\d\.]+)": r"([\d\.]+)"}
"""What stands for a number in a CQS, taken as it is."""

NOT_FOUND = -1.0


@dataclass(frozen=True)
class QuestionSet:
    """Compiled questions in the order of the file."""

    binary: tuple[re.Pattern[str], ...]
    numeric: tuple[re.Pattern[str], ...]

    def __len__(self) -> int:
        """How many numbers a vector has."""
        return len(self.binary) + len(self.numeric)

    def vector(self, context: str) -> NDArray[np.float32]:
        """The answers for a label without times and state: first the binary ones, then the numbers."""
        answers: list[float] = [question.search(context) is not None for question in self.binary]
        answers += [number_of(question.search(context)) for question in self.numeric]
        return np.array(answers, np.float32)

    def vectors(self, contexts: Sequence[str]) -> NDArray[np.float32]:
        """[labels, questions]."""
        return np.stack([self.vector(one) for one in contexts]) if contexts else np.zeros((0, len(self)), np.float32)


def number_of(found: re.Match[str] | None) -> float:
    """The number that a question found."""
    try:
        return NOT_FOUND if found is None else float(found[1])
    except ValueError:  # 1.2.3
        return NOT_FOUND


def parse_questions(lines: Iterable[str], where: str) -> QuestionSet:
    """A question set from its lines; CorpusError names the line that is no question."""
    binary, numeric = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        found = QUESTION.fullmatch(line.strip())
        if not found:
            raise CorpusError(
                f'{where}, line {number}: expected QS or CQS "name" {{patterns}}, got {line.strip()[:80]!r}.'
            )
        kind, name, patterns = found[1], found[2], [pattern.strip() for pattern in found[3].split(",")]
        if kind == "QS":
            binary.append(compiled([binary_pattern(pattern, name) for pattern in patterns]))
        else:
            numeric.append(compiled([numeric_pattern(patterns[0])]))
    return QuestionSet(tuple(binary), tuple(numeric))


def compiled(patterns: Sequence[str]) -> re.Pattern[str]:
    """Any of the patterns."""
    return re.compile("|".join(patterns), re.ASCII)


def binary_pattern(pattern: str, name: str) -> str:
    """A pattern of a QS as a regular expression."""
    is_whole = "*" in pattern or "?" in pattern
    start = r"\A" if "LL-" in name or (is_whole and not pattern.startswith("*")) else ""
    end = r"\Z" if is_whole and not pattern.endswith("*") else ""
    body = "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in pattern.strip("*"))
    return start + body + end


def numeric_pattern(pattern: str) -> str:
    """The pattern of a CQS: text, and a number to take."""
    for written, expression in NUMBERS.items():
        before, number, after = pattern.partition(written)
        if number:
            return re.escape(before) + expression + re.escape(after)
    return re.escape(pattern) + "()"
