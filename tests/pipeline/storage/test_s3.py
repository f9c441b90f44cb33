"""What an object store does differently, against an S3 server on loopback."""

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from pipeline.storage import Location, locate, streamed

S3FileSystem = fsspec.get_filesystem_class("s3")


@pytest.fixture(scope="module")
def bucket() -> Iterator[Location]:
    """A bucket of our own, reached as a user's is: by the environment."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        S3FileSystem.clear_instance_cache()
        fsspec.filesystem("s3").mkdir("listings")
        yield locate("s3://listings")
        S3FileSystem.clear_instance_cache()
    server.stop()


def test_one_of_many_writers_creates_an_object(bucket: Location) -> None:
    with ThreadPoolExecutor(8) as writers:
        for number in range(5):
            place = bucket / f"race/{number}"
            told = list(writers.map(lambda n, place=place: place.create_bytes(bytes([n]) * 100), range(8)))
            assert told.count(True) == 1
            assert place.read_bytes() == bytes([told.index(True)]) * 100


def test_the_store_itself_refuses_the_second(bucket: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both writers look, see nothing, and put: the condition on the put decides."""
    monkeypatch.setattr(Location, "_type", lambda _: "")
    place = bucket / "second"
    assert (place.create_bytes(b"first"), place.create_bytes(b"second")) == (True, False)
    assert place.read_bytes() == b"first"


def test_objects_are_walked_in_order_and_marks_of_folders_are_none_of_them(bucket: Location) -> None:
    expected = sorted(["a.txt", "a/b", "a/b.c/d", "a/b-c", "ab", "a-b/c", "a", "é/ü", "\U0001f600/x", "z"])
    for path in expected:
        (bucket / f"walk/{path}").write_bytes(b"1")
    files = fsspec.filesystem("s3")
    files.call_s3("put_object", Bucket="listings", Key="walk/a/", Body=b"")
    files.call_s3("put_object", Bucket="listings", Key="walk/ab//twice", Body=b"")
    assert [entry.path for entry in (bucket / "walk").files()] == expected


def test_nothing_of_a_listing_stays_in_memory_and_what_is_new_is_seen(bucket: Location) -> None:
    for number in range(20):
        (bucket / f"kept/{number:02}/a").write_bytes(b"1")
    folder = bucket / "kept"
    assert len(list(folder.files())) == 20
    assert len(fsspec.filesystem("s3").dircache) <= 1
    (bucket / "kept/00/b").write_bytes(b"1")
    assert len(list(folder.files())) == 21


@pytest.mark.parametrize("num_pieces", [0, 1, 12])
def test_what_is_streamed_is_an_object_once_it_ends_well(bucket: Location, num_pieces: int) -> None:
    """Of nothing, of less than a part of an upload, of several parts."""
    place, piece = bucket / f"streamed/{num_pieces}", bytes(2**20)
    with streamed(place) as file:
        for _ in range(num_pieces):
            file.write(piece)
        assert not place.exists()
    assert place.read_bytes() == piece * num_pieces


@pytest.mark.parametrize("num_pieces", [1, 12])
def test_what_is_streamed_and_breaks_off_is_no_object(bucket: Location, num_pieces: int) -> None:
    place = bucket / f"broken/{num_pieces}"

    def break_off() -> None:
        with streamed(place) as file:
            file.write(bytes(num_pieces * 2**20))
            raise ValueError("broken off")

    with pytest.raises(ValueError, match="broken off"):
        break_off()
    gc.collect()
    assert not place.exists()
