from pathlib import Path

from pipeline.corpora import ljspeech
from pipeline.corpora.lines import MOST_LINE_BYTES
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import locate
from tests.corpus_builders import write_wav


def read(tmp_path: Path, metadata: str, wavs: tuple[str, ...] = ("a", "b")) -> list[Item]:
    for name in wavs:
        write_wav(tmp_path / "wavs" / f"{name}.wav")
    (tmp_path / "metadata.csv").write_text(metadata, encoding="utf-8", newline="")
    return list(ljspeech.items(locate(str(tmp_path))))


def audio(item: Item) -> AudioItem:
    assert isinstance(item, AudioItem)
    return item


def test_quotes_are_plain_characters(tmp_path: Path) -> None:
    items = read(tmp_path, 'a|"Open quote, 12|"Open quote, twelve\nb|and more"|and more"\n')
    assert [audio(item).text for item in items] == ['"Open quote, 12', 'and more"']
    assert audio(items[0]).text_normalised == '"Open quote, twelve'
    assert audio(items[0]).source == str(tmp_path / "wavs" / "a.wav")


def test_two_columns_will_do(tmp_path: Path) -> None:
    (item,) = read(tmp_path, "a|Say 2.\n")
    assert (audio(item).text, audio(item).text_normalised) == ("Say 2.", "Say 2.")


def test_byte_order_mark_crlf_and_empty_lines_are_passed_over(tmp_path: Path) -> None:
    items = read(tmp_path, "\ufeffa|A|a\r\n\r\nb|B|b\r\n")
    assert [(item.item_id, audio(item).text_normalised) for item in items] == [("a", "a"), ("b", "b")]


def test_a_line_separator_inside_a_text_does_not_end_the_line(tmp_path: Path) -> None:
    (item,) = read(tmp_path, "a|one\u2028two\u0085three\n")
    assert audio(item).text == "one\u2028two\u0085three"


def test_a_listed_file_that_is_missing_is_still_an_item(tmp_path: Path) -> None:
    items = read(tmp_path, "a|A\nzz|Z\n")
    assert [item.item_id for item in items] == ["a", "zz"]
    assert audio(items[1]).fingerprint == ""


def test_a_repeated_id_and_other_columns_are_bad_items(tmp_path: Path) -> None:
    items = read(tmp_path, "a|A\na|again\nb\nb|1|2|3\n../b|x\n|empty\n")
    assert audio(items[0]).text == "A"
    bad = items[1:]
    assert all(isinstance(item, BadItem) for item in bad)
    reasons = " / ".join(item.reason for item in bad if isinstance(item, BadItem))
    assert "'a' is listed twice" in reasons
    assert "got 1 columns" in reasons
    assert "got 4 columns" in reasons
    assert "'../b'" in reasons
    assert len({item.item_id for item in items}) == len(items)


def test_other_endings_than_wav_are_found(tmp_path: Path) -> None:
    write_wav(tmp_path / "wavs" / "c.wav").rename(tmp_path / "wavs" / "c.flac")
    (item,) = read(tmp_path, "c|C\n")
    assert audio(item).source.endswith("c.flac")


def test_a_line_without_end_or_of_other_bytes_is_a_bad_item_between_good_ones(tmp_path: Path) -> None:
    read(tmp_path, "")
    (tmp_path / "metadata.csv").write_bytes(b"a|A\nlong|" + b"x" * 3 * MOST_LINE_BYTES + b"\nold|caf\xe9\nb|B\n")
    items = list(ljspeech.items(locate(str(tmp_path))))
    assert [item.item_id for item in items] == ["a", "metadata.csv line 2", "metadata.csv line 3", "b"]
    reasons = [item.reason for item in items if isinstance(item, BadItem)]
    assert [reason.split(";")[0] for reason in reasons] == [
        "the line is longer than 1048576 bytes",
        "expected UTF-8 text, byte 7 cannot be read",
    ]
