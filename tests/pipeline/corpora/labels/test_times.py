import random
import time
from pathlib import Path

import pytest

from pipeline.corpora.labels.times import read_times
from pipeline.errors import ItemError, PassingStorageError
from pipeline.items import TimedPhone, TimedWord
from pipeline.storage import Location
from tests.label_builders import ARCTIC, CONTEXT, PHN, TEXTGRID, TEXTGRID_PHONES, TEXTGRID_WORDS, WRD, mutated


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("name", ["a.TextGrid", "a.textgrid", "a.b.TEXTGRID"])
def test_the_ending_counts_in_either_case(tmp_path: Path, name: str) -> None:
    assert read_times(write(tmp_path / name, TEXTGRID.encode()), 16000) == (TEXTGRID_PHONES, TEXTGRID_WORDS)


def test_a_lab_is_read_as_labels(tmp_path: Path) -> None:
    phones, words = read_times(write(tmp_path / "a.lab", ARCTIC), 16000)
    assert (len(phones), words) == (3, ())


@pytest.mark.parametrize(
    ("phn", "wrd"), [("a.phn", "a.wrd"), ("A.PHN", "A.WRD"), ("a.PHN", "a.wrd"), ("A.phn", "a.wrd"), ("a.phn", "A.WRD")]
)
def test_timit_counts_in_timesteps_and_words_lie_beside_the_phones(tmp_path: Path, phn: str, wrd: str) -> None:
    write(tmp_path / wrd, WRD)
    assert read_times(write(tmp_path / phn, PHN), 8000) == (
        (TimedPhone("sil", 0.0, 2190 / 8000), TimedPhone("k", 2190 / 8000, 3430 / 8000), TimedPhone("ae", 0.42875, 2)),
        (TimedWord("ka", 2190 / 8000, 2.0),),
    )


def test_timit_phones_and_words_are_read_each_without_the_other(tmp_path: Path) -> None:
    assert read_times(write(tmp_path / "a.phn", PHN), 16000)[1] == ()
    assert read_times(write(tmp_path / "b.wrd", WRD), 16000) == ((), (TimedWord("ka", 2190 / 16000, 1.0),))


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.phn", b"0 x h#\n", "expected start, end and label a line, got '0 x h#'"),
        ("a.phn", b"", "holds no times"),
        ("a.phn", b"9 3 k\n", "is said to sound from"),
        ("a.txt", b"hello", "expected a file ending in .textgrid, .lab, .phn, .wrd, got '.txt'"),
        ("ctm", b"hello", "got ''"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    with pytest.raises(ItemError) as caught:
        read_times(write(tmp_path / name, data), 16000)
    assert reason in caught.value.reason
    assert caught.value.stage == "times"


@pytest.mark.parametrize(
    "name", ["missing.lab", "missing/a.lab", "fold.lab", "nul\0.lab", "half\ud800.lab", "x" * 300 + ".lab"]
)
def test_a_file_that_is_not_there_is_the_item_s_failure(tmp_path: Path, name: str) -> None:
    (tmp_path / "fold.lab").mkdir()
    with pytest.raises(ItemError):
        read_times(f"{tmp_path}/{name}", 16000)


def test_a_file_too_large_for_one_utterance_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.corpora.labels.times.MOST_BYTES", len(PHN) - 1)
    with pytest.raises(ItemError, match="has more than"):
        read_times(write(tmp_path / "a.phn", PHN), 16000)


def test_storage_that_does_not_answer_is_no_fault_of_the_item(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(self: Location, mode: str = "rb") -> None:
        raise PassingStorageError("timed out")

    monkeypatch.setattr(Location, "open", slow)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(PassingStorageError):
        read_times("/a.lab", 16000)


def test_real_timit_words_begin_and_end_where_phones_do(shared_data: Path) -> None:
    for path in sorted((shared_data / "timit-sample").rglob("*.phn")):
        phones, words = read_times(str(path), 16000)
        edges = {time for phone in phones for time in (phone.start_s, phone.end_s)}
        assert words
        assert sum(word.start_s in edges for word in words) >= 0.9 * len(words)


SEEDS = {
    "a.TextGrid": TEXTGRID.encode("utf-16"),
    "b.TextGrid": TEXTGRID.encode(),
    "a.phn": PHN,
    "a.lab": ARCTIC,
    "b.lab": f"0 1300000 {CONTEXT.format('a')}[2]\n1300000 1400000 {CONTEXT.format('a')}[3]\n".encode(),
}


@pytest.mark.parametrize("name", SEEDS)
def test_two_hundred_mutations_of_a_file_give_times_or_the_item_s_failure(tmp_path: Path, name: str) -> None:
    stages: list[str] = []
    for seed in range(200):
        data = mutated(SEEDS[name], random.Random(seed))
        try:
            read_times(write(tmp_path / name, data), 16000)
        except ItemError as error:
            stages.append(error.stage)
    assert set(stages) == {"times"}
    assert 20 < len(stages) < 200
