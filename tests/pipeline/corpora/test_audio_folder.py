import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpora import audio_folder
from pipeline.corpora.detect import find_layout
from pipeline.corpora.labels.texts import read_text
from pipeline.corpora.labels.times import is_plain_text_label, read_times
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import Location, locate
from tests.speech_corpora_builders import write_audio, write_text


def read(folder: Path) -> list[Item]:
    items = list(audio_folder.items(locate(str(folder))))
    assert len({item.item_id for item in items}) == len(items)
    return items


def audio(item: Item) -> AudioItem:
    assert isinstance(item, AudioItem)
    return item


def touch(folder: Path, *names: str) -> Path:
    """Files of these names; a reader looks at names alone."""
    for name in names:
        write_text(folder / name, "")
    return folder


def beside(item: Item) -> tuple[str, str]:
    """Names of the files of text and of times."""
    return Path(audio(item).text_source).name, Path(audio(item).times_source).name


def test_audio_of_any_ending_and_depth_is_an_item(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "a.wav",
        "b.FLAC",
        "deep/er/c.opus",
        "deep/d e.mp3",
        "deep/notes.txt",
        ".hidden/e.wav",
        "f.sph",
        "g.jpg",
    )
    items = [audio(item) for item in read(tmp_path)]
    assert [item.item_id for item in items] == ["a", "b", "deep/d e", "deep/er/c", "f"]
    assert items[2].source == str(tmp_path / "deep" / "d e.mp3")
    assert {(item.speaker, item.language, item.licence, item.split) for item in items} == {("", "", "", "")}
    assert all(item.fingerprint for item in items)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.wav"], ("", "")),
        (["a.wav", "a.txt"], ("a.txt", "")),
        (["a.wav", "a.TXT", "a.TextGrid"], ("a.TXT", "a.TextGrid")),
        (["a.wav", "a.lab"], ("a.lab", "a.lab")),
        (["a.wav", "a.lab", "a.TextGrid"], ("a.lab", "a.TextGrid")),
        (["a.wav", "a.lab", "a.txt"], ("a.txt", "a.lab")),
        (["a.wav", "a.phn", "a.txt"], ("a.txt", "a.phn")),
        (["a.wav", "a.b.txt", "ab.txt", "other/a.txt"], ("", "")),
    ],
)
def test_files_of_the_same_name_are_text_and_times(tmp_path: Path, names: list[str], expected: tuple[str, str]) -> None:
    (item,) = read(touch(tmp_path, *names))
    assert beside(item) == expected


def test_dots_within_names_do_not_mix_them_up(tmp_path: Path) -> None:
    items = read(touch(tmp_path, "a.wav", "a.txt", "a.1.wav", "a.1.lab", "a.1b.wav", "a-1.wav", "a.1.x.wav"))
    assert sorted((item.item_id, *beside(item)) for item in items) == [
        ("a", "a.txt", ""),
        ("a-1", "", ""),
        ("a.1", "a.1.lab", "a.1.lab"),
        ("a.1.x", "", ""),
        ("a.1b", "", ""),
    ]


def test_one_name_with_two_endings_is_told(tmp_path: Path) -> None:
    first, second = read(touch(tmp_path, "a.wav", "a.mp3", "a.txt"))
    assert audio(first).source.endswith("a.mp3")
    assert isinstance(second, BadItem)
    assert "the same name as a.mp3" in second.reason


def test_several_folders_are_speakers_and_a_single_one_is_not(tmp_path: Path) -> None:
    touch(tmp_path / "many", "ann/a.wav", "ann/old/b.wav", "bob/c.wav", "texts/a.txt", "d.wav")
    found = [(item.item_id, audio(item).speaker) for item in read(tmp_path / "many")]
    assert found == [("ann/a", "ann"), ("ann/old/b", "ann"), ("bob/c", "bob"), ("d", "")]
    touch(tmp_path / "one", "wavs/a.wav", "wavs/b.wav", "texts/a.txt")
    assert {audio(item).speaker for item in read(tmp_path / "one")} == {""}


def test_folders_named_as_splits_are_splits(tmp_path: Path) -> None:
    touch(tmp_path, "train/ann/a.wav", "dev/bob/b.wav", "test/c.wav")
    assert [(item.item_id, audio(item).split, audio(item).speaker) for item in read(tmp_path)] == [
        ("dev/bob/b", "validation", "bob"),
        ("test/c", "test", ""),
        ("train/ann/a", "train", "ann"),
    ]
    touch(tmp_path, "extra/d.wav")
    assert {(audio(item).split, audio(item).speaker) for item in read(tmp_path)} == {
        ("", name) for name in ("dev", "test", "train", "extra")
    }


def test_a_name_that_is_no_utf8_is_a_bad_item(tmp_path: Path) -> None:
    touch(tmp_path, "b.wav")
    (tmp_path / "b.wav").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav"))
    (item,) = read(tmp_path)
    assert isinstance(item, BadItem)


def test_it_is_taken_only_where_nothing_else_fits(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav")
    folder = locate(str(tmp_path))
    assert find_layout(folder).name == "audio_folder"
    write_audio(tmp_path / "0_ann_0.wav")
    assert find_layout(folder).name == "fsdd"
    assert find_layout(folder, "audio_folder").name == "audio_folder"
    assert not audio_folder.detect(locate(str(touch(tmp_path / "texts", "a.txt"))))


def test_files_are_found_and_held_a_name_at_a_time(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.wav", "y/b.wav", "z/c.wav")
    stream = audio_folder.items(locate(str(tmp_path)))
    assert next(stream).item_id == "x/a"
    touch(tmp_path, "z/d.wav")
    assert [item.item_id for item in stream] == ["y/b", "z/c", "z/d"]


NAMES = st.lists(
    st.sampled_from(
        [
            f"{stem}{end}"
            for stem in ("a", "a-b", "a.b", "ab", "d/a", "d.e/a", "d-e/a.b")
            for end in (".wav", ".mp3", ".txt", ".lab", ".TextGrid")
        ]
    ),
    unique=True,
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(NAMES)
def test_every_file_of_audio_is_an_item_or_said_why_not(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    folder = touch(tmp_path_factory.mktemp("corpus"), *names)
    items = read(folder)
    sounds = {str(folder / name) for name in names if name.endswith((".wav", ".mp3"))}
    assert {item.source for item in items} == sounds
    for item in items:
        if isinstance(item, AudioItem):
            assert bool(item.text_source) == any(f"{item.item_id}{end}" in names for end in (".txt", ".lab"))
            assert bool(item.times_source) == any(f"{item.item_id}{end}" in names for end in (".TextGrid", ".lab"))


def test_real_files_of_many_formats_with_labels_of_text_and_grids_of_times(shared_data: Path) -> None:
    folder = shared_data / "odd-formats"
    items = {item.item_id: audio(item) for item in read(folder)}
    assert len(items) == 7
    assert len(list(folder.iterdir())) == 7 + 3 + 2
    timed = items["cold_corpus"]
    assert beside(timed) == ("cold_corpus.lab", "cold_corpus.TextGrid")
    assert read_text(timed.text_source).startswith("uh so this is the sick corpus")
    assert len(read_times(timed.times_source, 16000)[1]) > 50
    both = items["61-70968-0000"]
    assert both.text_source == both.times_source
    assert is_plain_text_label(Path(both.times_source).read_bytes())


def test_of_many_speakers_few_are_looked_at_before_the_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "train/a.wav", *(f"s{number}/a.wav" for number in range(1, 9)))
    looked, detect = list[str](), audio_folder.detect

    def noted(folder: Location) -> bool:
        looked.append(folder.name)
        return detect(folder)

    monkeypatch.setattr(audio_folder, "detect", noted)
    speakers = [audio(item).speaker for item in read(tmp_path)]
    assert speakers == [*(f"s{number}" for number in range(1, 9)), "train"]
    assert looked == ["s1", "s2"]
