import os
from pathlib import Path

from pipeline.corpora import fsdd
from pipeline.items import AudioItem, BadItem
from pipeline.storage import locate
from tests.corpus_builders import fsdd_corpus, write_wav


def test_names_give_digit_speaker_and_word(tmp_path: Path) -> None:
    items = list(fsdd.items(locate(str(fsdd_corpus(tmp_path)))))
    assert len(items) == 12
    first = items[0]
    assert isinstance(first, AudioItem)
    assert (first.item_id, first.speaker, first.label, first.text) == ("0_ann_0", "ann", "0", "zero")
    assert first.source == str(tmp_path / "recordings" / "0_ann_0.wav")
    assert first.fingerprint.startswith(f"{(tmp_path / 'recordings' / '0_ann_0.wav').stat().st_size}:")


def test_either_folder_may_be_given(tmp_path: Path) -> None:
    fsdd_corpus(tmp_path)
    assert list(fsdd.items(locate(str(tmp_path)))) == list(fsdd.items(locate(str(tmp_path / "recordings"))))


def test_odd_names_are_kept_and_other_audio_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    for name in ("3_Jörg Ünïcode_0.wav", "12_ann_0.wav", "x_ann_0.wav", "3_ann.wav", ".3_ann_0.wav"):
        write_wav(folder / name)
    (folder / "notes.txt").write_text("")
    items = list(fsdd.items(locate(str(tmp_path))))
    assert [item.item_id for item in items if isinstance(item, AudioItem)] == ["3_Jörg Ünïcode_0"]
    assert [item.item_id for item in items if isinstance(item, BadItem)] == ["12_ann_0.wav", "3_ann.wav", "x_ann_0.wav"]


def test_a_name_that_is_no_utf8_is_a_bad_item(tmp_path: Path) -> None:
    write_wav(tmp_path / "recordings" / "0_ann_0.wav")
    (tmp_path / "recordings" / "0_ann_0.wav").rename(os.fsdecode(os.fsencode(tmp_path) + b"/recordings/0_\xff_0.wav"))
    (item,) = fsdd.items(locate(str(tmp_path)))
    assert isinstance(item, BadItem)
    assert item.item_id == "0_\ufffd_0.wav"
    assert "not UTF-8" in item.reason


def test_a_name_that_is_a_chain_of_uris_is_a_bad_item(tmp_path: Path) -> None:
    write_wav(tmp_path / "recordings" / "0_a::b_0.wav")
    (item,) = fsdd.items(locate(str(tmp_path)))
    assert isinstance(item, BadItem)
    assert "'::'" in item.reason


def test_a_changed_file_changes_its_fingerprint(tmp_path: Path) -> None:
    fsdd_corpus(tmp_path, takes=1, digits=1, speakers=("ann",))
    (before,) = fsdd.items(locate(str(tmp_path)))
    os.utime(tmp_path / "recordings" / "0_ann_0.wav", (1, 1))
    (after,) = fsdd.items(locate(str(tmp_path)))
    assert isinstance(before, AudioItem)
    assert isinstance(after, AudioItem)
    assert before.fingerprint != after.fingerprint
