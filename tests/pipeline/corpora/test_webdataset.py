import gc
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from webdataset.compat import WebDataset
from webdataset.writer import TarWriter

from pipeline.corpora import webdataset as layout
from pipeline.corpora.detect import find_layout
from pipeline.corpora.ranges import block
from pipeline.corpora.webdataset import PICTURES_LAYOUT, RECORDINGS_LAYOUT, read_member
from pipeline.errors import CorpusError, ItemError
from pipeline.image.decode import decode
from pipeline.items import AudioItem, BadItem, ImageItem, Item
from pipeline.storage import Location, locate
from tests.packed_builders import picture_bytes, recording_bytes, tar_bytes, webdataset_corpus, write_tar


def read(folder: Path) -> list[Item]:
    place = locate(str(folder))
    return list(find_layout(place).items(place))


def pictures(folder: Path) -> list[ImageItem]:
    return [item for item in read(folder) if isinstance(item, ImageItem)]


def failures(folder: Path) -> dict[str, str]:
    return {item.item_id: item.reason for item in read(folder) if isinstance(item, BadItem)}


def test_pictures_have_labels_and_are_read_where_they_lie(tmp_path: Path) -> None:
    items = pictures(webdataset_corpus(tmp_path))
    assert [item.item_id for item in items] == [f"shard-{s}.tar/{n:03d}" for s in range(2) for n in range(3)]
    assert [item.label for item in items] == ["0", "1", "2"] * 2
    assert {(item.container, item.source) for item in items[:3]} == {("tar", str(tmp_path / "shard-0.tar"))}
    assert [decode(read_member(item))[0, 0, 0] for item in items] == [0, 1, 2, 10, 11, 12]
    assert all(item.fingerprint for item in items)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_the_webdataset_library_writes_is_read_as_it_reads_it(tmp_path: Path) -> None:
    for shard in range(2):
        with TarWriter(str(tmp_path / f"train-{shard}.tar")) as writer:
            for number in range(3):
                picture = Image.new("RGB", (4, 3), (number, shard, 7))
                facts = {"label": f"class {number}", "licence": "CC0"}
                writer.write({"__key__": f"a/b.c/{number}", "png": picture, "json": facts, "seg.png": picture})
    urls = [str(tmp_path / f"train-{shard}.tar") for shard in range(2)]
    reader: Any = WebDataset(urls, shardshuffle=False).decode("rgb8")
    theirs = list(reader)
    gc.collect()  # the library leaves its files open
    items = pictures(tmp_path)
    assert len(items) == len(theirs) == 6
    for item, sample in zip(items, theirs, strict=True):
        assert item.item_id.endswith(f".tar/{sample['__key__']}")
        assert (item.label, item.licence) == (sample["json"]["label"], "CC0")
        assert decode(read_member(item)).tolist() == sample["png"].tolist()


def test_recordings_have_texts_and_whatever_else_the_json_says(tmp_path: Path) -> None:
    facts = {"text": "eins", "speaker": 7, "language": "de", "emotion": "calm", "duration": 0.05, "offset": [1]}
    write_tar(
        tmp_path / "a.tar",
        {
            "1.flac": recording_bytes(1, "FLAC"),
            "1.json": json.dumps(facts).encode(),
            "2.txt": "\ufeffzwei\n".encode(),
            "2.wav": recording_bytes(2),
        },
    )
    one, two = read(tmp_path)
    assert isinstance(one, AudioItem)
    assert isinstance(two, AudioItem)
    assert (one.text, one.speaker, one.language, one.emotion, one.duration_s) == ("eins", "7", "de", "calm", 0.05)
    assert (two.item_id, two.text, two.container) == ("a.tar/2", "zwei", "tar")
    assert read_member(one) == recording_bytes(1, "FLAC")
    assert read_member(two) == recording_bytes(2)


def test_the_first_medium_says_what_the_tars_hold(tmp_path: Path) -> None:
    write_tar(tmp_path / "a" / "x.tar", {"notes.txt": b"", "1.wav": recording_bytes(), "2.png": b""})
    write_tar(tmp_path / "b" / "val" / "x.tar", {"1.json": b"{}", "1.JPG": b"", "2.wav": b""})
    write_tar(tmp_path / "c" / "x.tar", {"code.py": b"", "pickled.pkl": b""})
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x.tar").write_bytes(b"this is no tar")
    found = [
        [it.name for it in (PICTURES_LAYOUT, RECORDINGS_LAYOUT) if it.detect(locate(str(tmp_path / name)))]
        for name in "abcd"
    ]
    assert found == [["webdataset_audio"], ["webdataset_image"], [], []]


def test_splits_are_words_in_the_path(tmp_path: Path) -> None:
    for name in ("x-train-000.tar", "val/000.tar", "test/000.tar"):
        write_tar(tmp_path / name, {"1.png": picture_bytes()})
    assert {item.item_id: item.split for item in pictures(tmp_path)} == {
        "test/000.tar/1": "test",
        "val/000.tar/1": "validation",
        "x-train-000.tar/1": "train",
    }


FACTS: list[tuple[dict[str, bytes], str]] = [
    ({"cls": b"3\n"}, "3"),
    ({"json": b'{"cls": 4, "caption": "x"}'}, "4"),
    ({"json": b'{"label": 0}', "txt": b"zero"}, "0"),
    ({"txt": b"zero"}, "zero"),
    ({"txt": b"a caption that is longer than any label " * 3}, ""),
    ({"txt": b"two\nlines"}, ""),
    ({}, ""),
]


@pytest.mark.parametrize(("files", "label"), FACTS)
def test_labels(tmp_path: Path, files: dict[str, bytes], label: str) -> None:
    write_tar(tmp_path / "a.tar", {"1.png": picture_bytes()} | {f"1.{ending}": data for ending, data in files.items()})
    assert [item.label for item in pictures(tmp_path)] == [label]


def test_names_are_ids_and_never_paths(tmp_path: Path) -> None:
    long = "n" * 300
    names = ["../../x", "/etc/passwd", "./a", "b.d/c", "ü", "u\u0308", long]
    write_tar(tmp_path / "a.tar", {f"{name}.png": picture_bytes(n) for n, name in enumerate(names)})
    items = pictures(tmp_path)
    expected = ["../../x", "/etc/passwd", "a", "b.d/c", "ü", "u\u0308", long]
    assert [item.item_id for item in items] == [f"a.tar/{name}" for name in expected]
    assert [decode(read_member(item))[0, 0, 0] for item in items] == list(range(len(names)))


def test_hidden_files_and_those_of_the_writer_are_passed_over(tmp_path: Path) -> None:
    files = {"._1.png": b"resource fork", "__meta__/x.png": b"", "README": b"", "1.png": picture_bytes()}
    write_tar(tmp_path / "a.tar", files)
    assert [item.item_id for item in read(tmp_path)] == ["a.tar/1"]


GOOD = ("good.png", picture_bytes())

BROKEN: list[tuple[list[tuple[str, bytes]], str, str]] = [
    ([("1.png", b""), ("1.jpg", b"")], "a.tar/1", r"expected one of \.jpg .* got 2 \(png, jpg\)"),
    ([("1.cls", b"3")], "a.tar/1", "got none"),
    ([("1.seg.png", b"3")], "a.tar/1", "got none"),
    ([("1.png", b""), ("1.png", b"")], "a.tar/1", "two files .png follow each other"),
    ([("1.png", b""), ("2.png", b""), ("1.cls", b"")], "a.tar/1 (again)", "comes twice in the tar"),
    ([("1.png", b""), ("2.png", b""), ("1.png", b"")], "a.tar/1 (again)", "comes twice in the tar"),
    ([("1.png", b""), ("1.json", b"[1]")], "a.tar/1", "expected the .json of the sample to be an object, got list"),
    ([("1.png", b""), ("1.json", b"{")], "a.tar/1", "not JSON"),
    ([("1.png", b""), ("1.json", b"[" * 100_000)], "a.tar/1", "not JSON"),
    ([("1.png", b""), ("1.json", b'{"label": "\\ud800"}')], "a.tar/1", "not JSON"),
    ([("1.png", b""), ("1.json", b'{"label": [1, 2]}')], "a.tar/1", r"expected label .* to be text, got \[1, 2\]"),
    ([("1.png", b""), ("1.cls", b"\xff")], "a.tar/1", "not UTF-8"),
    ([("1.png", b""), ("1.txt", b"x" * (2**20 + 1))], "a.tar/1", "1048577 bytes; expected at most a label"),
    ([("new\nline.png", b"")], "a.tar/new\nline", "expected printable characters"),
    ([("\udcff.png", b"")], "a.tar/�", "expected printable characters"),
]


@pytest.mark.parametrize(("files", "item_id", "reason"), BROKEN)
def test_what_a_sample_got_wrong_is_its_failure(
    tmp_path: Path, files: list[tuple[str, bytes]], item_id: str, reason: str
) -> None:
    write_tar(tmp_path / "a.tar", [GOOD, *files])
    found = failures(tmp_path)
    assert item_id in found
    with pytest.raises(ValueError, match=reason):
        raise ValueError(found[item_id])
    assert "a.tar/good" in [item.item_id for item in pictures(tmp_path)]


def test_a_damaged_tar_is_one_failure_and_what_lies_before_is_read(tmp_path: Path) -> None:
    write_tar(tmp_path / "b.tar", [("1.png", picture_bytes())])
    data = tar_bytes({f"{n}.png": picture_bytes(n) for n in range(3)})
    (tmp_path / "a.tar").write_bytes(data[:1024] + b"\xff" + data[1025:])
    items = read(tmp_path)
    assert [item.item_id for item in items] == ["a.tar after 0", "b.tar/1"]
    assert isinstance(items[0], BadItem)
    assert "no header of a tar at byte 1024" in items[0].reason
    assert "what follows in this tar is not read" in items[0].reason


def test_a_compressed_tar_is_refused(tmp_path: Path) -> None:
    data = gzip.compress(tar_bytes({"1.png": picture_bytes()}))
    (tmp_path / "a.tar.gz").write_bytes(data)
    with pytest.raises(CorpusError, match=r"a compressed tar has no bytes .* unpack it to a plain .tar \(gunzip\)"):
        read(tmp_path)
    write_tar(tmp_path / "b.tar", [GOOD])
    assert list(failures(tmp_path)) == ["a.tar.gz"]
    assert len(pictures(tmp_path)) == 1


def test_an_archive_of_something_else_is_not_taken_for_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(b"\x1f\x8b but no gzip")
    (tmp_path / "b.tgz").write_bytes(gzip.compress(tar_bytes({"x.py": b""})))
    with pytest.raises(CorpusError, match="no layout that is known here"):
        read(tmp_path)


def test_a_tar_that_was_cut_after_it_was_listed_is_the_item_s_failure(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", [("1.png", picture_bytes())])
    (item,) = pictures(tmp_path)
    path.write_bytes(path.read_bytes()[:530])
    block.cache_clear()
    with pytest.raises(ItemError, match="the tar was cut after it was listed"):
        read_member(item)


def test_a_member_larger_than_memory_should_hold_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tar(tmp_path / "a.tar", [("1.png", picture_bytes())])
    monkeypatch.setattr(layout, "MOST_MEMBER_BYTES", 10)
    with pytest.raises(ItemError, match="expected at most 10"):
        read_member(pictures(tmp_path)[0])


def test_reading_one_member_reads_little_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tar(tmp_path / "a.tar", {f"{n}.png": bytes([n]) * 2**20 for n in range(32)})
    items = pictures(tmp_path)
    asked: list[int] = []
    read_range = Location.read_range

    def counted(place: Location, *given: Any) -> bytes:
        data = read_range(place, *given)
        asked.append(len(data))
        return data

    monkeypatch.setattr(Location, "read_range", counted)
    assert read_member(items[9]) == bytes([9]) * 2**20
    assert sum(asked) <= 2 * 4 * 2**20


def test_real_recordings_come_out_of_a_tar_of_others_as_they_went_in(tmp_path: Path, shared_data: Path) -> None:
    files = sorted((shared_data / "fsdd" / "recordings").glob("*_theo_1*.wav"))
    with TarWriter(str(tmp_path / "digits.tar"), encoder=False) as writer:
        for file in files:
            writer.write({"__key__": file.stem, "wav": file.read_bytes(), "txt": file.stem[0].encode()})
    items = read(tmp_path)
    assert len(items) == len(files) > 50
    for item, file in zip(items, files, strict=True):
        assert isinstance(item, AudioItem)
        assert (item.item_id, item.text) == (f"digits.tar/{file.stem}", file.stem[0])
        assert read_member(item) == file.read_bytes()
