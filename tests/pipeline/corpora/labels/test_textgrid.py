from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid as praatio_textgrid

from pipeline.corpora.labels.textgrid import read_textgrid
from pipeline.errors import ItemError
from pipeline.items import TimedPhone, TimedWord
from tests.label_builders import TEXTGRID, TEXTGRID_PHONES, TEXTGRID_WORDS

HEAD = '"ooTextFile" "TextGrid" 0 1 <exists>'


def tier(name: str, *texts: str, kind: str = "IntervalTier") -> str:
    entries = " ".join(f'{number} {number + 1} "{text}"' for number, text in enumerate(texts))
    return f' "{kind}" "{name}" 0 1 {len(texts)} {entries}'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
def test_every_encoding_that_praat_writes_is_read(encoding: str) -> None:
    mark = "\ufeff" if encoding in ("utf-16-be", "utf-16-le") else ""
    assert read_textgrid((mark + TEXTGRID).encode(encoding), "a") == (TEXTGRID_PHONES, TEXTGRID_WORDS)


def test_long_form_without_names_is_the_short_form() -> None:
    short = "\n".join(line.partition("= ")[2] or line for line in TEXTGRID.splitlines() if "item" not in line)
    short = short.replace("tiers? <exists>", "<exists>").replace("intervals [1]:", "").replace("intervals [2]:", "")
    assert "xmin" not in short
    assert read_textgrid(short.encode(), "a") == (TEXTGRID_PHONES, TEXTGRID_WORDS)


LABELS = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S"], include_characters='" ɪː'), min_size=1, max_size=8
).map(lambda text: " ".join(text.split()) or "x")

ENDS = st.lists(st.integers(1, 400), min_size=1, max_size=8).map(
    lambda steps: [sum(steps[: n + 1]) / 1000 for n in range(len(steps))]
)


@settings(max_examples=40, deadline=None)
@given(st.data(), ENDS, st.sampled_from(["short_textgrid", "long_textgrid"]))
def test_what_praatio_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, ends: list[float], form: str
) -> None:
    labels = data.draw(st.lists(LABELS, min_size=len(ends), max_size=len(ends)))
    spans = list(zip([0.0, *ends], ends, ["p" + label for label in labels], strict=False))
    grid = praatio_textgrid.Textgrid()
    for name in ("words", "phones"):
        grid.addTier(praatio_textgrid.IntervalTier(name, spans, 0, ends[-1]))
    grid.addTier(praatio_textgrid.PointTier("events", [(0.0, 'a "click"')], 0, ends[-1]))
    path = tmp_path_factory.mktemp("grid") / "a.TextGrid"
    grid.save(str(path), form, includeBlankSpaces=True)
    phones, words = read_textgrid(path.read_bytes(), "a")
    assert [(phone.start_s, phone.end_s, phone.phone) for phone in phones] == spans
    assert [(word.start_s, word.end_s, word.word) for word in words] == spans


def test_every_way_of_writing_a_pause_is_silence() -> None:
    phones, words = read_textgrid(
        (HEAD + " 2" + tier("phone", "", "sp", "SIL", "SP", "a") + tier("word", "", "sp", "<eps>", "b")).encode(), "a"
    )
    assert [phone.phone for phone in phones] == ["sil"] * 4 + ["a"]
    assert words == (TimedWord("b", 3.0, 4.0),)


def test_a_word_that_the_aligner_did_not_know_is_no_pause() -> None:
    grid = HEAD + " 2" + tier("phones", "AE", "spn", "sp") + tier("words", "a", "<unk>", "")
    phones, words = read_textgrid(grid.encode(), "a")
    assert [phone.phone for phone in phones] == ["AE", "spn", "sil"]
    assert [word.word for word in words] == ["a", "<unk>"]


def test_tiers_of_a_speaker_are_read_and_empty_ones_of_others_passed_over() -> None:
    grid = HEAD + " 3" + tier("ann - phones", "", "") + tier("bob - phones", "a", "b") + tier("bob - words", "ab")
    phones, words = read_textgrid(grid.encode(), "a")
    assert [phone.phone for phone in phones] == ["a", "b"]
    assert [word.word for word in words] == ["ab"]


def test_two_speakers_in_one_file_are_refused() -> None:
    grid = HEAD + " 2" + tier("ann - phones", "a") + tier("bob - phones", "b")
    with pytest.raises(ItemError, match="expected one speaker an utterance"):
        read_textgrid(grid.encode(), "a")


def test_points_are_no_phones() -> None:
    grid = HEAD + ' 2 "TextTier" "phones" 0 1 2 0.1 "x" 0.2 "y"' + tier("phones", "a")
    assert read_textgrid(grid.encode(), "a")[0] == (TimedPhone("a", 0.0, 1.0),)


@pytest.mark.parametrize(
    ("grid", "reason"),
    [
        ("ooBinaryFile\x08TextGrid", "a binary TextGrid; save it as a text file"),
        ("", "expected a text in quotes, got the end of the file"),
        ('{"start": 0}', "expected a TextGrid"),
        ('"Praat chronological TextGrid text file" 0 1', "got a file of another kind"),
        (HEAD + " 1" + tier("notes", "a"), "expected a tier named phones or words, got 'notes'"),
        ('"ooTextFile" "TextGrid" 0 1 <absent>', "expected a tier named phones or words, got none"),
        (HEAD + " 1" + tier("phones"), "expected a tier named phones or words"),
        (HEAD + ' 1 "IntervalTier" "phones" 0 1 2000000000 0 1 "a"', "got the end of the file"),
        (HEAD + " 1e9", "a whole number up to 1000"),
        (HEAD + ' 1 "IntervalTier" "phones" 0 1 1.5', "a whole number"),
        (HEAD + ' 1 "IntervalTier" "phones" 0 1 1e999', "a whole number"),
        (HEAD + ' 1 "MatrixTier" "phones" 0 1 0', "IntervalTier or TextTier, got a tier of class 'MatrixTier'"),
        (HEAD + ' 1 "IntervalTier" "phones" 0 1 1 0.5 0.2 "a"', "'a' is said to sound from 0.5 s to 0.2 s"),
        (HEAD + ' 1 "IntervalTier" "phones" 0 1 1 -1 0.2 "a"', "from -1.0 s"),
        (HEAD + ' 1 "IntervalTier" "phones" 0 1 1 0 1e999 "a"', "to inf s"),
        (HEAD + " 1" + tier("phones", "a" * 300), "a label of 300 characters"),
        (HEAD + ' 1 "IntervalTier" "phones" 0 1 1 0 1 "a', "without its closing quote"),
        (HEAD + ' 1 "IntervalTier" "phones" 0 1 1 0 "a" 1', "expected a number, got"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(grid: str, reason: str) -> None:
    with pytest.raises(ItemError) as caught:
        read_textgrid(grid.encode(), "a.TextGrid")
    assert reason in caught.value.reason
    assert caught.value.stage == "times"


@pytest.mark.parametrize("data", [b"\xff\xfe\x00\xd8", b'"ooTextFile" "\xff"', b"\xff\xfea"])
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    with pytest.raises(ItemError, match=r"byte \d+ cannot be read"):
        read_textgrid(data, "a.TextGrid")


@pytest.mark.parametrize("piece", ['"', '""', '"a""', "! ", "1 ", "[1] ", "<"])
def test_a_file_of_one_thing_over_and_over_is_read_in_linear_time(piece: str) -> None:
    with pytest.raises(ItemError):
        read_textgrid((HEAD + piece * 500_000).encode(), "a.TextGrid")


def test_what_the_montreal_forced_aligner_wrote_is_read(shared_data: Path) -> None:
    for path in sorted((shared_data / "LJSpeech-1.1" / "TextGrid").iterdir()):
        grid = praatio_textgrid.openTextgrid(str(path), includeEmptyIntervals=True)
        phones, words = read_textgrid(path.read_bytes(), path.name)
        assert [phone.end_s for phone in phones] == [end for _, end, _ in grid.getTier("phones").entries]
        assert [word.word for word in words] == [label for _, _, label in grid.getTier("words").entries if label]
