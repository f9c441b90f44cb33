import contextlib
import gzip
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipeline.corpora import jsonl_manifest
from pipeline.corpora.lines import MOST_LINE_BYTES
from pipeline.errors import CorpusError
from pipeline.items import AudioItem, BadItem, Item, TimedPhone, TimedWord
from pipeline.storage import Location, locate
from tests.corpus_builders import manifest_corpus, write_wav
from tests.label_builders import mutated, mutated_json


def read(folder: Path, *lines: dict[str, Any] | str) -> list[Item]:
    return list(jsonl_manifest.items(locate(str(manifest_corpus(folder, lines)))))


def test_every_field_is_read(tmp_path: Path) -> None:
    (item,) = read(
        tmp_path,
        {
            "audio_filepath": "wavs/ä b.wav",
            "text": "Hi",
            "text_normalised": "hi",
            "speaker": 12,
            "emotion": "calm",
            "language": "en-us",
            "label": "x",
            "licence": "CC0",
            "split": "dev",
            "duration": 1.5,
            "phones": [["h", 0, 0.1], ["aɪ", 0.1, 0.2]],
            "words": [["hi", 0, 0.2]],
        },
    )
    source = tmp_path / "wavs" / "ä b.wav"
    assert isinstance(item, AudioItem)
    assert item == AudioItem(
        item_id="wavs/ä b",
        source=str(source),
        speaker="12",
        emotion="calm",
        language="en-us",
        label="x",
        text="Hi",
        text_normalised="hi",
        licence="CC0",
        split="validation",
        phones=(TimedPhone("h", 0.0, 0.1), TimedPhone("aɪ", 0.1, 0.2)),
        words=(TimedWord("hi", 0.0, 0.2),),
        duration_s=1.5,
    )


def test_a_path_alone_will_do_and_may_be_absolute(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "elsewhere" / "a.wav")
    (item,) = read(tmp_path / "corpus", {"audio_filepath": str(path), "item_id": "first"})
    assert (item.item_id, item.source) == ("first", str(path))


def test_a_missing_file_is_still_an_item_and_no_file_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest_corpus(tmp_path, ['{"audio_filepath": "no/such.wav"}', '{"audio_filepath": "' + "x" * 300 + '"}'])
    monkeypatch.setattr(Location, "fingerprint", None)
    monkeypatch.setattr(Location, "is_file", None)
    assert [type(item) for item in jsonl_manifest.items(locate(str(tmp_path)))] == [AudioItem, AudioItem]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{not json", "not JSON"),
        ("[1]", "expected a JSON object, got list"),
        ("{}", "expected audio_filepath"),
        ('{"audio_filepath": 3}', "expected audio_filepath"),
        ('{"audio_filepath": "../a.wav"}', "below the manifest"),
        ('{"audio_filepath": "http://a/b.wav"}', "below the manifest"),
        ('{"audio_filepath": "a.wav", "offset": "1.5"}', "expected offset to be a number, got '1.5'"),
        ('{"audio_filepath": "a.wav", "offset": -1.5}', "expected offset to be 0 or more, got -1.5"),
        ('{"audio_filepath": "a.wav", "duration": NaN}', "expected duration to be a number, got nan"),
        ('{"audio_filepath": "a.wav", "duration": true}', "expected duration to be a number, got True"),
        ('{"audio_filepath": "a.wav"} {}', "there is more behind the object"),
        ('{"audio_filepath": "a.wav", "words": [["x", 0]]}', "expected a word as"),
        ('{"audio_filepath": "a.wav", "speaker": ["x"]}', "expected speaker to be text"),
        ('{"audio_filepath": "a.wav", "split": "holdout"}', "split 'holdout'"),
        ('{"audio_filepath": "a.wav", "phones": "x"}', "expected phones"),
        ('{"audio_filepath": "a.wav", "phones": [["x", 0]]}', "expected a phone as"),
        ('{"audio_filepath": "a.wav", "phones": [["x", 0, NaN]]}', "expected a phone as"),
        ('{"audio_filepath": "a.wav", "phones": [["x", 0, 1' + "0" * 400 + "]]}", "too large"),
        ('{"audio_filepath": "."}', "is no name of something below"),
        pytest.param('{"a":' * 100_000, "not JSON", id="nested"),
        pytest.param('{"text": "' + "x" * 3 * MOST_LINE_BYTES + '"}', "longer than 1048576 bytes", id="thrice"),
        pytest.param("x" * (MOST_LINE_BYTES + 1), "longer than 1048576 bytes", id="one byte too long"),
        pytest.param("x" * MOST_LINE_BYTES, "not JSON", id="as long as it may be"),
        ('{"audio_filepath": "a.wav", "text": "\\ud800"}', "not JSON in UTF-8"),
    ],
)
def test_a_line_that_cannot_be_read_is_a_bad_item_between_good_ones(tmp_path: Path, line: str, expected: str) -> None:
    items = read(tmp_path, {"audio_filepath": "1.wav"}, line, "", {"audio_filepath": "2.wav"})
    assert [item.item_id for item in items] == ["1", "manifest.jsonl line 2", "2"]
    assert isinstance(items[1], BadItem)
    assert expected in items[1].reason


def test_bytes_that_are_no_utf8_spoil_their_line_alone(tmp_path: Path) -> None:
    manifest_corpus(tmp_path, [{"audio_filepath": "1.wav"}])
    with (tmp_path / "manifest.jsonl").open("ab") as file:
        file.write(b'{"audio_filepath": "\xff.wav"}\n')
    items = list(jsonl_manifest.items(locate(str(tmp_path))))
    assert [type(item) for item in items] == [AudioItem, BadItem]


def test_an_id_given_twice_is_a_bad_item(tmp_path: Path) -> None:
    items = read(tmp_path, *[{"audio_filepath": "1.wav"}] * 3)
    assert [type(item) for item in items] == [AudioItem, BadItem, BadItem]
    assert len({item.item_id for item in items}) == 3


def test_nemo_s_offset_and_duration_are_a_piece_and_duration_alone_is_the_file_s(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"audio_filepath": "a.wav", "duration": 9.5},
        {"audio_filepath": "a.wav", "offset": 0.0, "duration": 2.5},
        {"audio_filepath": "a.wav", "offset": 1.5, "duration": 2},
        {"audio_filepath": "a.wav", "offset": 2},
        {"audio_filepath": "b.wav", "offset": 0, "duration": None},
        {"audio_filepath": "c.wav", "duration": -1, "offset": None},
    ]
    items = [item for item in read(tmp_path, *lines) if isinstance(item, AudioItem)]
    assert [(item.item_id, item.start_s, item.end_s, item.duration_s) for item in items] == [
        ("a", 0.0, None, 9.5),
        ("a@0.000-2.500", 0.0, 2.5, 2.5),
        ("a@1.500-3.500", 1.5, 3.5, 2.0),
        ("a@2.000", 2.0, None, 0.0),
        ("b", 0.0, None, 0.0),
        ("c", 0.0, None, 0.0),
    ]


@pytest.mark.parametrize("name", ["train.jsonl", "train_manifest.json", "manifest.jsonl.gz", "a.manifest.json.gz"])
def test_a_manifest_is_found_by_its_name_and_first_line(tmp_path: Path, name: str) -> None:
    data = b'\n{"audio_filepath": "a.wav", "lang": "de"}\n'
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    (tmp_path / "other.jsonl").write_text('{"id": "cut"}\n')
    (tmp_path / "broken.jsonl.gz").write_bytes(gzip.compress(data * 1000)[:30])
    (tmp_path / "settings.json").write_bytes(data)
    (item,) = jsonl_manifest.items(locate(str(tmp_path)))
    assert isinstance(item, AudioItem)
    assert (item.item_id, item.language, item.split) == ("a", "de", "")


def test_manifest_jsonl_goes_alone(tmp_path: Path) -> None:
    manifest_corpus(tmp_path, [{"audio_filepath": "a.wav"}])
    (tmp_path / "requests.jsonl").write_text('{"audio_filepath": "b.wav"}\n')
    assert [item.item_id for item in jsonl_manifest.items(locate(str(tmp_path)))] == ["a"]


def test_several_manifests_name_their_splits_and_a_line_may_say_another(tmp_path: Path) -> None:
    for name in ("dev", "test", "train"):
        lines = [{"audio_filepath": f"{name}1.wav"}, {"audio_filepath": f"{name}2.wav", "split": "test"}]
        (tmp_path / f"{name}_manifest.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = {
        item.item_id: item.split for item in jsonl_manifest.items(locate(str(tmp_path))) if isinstance(item, AudioItem)
    }
    assert found == {
        "dev1": "validation",
        "dev2": "test",
        "test1": "test",
        "test2": "test",
        "train1": "train",
        "train2": "test",
    }


def test_a_gzip_that_was_torn_off_is_no_corpus(tmp_path: Path) -> None:
    data = gzip.compress(b"".join(b'{"audio_filepath": "%d.wav"}\n' % number for number in range(20_000)))
    (tmp_path / "manifest.jsonl").write_bytes(data[: len(data) // 2])
    with pytest.raises(CorpusError, match="a gzip file that cannot be unpacked"):
        list(jsonl_manifest.items(locate(str(tmp_path))))


def test_pairs_of_surrogates_are_text_and_halves_are_not(tmp_path: Path) -> None:
    pair, half = '{"audio_filepath": "a.wav", "text": "\\ud83d\\ude00"}', '{"audio_filepath": "b.wav", "\\uDE00": 1}'
    good, bad = read(tmp_path, pair, half)
    assert isinstance(good, AudioItem)
    assert good.text == "\N{GRINNING FACE}"
    assert isinstance(bad, BadItem)


@pytest.mark.parametrize("path", ["a//b.wav", "./a/b.wav", "a/./b.wav", "a/b.wav", "a/b.wav/"])
def test_paths_are_joined_as_locations_join_them(tmp_path: Path, path: str) -> None:
    (tmp_path / "manifest.jsonl").write_text(json.dumps({"audio_filepath": path}))
    (item,) = jsonl_manifest.items(locate(str(tmp_path)))
    assert item.source == str(locate(str(tmp_path)) / path) == str(tmp_path / "a" / "b.wav")


@pytest.mark.parametrize("uri", ["/corpus", "s3://bucket/corpus", "zip://corpus::/a.zip", "zip://::s3://bucket/a.zip"])
def test_a_path_is_joined_to_any_kind_of_folder(uri: str) -> None:
    folder = Location(uri)
    before, after = (folder / "\0").uri.split("\0")
    found = jsonl_manifest.audio_uri({"audio_filepath": "wavs/a.wav"}, folder, before, after)
    assert found == str(folder / "wavs/a.wav")


@pytest.mark.parametrize("name", ["manifest.jsonl", "train.jsonl.gz"])
def test_a_manifest_in_an_archive_names_files_of_the_archive(tmp_path: Path, name: str) -> None:
    line = b'{"audio_filepath": "wavs/a.wav"}\n'
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(f"corpus/{name}", gzip.compress(line) if name.endswith(".gz") else line)
    folder = locate(f"zip://corpus::{tmp_path}/a.zip")
    (item,) = jsonl_manifest.items(folder)
    assert item.source == str(folder / "wavs/a.wav")


def test_two_hundred_mutations_of_a_manifest_give_items_and_bad_items(tmp_path: Path) -> None:
    line = {"audio_filepath": "wavs/a.wav", "offset": 1, "duration": 2.5, "phones": [["a", 0, 1]], "split": "dev"}
    data = b"".join(json.dumps(line | {"item_id": f"é{number}"}).encode() + b"\n" for number in range(3))
    kinds = set()
    for seed in range(200):
        (tmp_path / "manifest.jsonl").write_bytes(mutated(data, random.Random(seed)))
        found = list(jsonl_manifest.items(locate(str(tmp_path))))
        kinds |= {type(item) for item in found}
        assert len({item.item_id for item in found}) == len(found)
        assert all(item.item_id.isprintable() for item in found)
    assert kinds == {AudioItem, BadItem}


def test_two_hundred_lines_with_something_else_in_one_place_give_items_and_bad_items(tmp_path: Path) -> None:
    line = {"audio_filepath": "a.wav", "offset": 1, "duration": 2, "words": [["a", 0, 1]], "text": "a", "split": "dev"}
    odd = [json.dumps(mutated_json(line, random.Random(seed))) for seed in range(200)]
    found = read(tmp_path, *odd)
    assert {type(item) for item in found} == {AudioItem, BadItem}
    assert len(found) == len({item.item_id for item in found}) == 200


def test_two_hundred_mutations_of_a_gzip_give_items_or_no_corpus(tmp_path: Path) -> None:
    data = gzip.compress(b'{"audio_filepath": "wavs/a.wav"}\n' * 50, mtime=0)
    for seed in range(200):
        (tmp_path / "manifest.jsonl").write_bytes(mutated(data, random.Random(seed)))
        with contextlib.suppress(CorpusError):
            list(jsonl_manifest.items(locate(str(tmp_path))))


def test_an_id_that_would_act_on_a_terminal_is_a_bad_item(tmp_path: Path) -> None:
    (item,) = read(tmp_path, {"audio_filepath": "a.wav", "item_id": "a\nb\x1b[31m"})
    assert isinstance(item, BadItem)
    assert "expected printable characters" in item.reason
