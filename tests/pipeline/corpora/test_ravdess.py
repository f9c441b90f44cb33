from pathlib import Path

import pytest

from pipeline.audio.decode import decode
from pipeline.corpora import ravdess
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import locate
from tests.speech_corpora_builders import ravdess_corpus, write_audio


def read(folder: Path) -> list[Item]:
    items = list(ravdess.items(locate(str(folder))))
    assert len({item.item_id for item in items}) == len(items)
    return items


def audio(item: Item) -> AudioItem:
    assert isinstance(item, AudioItem)
    return item


def test_the_name_says_who_how_and_what(tmp_path: Path) -> None:
    items = [audio(item) for item in read(ravdess_corpus(tmp_path))]
    assert [(item.speaker, item.emotion, item.label, item.text) for item in items] == [
        ("01", "neutral", "normal", "Kids are talking by the door"),
        ("01", "fearful", "normal", "Dogs are sitting by the door"),
        ("02", "surprised", "strong", "Kids are talking by the door"),
        ("02", "angry", "strong", "Kids are talking by the door"),
    ]
    assert items[0].item_id == "03-01-01-01-01-02-01"
    assert items[0].source == str(tmp_path / "Actor_01" / "03-01-01-01-01-02-01.wav")
    assert all(item.fingerprint and item.num_bytes and item.licence == "CC BY-NC-SA 4.0" for item in items)


@pytest.mark.parametrize("above", ["Actor_01", "audio_speech_actors_01-24/Actor_01", "."])
def test_the_actors_may_lie_at_any_of_three_depths(tmp_path: Path, above: str) -> None:
    write_audio(tmp_path / above / "03-01-06-01-02-01-01.wav")
    assert ravdess.detect(locate(str(tmp_path)))
    assert [item.item_id for item in read(tmp_path)] == ["03-01-06-01-02-01-01"]


def test_a_copy_that_has_everything_twice_is_told(tmp_path: Path) -> None:
    ravdess_corpus(tmp_path)
    ravdess_corpus(tmp_path / "audio_speech_actors_01-24")
    items = read(tmp_path)
    assert [isinstance(item, BadItem) for item in items] == [False] * 4 + [True] * 4
    assert items[-1].item_id.startswith("03-02-05-02-01-01-02 (")


@pytest.mark.parametrize("name", ["03-01-09-01-01-01-01", "03-01-01-01-03-01-01", "03-01-01-01-01-01-25", "notes"])
def test_a_name_that_says_something_else_is_a_bad_item(tmp_path: Path, name: str) -> None:
    write_audio(tmp_path / "Actor_01" / f"{name}.wav")
    assert not ravdess.detect(locate(str(tmp_path)))
    (item,) = read(tmp_path)
    assert isinstance(item, BadItem)
    assert item.item_id == f"Actor_01/{name}.wav"


def test_the_real_sample_is_read_whole_at_whatever_rate_it_has(shared_data: Path) -> None:
    items = [audio(item) for item in read(shared_data / "RAVDESS")]
    assert len(items) == len(list((shared_data / "RAVDESS").rglob("*.wav"))) == 16
    assert [item.emotion for item in items] == list(ravdess.EMOTIONS) * 2
    rates = [decode(Path(item.source), 10).sample_rate_hz for item in items]
    assert sorted(rates) == [22050] * 2 + [48000] * 14
