from pathlib import Path

import pytest

from pipeline.corpora import vctk
from pipeline.items import AudioItem, BadItem
from pipeline.storage import locate
from tests.speech_corpora_builders import vctk_corpus, write_audio, write_text


def read(folder: Path) -> dict[str, AudioItem]:
    items = list(vctk.items(locate(str(folder))))
    assert all(isinstance(item, AudioItem) for item in items)
    assert [item.item_id for item in items] == sorted({item.item_id for item in items})
    return {item.item_id: item for item in items if isinstance(item, AudioItem)}


@pytest.mark.parametrize(
    ("version", "first", "licence"),
    [
        ("0.92", "wav48_silence_trimmed/p225/p225_001_mic1.flac", "CC BY 4.0"),
        ("0.80", "wav48/p225/p225_001.wav", "ODC-By 1.0"),
    ],
)
def test_either_version_is_read_one_item_a_sentence(tmp_path: Path, version: str, first: str, licence: str) -> None:
    assert vctk.detect(locate(str(vctk_corpus(tmp_path, version))))
    items = read(tmp_path)
    assert len(items) == 10
    for speaker in ("p225", "p280"):
        write_text(tmp_path / "txt" / speaker / "notes.txt", "no utterance")
    assert read(tmp_path) == items
    item = items["p225_001"]
    assert (item.source, item.text_source) == (str(tmp_path / first), str(tmp_path / "txt" / "p225" / "p225_001.txt"))
    assert (item.speaker, item.label, item.language, item.licence) == ("p225", "English", "en-gb", licence)
    assert item.num_bytes == (tmp_path / first).stat().st_size
    assert item.fingerprint.count("|") == 1
    assert items["p362_001"].language == "en-us"
    assert items["s5_001"].label == "British"


def test_no_text_is_opened(tmp_path: Path) -> None:
    vctk_corpus(tmp_path)
    for text in tmp_path.glob("txt/*/*.txt"):
        text.write_bytes(b"\xff\xfe no text at all")
    assert all(item.text == "" for item in read(tmp_path).values())


def test_the_second_microphone_is_heard_only_where_there_is_no_first(tmp_path: Path) -> None:
    vctk_corpus(tmp_path)
    (tmp_path / "wav48_silence_trimmed" / "p225" / "p225_002_mic1.flac").unlink()
    items = read(tmp_path)
    assert items["p225_001"].source.endswith("_mic1.flac")
    assert items["p225_002"].source.endswith("_mic2.flac")
    assert items["p280_001"].source.endswith("_mic1.flac")


def test_a_speaker_without_texts_is_heard_all_the_same(tmp_path: Path) -> None:
    items = read(vctk_corpus(tmp_path))
    assert [items[name].text_source for name in ("p315_001", "p315_002")] == ["", ""]
    assert all(items[name].fingerprint for name in ("p315_001", "p315_002"))


@pytest.mark.parametrize(("version", "ending"), [("0.92", "_mic1.flac"), ("0.80", ".wav")])
def test_a_text_without_audio_is_still_an_item(tmp_path: Path, version: str, ending: str) -> None:
    item = read(vctk_corpus(tmp_path, version))["p362_002"]
    assert item.source.endswith(f"/p362/p362_002{ending}")
    assert not Path(item.source).exists()
    assert (item.fingerprint, item.num_bytes) == ("", 0)


def test_names_that_say_no_utterance_of_their_folder_are_bad_items(tmp_path: Path) -> None:
    for name in ("p225/p225_001.wav", "p225/p226_001.wav", "p225/note.wav", "p225/old/p225_001.wav"):
        write_audio(tmp_path / "wav48" / name)
    items = list(vctk.items(locate(str(tmp_path))))
    assert {item.item_id for item in items if isinstance(item, BadItem)} == {
        "wav48/p225/p226_001.wav",
        "wav48/p225/note.wav",
        "wav48/p225/old/p225_001.wav",
    }
    assert [item.item_id for item in items if isinstance(item, AudioItem)] == ["p225_001"]


def test_a_bare_excerpt_has_speakers_and_no_texts(shared_data: Path) -> None:
    folder = shared_data / "vctk-excerpt"
    assert vctk.detect(locate(str(folder)))
    items = read(folder)
    assert len(items) == len(list(folder.rglob("*.wav"))) == 10
    assert {item.speaker for item in items.values()} == {"p225", "p226"}
    assert {(item.text_source, item.licence) for item in items.values()} == {("", "CC BY 4.0")}


def test_a_broken_line_about_a_speaker_leaves_the_others(tmp_path: Path) -> None:
    vctk_corpus(tmp_path)
    write_text(tmp_path / "speaker-info.txt", "ID AGE\np225\np362  29  F    Scottish\n")
    items = read(tmp_path)
    assert (items["p225_001"].label, items["p362_001"].label) == ("", "Scottish")
    assert items["p362_001"].language == "en-gb-scotland"


@pytest.mark.parametrize("name", ["p225/a.wav", "q225/q225_001.wav", "p225/p226_001.wav", "p225_001.wav"])
def test_other_folders_are_none_of_its(tmp_path: Path, name: str) -> None:
    write_audio(tmp_path / name)
    assert not vctk.detect(locate(str(tmp_path)))
