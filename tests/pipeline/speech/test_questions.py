import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import CorpusError, ItemError
from pipeline.speech.hts_label import Label, parse_label
from pipeline.speech.hts_labels import labels_of
from pipeline.speech.label_frames import MOST_FRAMES, frame_vectors
from pipeline.speech.pronounce import pronounce
from pipeline.speech.questions import QuestionSet, parse_questions

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "question_vectors.json").read_text())
"""What nnmnkwii makes of the same labels and questions: computed there, once, and kept as digests and a few rows."""

CONTEXT = "x^sil-hh+iy=t@1_2/A:0_0_0/B:1-1-2@1-1&1-4"


def questions(*lines: str) -> QuestionSet:
    return parse_questions(lines, "test.hed")


def answers(*lines: str) -> list[float]:
    vector: list[float] = questions(*lines).vector(CONTEXT).tolist()
    return vector


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [
        ("-hh+", 1),
        ("-h+", 0),
        ("-ae+,-hh+", 1),
        ("-ae+, -hh+", 1),
        ("*-hh+*", 1),
        ("x^*", 1),
        ("sil-*", 0),  # a star at the end alone holds the start
        ("*&1-4", 1),
        ("*&1", 0),
        ("*-hh+*=t@*", 1),
        ("*-h?+*", 1),
        ("*-?h?+*", 0),
        ("x^sil-hh+iy=t@?_2/*", 1),
        (".sil", 0),  # a dot is a dot
    ],
)
def test_a_pattern_is_looked_for_as_htk_does(pattern: str, answer: int) -> None:
    assert answers(f'QS "C-One" {{{pattern}}}') == [answer]


def test_questions_of_the_last_but_one_are_held_to_the_start() -> None:
    """Else "x^" of LL would be found in the fifth phone's place of another label."""
    assert answers('QS "LL-sil" {sil-}', 'QS "L-sil" {sil-}', 'QS "LL-x" {x^}') == [0, 1, 1]


def test_numbers_stand_behind_and_are_minus_one_where_there_is_none() -> None:
    assert answers(r'CQS "a" {@(\d+)_}', 'QS "b" {-hh+}', r'CQS "c" {&(\d+)-}', r'CQS "d" {/J:(\d+)+}') == [1, 1, 1, -1]
    assert answers(r'CQS "a" {-([\d\.]+)&}', r'CQS "b" {t@([\d\.]+)_}') == [1, 1]


def test_a_number_that_is_none_is_not_found() -> None:
    assert questions(r'CQS "a" {@([\d\.]+)_}').vector("x@1.2.3_").tolist() == [-1]
    assert questions(r'CQS "a" {@(\d+)_}').vector("x@٣_").tolist() == [-1]


@pytest.mark.parametrize("line", ['QX "a" {b}', 'QS "a" b', 'QS "a"', "{", "QS {"])
def test_what_is_no_question_is_told_with_its_line(line: str) -> None:
    with pytest.raises(CorpusError, match=r"test.hed, line 2: expected QS or CQS"):
        questions('QS "a" {b}', line)


@pytest.fixture(scope="module")
def set_416(shared_data: Path) -> QuestionSet:
    path = shared_data / "hts-arctic" / "questions-radio_dnn_416.hed"
    return parse_questions(path.read_text().splitlines(), path.name)


def labels_in(path: Path) -> list[Label]:
    return [parse_label(line) for line in path.read_text().splitlines()]


def check_rows(found: np.ndarray, golden: dict[str, Any]) -> None:
    """The shape, and three whole rows."""
    assert list(found.shape) == golden["shape"]
    assert found.dtype == np.float32
    for row, places in golden["yes"].items():
        assert np.flatnonzero(found[int(row), :373] == 1).tolist() == places
        np.testing.assert_allclose(found[int(row), 373:], golden["numbers"][row], atol=1e-6)


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.astype("<f4").tobytes()).hexdigest()


def test_the_set_of_416_is_read_whole(set_416: QuestionSet) -> None:
    assert (len(set_416.binary), len(set_416.numeric), len(set_416)) == (373, 43, 416)


def test_vectors_of_phones_are_nnmnkwii_s(shared_data: Path, set_416: QuestionSet) -> None:
    labels = labels_in(shared_data / "hts-arctic" / "arctic_a0009_phone.lab")
    found = set_416.vectors([str(label.context) for label in labels])
    check_rows(found, GOLDEN["phones"])
    assert digest(found) == GOLDEN["phones"]["sha256"]


def test_vectors_of_frames_of_states_are_nnmnkwii_s(shared_data: Path, set_416: QuestionSet) -> None:
    """416 answers, 9 places in state and phone: 425, the same to the last bit."""
    found = frame_vectors(labels_in(shared_data / "hts-arctic" / "arctic_a0009_state.lab"), set_416)
    golden = GOLDEN["frames_of_states"]
    check_rows(found, golden)
    np.testing.assert_allclose(found[:, -9:].astype(np.float64).sum(0), golden["sums_of_places"], atol=2e-3)
    assert digest(found) == golden["sha256"]


def test_vectors_of_frames_of_phones_are_nnmnkwii_s(shared_data: Path, set_416: QuestionSet) -> None:
    """The four places are densities, which another libm may end in another bit."""
    found = frame_vectors(labels_in(shared_data / "hts-arctic" / "arctic_a0009_phone.lab"), set_416)
    golden = GOLDEN["frames_of_phones"]
    check_rows(found, golden)
    np.testing.assert_allclose(found[:, -4:].astype(np.float64).sum(0), golden["sums_of_places"], atol=2e-3)
    assert digest(found[:, :416]) == golden["sha256_of_answers"]


def test_our_own_labels_can_be_asked(set_416: QuestionSet) -> None:
    utterance = pronounce("hello there, world")
    spans = [(place, place / 20, (place + 1) / 20) for place in range(len(utterance.phones))]
    labels = [parse_label(line) for line in labels_of(utterance, spans, num_states=5)]
    assert frame_vectors(labels, set_416).shape == (10 * len(spans), 425)


SMALL = questions('QS "a" {-hh+}')


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": None, "end": None}, "expected start and end"),
        ({"start": 100_000, "end": 50_000}, "expected start and end"),
        ({"start": 0, "end": (MOST_FRAMES + 1) * 50_000}, "more than 120000 frames"),
        ({"start": 0, "end": 50_000, "state": 3}, "states 2 and up in order"),
    ],
)
def test_labels_without_sense_are_item_errors(change: dict[str, Any], message: str) -> None:
    line = CONTEXT.split("&")[0] + (
        "&1-4#1-3$1-4!0-1;0-1|iy/C:1+1+4/D:0_0/E:x+1@1+3&1+2#0+1/F:x_1/G:0_0/H:4=3@1=2|x/I:9=6/J:13+9-2"
    )
    label = Label(**{"context": parse_label(line).context, **change})
    with pytest.raises(ItemError, match=message):
        frame_vectors([label], SMALL)


def test_states_out_of_order_are_an_item_error() -> None:
    lines = list(labels_of(pronounce("red"), [(0, 0.0, 0.1)], num_states=5))
    whole = next(labels_of(pronounce("red"), [(0, 0.0, 0.1)]))
    for wrong in ([lines[0], lines[2], lines[1]], [whole, lines[1]], [*lines, whole]):
        with pytest.raises(ItemError, match="in order"):
            frame_vectors([parse_label(line) for line in wrong], SMALL)


def test_no_labels_are_no_frames() -> None:
    assert frame_vectors([], SMALL).shape == (0, 10)
    assert SMALL.vectors([]).shape == (0, 1)
