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
    items = read(tmp_path, "a|A\na|again\nb\nb|1|2|3\n../b|x\n|empty\nx::y|chain\n")
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


def test_lines_of_paths_name_texts_and_speakers(tmp_path: Path) -> None:
    write_wav(tmp_path / "other" / "c.wav")
    items = read(
        tmp_path, "wavs/a.wav|Hello there.|ann\n./wavs/b.wav|Two.\nother/c.wav|Three.|bob\nwavs/zz.wav|Gone.|bob\n"
    )
    assert [(item.item_id, audio(item).speaker) for item in items] == [
        ("wavs/a", "ann"),
        ("wavs/b", ""),
        ("other/c", "bob"),
        ("wavs/zz", "bob"),
    ]
    assert (audio(items[0]).text, audio(items[0]).text_normalised) == ("Hello there.", "")
    assert audio(items[0]).source == str(tmp_path / "wavs" / "a.wav")
    assert [bool(audio(item).fingerprint) for item in items] == [True, True, False, False]


def test_paths_that_lead_elsewhere_or_come_twice_are_bad_items(tmp_path: Path) -> None:
    lines = [
        "/etc/a.wav|x",
        "wavs/../../a.wav|x",
        "a::http://b/c.wav|x",
        ".wav|no name",
        "s3://b/c.wav|x",
        "wavs/a.wav|x",
        "./wavs/a.wav|x",
    ]
    items = read(tmp_path, "\n".join(lines))
    assert [isinstance(item, BadItem) for item in items] == [True] * 5 + [False, True]
    assert len({item.item_id for item in items}) == len(items)


def test_paths_need_no_folder_of_a_certain_name(tmp_path: Path) -> None:
    write_wav(tmp_path / "clips" / "a.wav")
    (tmp_path / "metadata.csv").write_text("clips/a.wav|Hello.|ann\n")
    assert ljspeech.detect(locate(str(tmp_path)))
    for other in ("file_name,text\nclips/a.wav,Hello.\n", "a|Hello.\n", "", "|"):
        (tmp_path / "metadata.csv").write_text(other)
        assert not ljspeech.detect(locate(str(tmp_path)))


def test_only_lj_speech_is_public_domain(tmp_path: Path) -> None:
    own, other = read(tmp_path, "LJ001-0001|Printing\na|Other\n")
    assert (audio(own).speaker, audio(own).language, audio(own).licence) == ("LJ", "en-us", "public domain")
    assert (audio(other).speaker, audio(other).language, audio(other).licence) == ("", "", "")


def test_a_textgrid_of_the_same_id_holds_the_times(tmp_path: Path) -> None:
    (tmp_path / "TextGrid").mkdir()
    (tmp_path / "TextGrid" / "b.TextGrid").write_text("")
    without, timed = read(tmp_path, "a|A\nb|B\n")
    assert (audio(without).times_source, audio(timed).times_source) == ("", str(tmp_path / "TextGrid" / "b.TextGrid"))
    assert audio(timed).fingerprint.count("|") == 1
    assert audio(timed).num_bytes == (tmp_path / "wavs" / "b.wav").stat().st_size
    (tmp_path / "TextGrid" / "b.TextGrid").write_text("changed")
    same, changed = ljspeech.items(locate(str(tmp_path)))
    assert same == without
    assert audio(changed).fingerprint != audio(timed).fingerprint


def test_the_real_corpus_is_read_whole_with_its_times(shared_data: Path) -> None:
    items = [audio(item) for item in ljspeech.items(locate(str(shared_data / "LJSpeech-1.1")))]
    assert len(items) == 40
    assert all(item.times_source and item.fingerprint and item.num_bytes and item.text_normalised for item in items)
    assert {(item.speaker, item.licence) for item in items} == {("LJ", "public domain")}
