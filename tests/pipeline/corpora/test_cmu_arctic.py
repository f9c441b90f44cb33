from pathlib import Path

import pytest

from pipeline.corpora import cmu_arctic
from pipeline.corpora.labels.times import read_times
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import locate
from tests.speech_corpora_builders import arctic_corpus, arctic_voice, write_audio, write_text


def read(folder: Path) -> list[Item]:
    items = list(cmu_arctic.items(locate(str(folder))))
    assert len({item.item_id for item in items}) == len(items)
    return items


def audio(item: Item) -> AudioItem:
    assert isinstance(item, AudioItem)
    return item


def test_several_voices_say_the_same_sentences_under_ids_of_their_own(tmp_path: Path) -> None:
    items = [audio(item) for item in read(arctic_corpus(tmp_path))]
    assert [item.item_id for item in items] == [
        *("bdl/arctic_a0001", "bdl/arctic_a0002"),
        *("slt/arctic_a0001", "slt/arctic_a0002"),
    ]
    assert items[0].text == "Author of the danger trail, Philip Steels, etc."
    assert items[0].source == str(tmp_path / "cmu_us_bdl_arctic" / "wav" / "arctic_a0001.wav")
    assert items[0].fingerprint.count("|") == 1
    assert {item.speaker for item in items} == {"bdl", "slt"}


def test_a_voice_alone_gives_the_same_items(tmp_path: Path) -> None:
    folder = arctic_corpus(tmp_path) / "cmu_us_bdl_arctic"
    assert cmu_arctic.detect(locate(str(folder)))
    assert read(folder) == read(tmp_path)[:2]
    assert audio(read(arctic_voice(tmp_path / "my voice"))[0]).speaker == "my voice"


def test_the_times_are_read_from_ends_alone(tmp_path: Path) -> None:
    source = audio(read(arctic_corpus(tmp_path))[0]).times_source
    assert source == str(tmp_path / "cmu_us_bdl_arctic" / "lab" / "arctic_a0001.lab")
    phones, _ = read_times(source, 16000)
    assert [(phone.start_s, phone.end_s) for phone in phones] == [(0, 0.05), (0.05, 0.12), (0.12, 0.2)]


def test_prompts_are_read_with_quotes_and_odd_spaces_and_broken_ones_are_told(tmp_path: Path) -> None:
    folder = arctic_voice(tmp_path / "cmu_us_rms_arctic", ("a", "b"))
    lines = [
        '(a "He said, \\"No (not I)\\"." )',
        '( b "  Two. ")',
        "( c )",
        '( ../x "y" )',
        '( a "again" )',
        '( d:: "z" )',
    ]
    write_text(folder / "etc" / "txt.done.data", "\n".join(lines))
    items = read(folder)
    assert [audio(item).text for item in items if isinstance(item, AudioItem)] == ['He said, "No (not I)".', "Two."]
    reasons = [item.reason for item in items if isinstance(item, BadItem)]
    assert len(reasons) == 4
    assert "the id 'a' is listed twice" in reasons


def test_what_only_one_side_has_is_still_an_item(tmp_path: Path) -> None:
    folder = arctic_voice(tmp_path / "cmu_us_rms_arctic", ("a", "b"))
    (folder / "wav" / "a.wav").unlink()
    (folder / "lab" / "b.lab").unlink()
    write_audio(folder / "wav" / "z.wav")
    found = [(item.item_id, bool(audio(item).text), bool(audio(item).fingerprint)) for item in read(folder)]
    assert found == [("rms/a", True, False), ("rms/b", True, True), ("rms/z", False, True)]
    assert [bool(audio(item).times_source) for item in read(folder)] == [True, False, False]


def test_a_voice_that_stands_here_in_two_releases_is_told(tmp_path: Path) -> None:
    arctic_voice(tmp_path / "cmu_us_bdl_arctic")
    arctic_voice(tmp_path / "cmu_us_bdl_arctic-0.95-release")
    assert [isinstance(item, BadItem) for item in read(tmp_path)] == [False, False, True, True]


@pytest.mark.parametrize("name", ["etc/txt.done.data", "wav/a.wav", "cmu_us_bdl_arctic/wav/a.wav"])
def test_half_a_voice_is_none(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "")
    assert not cmu_arctic.detect(locate(str(tmp_path)))
