from pathlib import Path

import pytest

from pipeline.audio.decode import decode
from pipeline.corpora import common_voice
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import locate
from tests.speech_corpora_builders import common_voice_corpus, write_text

TABLES = {
    "train": (("ann", "c1"), ("bob", "c2")),
    "dev": (("cid", "c3"),),
    "test": (("dee", "c4"),),
    "validated": (
        ("ann", "c1"),
        ("bob", "c2"),
        ("cid", "c3"),
        ("dee", "c4"),
        ("cid", "c5"),
        ("dee", "c6"),
        ("eve", "c7"),
    ),
    "invalidated": (("ann", "c8"),),
    "other": (("ann", "c9"),),
}


def read(folder: Path) -> list[Item]:
    items = list(common_voice.items(locate(str(folder))))
    assert len({item.item_id for item in items}) == len(items)
    return items


def audio(item: Item) -> AudioItem:
    assert isinstance(item, AudioItem)
    return item


def test_quotes_are_plain_characters_and_columns_are_found_by_name(tmp_path: Path) -> None:
    item = audio(read(common_voice_corpus(tmp_path, TABLES))[0])
    assert (item.item_id, item.speaker, item.text) == ("c3", "cid", '"Yes, said c3.')
    assert (item.language, item.licence) == ("en-us", "CC0 1.0")
    assert item.source == str(tmp_path / "clips" / "c3.mp3")
    assert decode(Path(item.source), 10).sample_rate_hz == 32000
    write_text(tmp_path / "dev.tsv", "sentence\tpath\tclient_id\taccents\nOlder.\tc3\tcid\t\n")
    item = audio(read(tmp_path)[0])
    assert (item.item_id, item.speaker, item.text) == ("c3", "cid", "Older.")
    assert item.source == str(tmp_path / "clips" / "c3.mp3")


def test_a_clip_that_stands_in_two_tables_is_one_item_and_no_speaker_is_on_two_sides(tmp_path: Path) -> None:
    items = [audio(item) for item in read(common_voice_corpus(tmp_path, TABLES))]
    assert [(item.item_id, item.split) for item in items] == [
        ("c3", "validation"),
        ("c4", "test"),
        ("c1", "train"),
        ("c2", "train"),
        ("c5", "validation"),
        ("c6", "test"),
        ("c7", "train"),
    ]


def test_without_tables_of_splits_the_hash_decides(tmp_path: Path) -> None:
    folder = common_voice_corpus(tmp_path, {"validated": TABLES["validated"]})
    assert {audio(item).split for item in read(folder)} == {""}
    folder = common_voice_corpus(tmp_path / "half", {name: TABLES[name] for name in ("train", "test", "validated")})
    assert {audio(item).speaker: audio(item).split for item in read(folder)} == {
        **{"ann": "", "bob": "", "cid": "", "eve": ""},
        "dee": "test",
    }


@pytest.mark.parametrize(
    ("locale", "language"),
    [("en", "en-us"), ("sv-SE", "sv"), ("zh-HK", "yue"), ("zh-CN", "cmn"), ("de", "de"), ("", "ga")],
)
def test_the_locale_names_the_language_else_the_folder_does(tmp_path: Path, locale: str, language: str) -> None:
    folder = common_voice_corpus(tmp_path / "ga-IE", {"validated": (("ann", "c1"),)}, locale)
    assert audio(read(folder)[0]).language == language


def test_a_clip_listed_twice_in_one_table_or_in_two_splits_is_told(tmp_path: Path) -> None:
    folder = common_voice_corpus(
        tmp_path, {"train": (("ann", "c1"), ("ann", "c1"), ("bob", "c2")), "test": (("bob", "c2"),)}
    )
    items = read(folder)
    assert [isinstance(item, BadItem) for item in items] == [False, False, True, True]
    assert [item.reason for item in items if isinstance(item, BadItem)] == [
        "the clip 'c1.mp3' is listed twice",
        "the clip 'c2.mp3' is listed twice",
    ]


def test_broken_rows_are_failures_between_good_ones(tmp_path: Path) -> None:
    folder = common_voice_corpus(tmp_path, {"train": (("ann", "c1"),)})
    rest = b"\t\t2\t0\t\t\t\t\ten\t\n"
    named = (b"../c3.mp3", b"a::http://b/c5.mp3", b"", b"c6.mp3")
    with (folder / "train.tsv").open("ab") as file:
        file.write(b"ann\tc2.mp3\n" + b"ann\tc4.mp3\tf\tcaf\xe9" + rest)
        file.writelines(b"ann\t" + name + b"\tf\tx" + rest for name in named)
    items = read(folder)
    assert [item.item_id for item in items if isinstance(item, AudioItem)] == ["c1", "c6"]
    assert [item.reason.split(",")[0].split(" (")[0] for item in items if isinstance(item, BadItem)] == [
        "expected 13 columns",
        "expected UTF-8 text",
        *["expected the name of a file in clips/"] * 3,
    ]


def test_a_table_of_something_else_is_told_row_by_row(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    write_text(tmp_path / "train.tsv", "name\tvalue\na\tb\n")
    (item,) = read(tmp_path)
    assert isinstance(item, BadItem)
    assert "path among them" in item.reason


@pytest.mark.parametrize("names", [("train.tsv",), ("clips/a.mp3",), ("clips/a.mp3", "other.tsv")])
def test_other_folders_are_none_of_its(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        write_text(tmp_path / name, "")
    assert not common_voice.detect(locate(str(tmp_path)))
