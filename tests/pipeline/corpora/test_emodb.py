from pathlib import Path

from pipeline.corpora import emodb
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import locate
from tests.speech_corpora_builders import emodb_corpus, write_audio


def read(folder: Path) -> list[Item]:
    items = list(emodb.items(locate(str(folder))))
    assert len({item.item_id for item in items}) == len(items)
    return items


def test_the_sixth_letter_is_the_german_emotion(tmp_path: Path) -> None:
    items = {item.item_id: item for item in read(emodb_corpus(tmp_path)) if isinstance(item, AudioItem)}
    assert {item_id[5]: item.emotion for item_id, item in items.items()} == {
        "A": "fearful",
        "E": "disgust",
        "F": "happy",
        "L": "bored",
        "N": "neutral",
        "T": "sad",
        "W": "angry",
    }
    first = items["03a01Fa"]
    assert (first.speaker, first.text, first.language) == ("03", "Der Lappen liegt auf dem Eisschrank.", "de")
    assert first.source == str(tmp_path / "wav" / "03a01Fa.wav")
    assert first.fingerprint
    assert items["16b10Td"].text == "Die wird auf dem Platz sein, wo wir sie immer hinlegen."


def test_either_folder_may_be_given(tmp_path: Path) -> None:
    emodb_corpus(tmp_path)
    for folder in (tmp_path, tmp_path / "wav"):
        assert emodb.detect(locate(str(folder)))
    assert read(tmp_path) == read(tmp_path / "wav")


def test_names_and_sentences_that_are_not_the_corpus_s_are_bad_items(tmp_path: Path) -> None:
    for name in ("03a01Fa", "03a03Fa", "03a01Xa", "laugh"):
        write_audio(tmp_path / f"{name}.wav")
    items = read(tmp_path)
    assert [item.item_id for item in items if isinstance(item, BadItem)] == ["03a01Xa.wav", "03a03Fa.wav", "laugh.wav"]


def test_a_recording_that_stands_in_two_folders_is_told(tmp_path: Path) -> None:
    write_audio(tmp_path / "03a01Fa.wav")
    write_audio(tmp_path / "wav" / "03a01Fa.wav")
    assert [isinstance(item, BadItem) for item in read(tmp_path)] == [False, True]
