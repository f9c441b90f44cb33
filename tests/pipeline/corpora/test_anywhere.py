"""The same corpora on a local disk, in memory, in a zip, in a tar and in an object store: the same items everywhere."""

import io
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.core import url_to_fs
from fsspec.implementations.tar import TarFileSystem
from fsspec.registry import _registry
from moto.server import ThreadedMotoServer

from pipeline.audio.decode import decode as decode_audio
from pipeline.corpora.detect import find_layout
from pipeline.corpora.packed import packed_bytes, packed_pixels
from pipeline.errors import CorpusError, MissingExtra, StorageError
from pipeline.image.decode import decode as decode_image
from pipeline.items import AudioItem, BadItem, ImageItem, Item
from pipeline.storage import Location, locate
from tests.corpus_builders import fsdd_corpus, idx_corpus, write_png
from tests.packed_builders import cifar10_corpus, webdataset_corpus

LAYOUTS = {
    "pictures": "image_folder",
    "digits": "fsdd",
    "mnist": "idx",
    "raw mnist": "idx",
    "cifar": "cifar",
    "shards": "webdataset_image",
}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of tiny corpora."""
    folder = tmp_path_factory.mktemp("corpora")
    for split in ("train", "val", "test"):
        for number, name in enumerate(("cat/[1] 100% #2?.png", "dog/ü*.png", "dog/deeper/1.png")):
            write_png(folder / "pictures" / split / name, 40 * number)
    write_png(folder / "pictures" / "train" / "loose.png")
    fsdd_corpus(folder / "digits")
    idx_corpus(folder / "mnist", {"train": 12, "t10k": 3})
    idx_corpus(folder / "raw mnist", {"train": 12}, packed=False)
    cifar10_corpus(folder / "cifar", {"data_batch_1.bin": 4, "test_batch.bin": 2})
    webdataset_corpus(folder / "shards")
    return folder


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URI of a bucket on a server of our own, reached as a user's is: by the environment."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    class_of_s3 = fsspec.get_filesystem_class("s3")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        class_of_s3.clear_instance_cache()
        fsspec.filesystem("s3").mkdir("corpora")  # all servers of a process share their buckets
        yield "s3://corpora"
        class_of_s3.clear_instance_cache()
    server.stop()


def in_store(uri: str, corpora: Path) -> Location:
    """The corpora copied to a store."""
    filesystem, path = url_to_fs(uri)
    filesystem.put(f"{corpora}/", f"{path}/", recursive=True)
    return locate(uri)


def in_zip(path: Path, corpora: Path) -> Location:
    """The corpora in a compressed zip."""
    shutil.make_archive(str(path.with_suffix("")), "zip", corpora)
    return locate(f"zip://::{path}")


def in_tar(path: Path, corpora: Path, prefix: str) -> Location:
    """The corpora in a tar, their names with or without "./" before them."""
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as tar:
        if prefix == "./":
            tar.add(corpora, ".")
        else:
            for below in sorted(corpora.iterdir()):
                tar.add(below, below.name)
    return locate(f"tar://::{path}")


@pytest.fixture(scope="module", params=["memory", "zip", "tar", "tar of .", "tar.gz", "s3"])
def elsewhere(request: pytest.FixtureRequest, corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Location:
    """The corpora in another place than this machine's disk."""
    folder = tmp_path_factory.mktemp("archives")
    match request.param:
        case "memory":
            return in_store(f"memory://{folder.name}", corpora)
        case "zip":
            return in_zip(folder / "all.zip", corpora)
        case "s3":
            return in_store(f"{request.getfixturevalue('bucket')}/some/where", corpora)
        case name:
            return in_tar(
                folder / ("all.tar.gz" if name == "tar.gz" else "all.tar"), corpora, "./" * (name == "tar of .")
            )


def read(folder: Location) -> tuple[str, list[Item]]:
    """The name of the layout that is found, and the items."""
    layout = find_layout(folder)
    return layout.name, list(layout.items(folder))


def content(item: Item) -> object:
    """An item without its place, and with what is to be seen or heard in it."""
    if isinstance(item, BadItem):
        return replace(item, source="")
    bare = replace(item, source="", fingerprint="")
    if item.container in ("idx", "cifar"):
        assert isinstance(item, ImageItem)
        return bare, packed_pixels(item).tolist()
    data = packed_bytes(item) if item.container else Location(item.source).read_bytes()
    decoded = decode_audio(data, 10).waveform if isinstance(item, AudioItem) else decode_image(data)
    return bare, np.asarray(decoded).tolist()


@pytest.mark.parametrize("corpus", LAYOUTS)
def test_items_are_the_same_everywhere(corpora: Path, elsewhere: Location, corpus: str) -> None:
    layout, here = read(locate(str(corpora / corpus)))
    name, there = read(elsewhere / corpus)
    assert (layout, name) == (LAYOUTS[corpus], LAYOUTS[corpus])
    assert len(here) > 4
    assert [content(item) for item in there] == [content(item) for item in here]
    assert all(item.source.startswith(elsewhere.uri.split("://")[0]) for item in there)
    assert all(item.fingerprint for item in there if not isinstance(item, BadItem))


def test_a_range_beyond_the_end_is_empty_everywhere(corpora: Path, elsewhere: Location) -> None:
    path = "mnist/t10k-labels-idx1-ubyte.gz"
    whole = (corpora / path).read_bytes()
    for start, num_bytes in ((0, 4), (5, 10_000), (len(whole), 1), (10_000, 5)):
        assert (elsewhere / path).read_range(start, num_bytes) == whole[start : start + num_bytes]


def test_a_corpus_may_be_the_whole_archive(corpora: Path, tmp_path: Path) -> None:
    _, here = read(locate(str(corpora / "digits")))
    for place in (in_zip(tmp_path / "d.zip", corpora / "digits"), in_tar(tmp_path / "d.tar", corpora / "digits", "./")):
        _, there = read(place)
        assert [content(item) for item in there] == [content(item) for item in here]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_may_lie_in_a_store(corpora: Path, bucket: str, tmp_path: Path, kind: str) -> None:
    _, here = read(locate(str(corpora / "digits")))
    local = tmp_path / f"digits.{kind}"
    _ = in_zip(local, corpora / "digits") if kind == "zip" else in_tar(local, corpora / "digits", "./")
    locate(f"{bucket}/{local.name}").write_bytes(local.read_bytes())
    _, there = read(locate(f"{kind}://::{bucket}/{local.name}"))
    assert [content(item) for item in there] == [content(item) for item in here]


def test_a_tar_is_opened_once_and_again_when_it_has_changed(
    corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    index: Any = TarFileSystem._index

    def noted(self: TarFileSystem) -> None:
        opened.append("once more")
        index(self)

    monkeypatch.setattr(TarFileSystem, "_index", noted)
    _, items = read(in_tar(tmp_path / "d.tar", corpora / "digits", ""))
    for item in items:
        Location(item.source).read_bytes()
    assert len(opened) == 1
    fsdd_corpus(tmp_path / "more", takes=3)
    assert len(read(in_tar(tmp_path / "d.tar", tmp_path / "more", ""))[1]) > len(items)
    assert len(opened) == 2


def test_a_changed_file_in_an_archive_has_another_fingerprint(tmp_path: Path) -> None:
    found = []
    for content in ("one", "two"):
        with zipfile.ZipFile(tmp_path / f"{content}.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo("a.txt"), content)
        found.append(locate(f"zip://a.txt::{tmp_path / content}.zip").fingerprint())
    assert found[0] != found[1]


def test_a_tar_whose_files_bear_one_time_is_told_from_the_one_before(tmp_path: Path) -> None:
    def fingerprints(contents: dict[str, bytes], times: dict[str, int]) -> list[str]:
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            for name, content in contents.items():
                member = tarfile.TarInfo(name)
                member.size, member.mtime = len(content), times[name]
                archive.addfile(member, io.BytesIO(content))
        folder = locate(f"tar://::{tmp_path / 'a.tar'}")
        found = [file.fingerprint for file in folder.files()]
        assert found == [(folder / name).fingerprint() for name in contents]
        return found

    one, other = {"a.txt": b"one", "b.txt": b"b"}, {"a.txt": b"two", "b.txt": b"b"}
    same, apart = {"a.txt": 0, "b.txt": 0}, {"a.txt": 0, "b.txt": 1}
    assert fingerprints(one, same) != fingerprints(other, same)
    before, after = fingerprints(one, apart), fingerprints(one | {"c.txt": b"c"}, apart | {"c.txt": 2})
    assert after[:2] == before


def test_an_archive_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no tar" * 1000)
    (tmp_path / "a.zip").write_bytes(b"no zip" * 1000)
    for kind in ("tar", "zip"):
        with pytest.raises(StorageError, match=f"a.{kind}"):
            find_layout(locate(f"{kind}://::{tmp_path}/a.{kind}"))
        with pytest.raises(CorpusError, match="does not exist"):
            find_layout(locate(f"{kind}://::{tmp_path}/none.{kind}"))


def test_a_file_that_is_read_keeps_its_archive_open(tmp_path: Path) -> None:
    files = []
    for number in range(6):
        with zipfile.ZipFile(tmp_path / f"{number}.zip", "w") as archive:
            archive.writestr("a.txt", str(number) * 100_000)
        files.append(locate(f"zip://a.txt::{tmp_path / str(number)}.zip").open())
    assert [file.read(5) for file in files] == [str(number).encode() * 5 for number in range(6)]
    for file in files:
        file.close()


def test_google_s_store_is_reached_by_its_own_package() -> None:
    gcsfs = pytest.importorskip("gcsfs")
    assert fsspec.get_filesystem_class("gs") is gcsfs.GCSFileSystem
    filesystem, path = url_to_fs("gs://bucket/corpus/a.wav", token="anon", skip_instance_cache=True)
    assert isinstance(filesystem, gcsfs.GCSFileSystem)
    assert path == "bucket/corpus/a.wav"


@pytest.mark.parametrize(
    ("uri", "package", "extra"), [("gs://bucket/corpus", "gcsfs", "gcs"), ("s3://bucket/corpus", "s3fs", "s3")]
)
def test_a_store_whose_package_is_absent_is_one_clear_error(
    uri: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for protocol in ("gs", "gcs", "s3", "s3a"):
        monkeypatch.delitem(_registry, protocol, raising=False)
    monkeypatch.setitem(sys.modules, package, None)  # which lets its import fail as an absent package's does
    with pytest.raises(
        MissingExtra, match=rf"{uri}: this kind of storage needs .*{package}.* pip install '\.\[{extra}\]'"
    ):
        find_layout(locate(uri))
