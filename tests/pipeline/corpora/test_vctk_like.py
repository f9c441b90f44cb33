"""Corpora laid out like VCTK, of speakers that it does not have."""

from pathlib import Path

import pytest

from pipeline.corpora import vctk, vctk_like
from pipeline.corpora.detect import find_layout
from pipeline.items import AudioItem, BadItem
from pipeline.storage import locate
from tests.speech_corpora_builders import vctk_corpus, vctk_like_corpus, write_audio


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """ann and ann_b, two utterances each; one text without audio, one recording without text."""
    vctk_like_corpus(tmp_path)
    (tmp_path / "txt/ann/ann_002.txt").unlink()
    (tmp_path / "wav48/ann_b/ann_b_002.wav").unlink()
    return tmp_path


def test_each_speakers_utterances_are_read_with_their_texts(corpus: Path) -> None:
    assert find_layout(locate(str(corpus))).name == "vctk_like"
    items = [item for item in vctk_like.items(locate(str(corpus))) if isinstance(item, AudioItem)]
    assert [(item.item_id, item.speaker) for item in items] == [
        ("ann_001", "ann"),
        ("ann_002", "ann"),
        ("ann_b_001", "ann_b"),
        ("ann_b_002", "ann_b"),
    ]
    assert [Path(item.text_source).name for item in items] == ["ann_001.txt", "", "ann_b_001.txt", "ann_b_002.txt"]
    assert [Path(item.source).exists() for item in items] == [True, True, True, False]
    assert {(item.language, item.label, item.licence) for item in items} == {("", "", "")}, "VCTK's own are not theirs"


def test_a_name_of_another_speaker_is_a_failure(corpus: Path) -> None:
    write_audio(corpus / "wav48/ann/bob_001.wav")
    write_audio(corpus / "wav48/ann/ann_b_001.wav")
    bad = [item.item_id for item in vctk_like.items(locate(str(corpus))) if isinstance(item, BadItem)]
    assert bad == ["wav48/ann/ann_b_001.wav", "wav48/ann/bob_001.wav"]


@pytest.mark.parametrize("version", ["0.80", "0.92"])
def test_vctk_itself_is_none_of_them(tmp_path: Path, version: str) -> None:
    assert not vctk_like.detect(locate(str(vctk_corpus(tmp_path, version))))
    assert find_layout(locate(str(tmp_path))).name == "vctk"


def test_speakers_of_both_kinds_are_all_read(corpus: Path) -> None:
    write_audio(corpus / "wav48/p225/p225_001.wav")
    assert not vctk.detect(locate(str(corpus)))
    assert "p225_001" in {item.item_id for item in vctk_like.items(locate(str(corpus)))}
