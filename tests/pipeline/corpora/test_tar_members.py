import io
import tarfile
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpora.tar_members import Member, TarDamage, members
from tests.packed_builders import tar_bytes

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


def found(data: bytes) -> list[Member]:
    return list(members(lambda start, num_bytes: data[start : start + num_bytes], len(data)))


def found_by_tarfile(data: bytes) -> list[Member]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [Member(info.name, info.offset_data, info.size) for info in tar if info.isreg()]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300).filter(
    lambda name: not name.endswith("/")
)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=1100)), max_size=4), st.sampled_from(FORMATS[1:]))
def test_any_tar_reads_as_tarfile_reads_it(files: list[tuple[str, bytes]], form: int) -> None:
    data = tar_bytes(files, form)
    assert found(data) == found_by_tarfile(data)
    assert [(it.name, data[it.offset : it.offset + it.num_bytes]) for it in found(data)] == files


def test_a_long_posix_name_stands_in_two_fields() -> None:
    data = tar_bytes({"folder/" * 20 + "file.wav": b"x"}, tarfile.USTAR_FORMAT)
    assert found(data) == found_by_tarfile(data) == [Member("folder/" * 20 + "file.wav", 512, 1)]


def test_links_devices_and_folders_are_passed_over() -> None:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo(f"a-{kind.decode()}.wav")
            info.type, info.linkname, info.size = kind, "/etc/passwd", 7  # a link's size is that of its target
            tar.addfile(info)
        info = tarfile.TarInfo("b.wav")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    assert [member.name for member in found(sink.getvalue())] == ["b.wav"]


def test_tars_put_one_after_the_other_are_all_read() -> None:
    data = tar_bytes({"a": b"1"}) + tar_bytes({"b": b"2"})
    assert [member.name for member in found(data)] == ["a", "b"]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_sizes_beyond_octal_are_binary_or_in_an_extended_header(form: Literal[1, 2]) -> None:
    info = tarfile.TarInfo("large.wav")
    info.size = 9 * 2**30
    header = info.tobuf(form)
    listing = members(lambda start, num_bytes: header[start : start + num_bytes], 2**40)
    assert next(listing) == Member("large.wav", len(header), 9 * 2**30)


def edited(data: bytes, start: int, new: bytes) -> bytes:
    """A tar with its first header changed, and the sum of it right."""
    header = bytearray(data[:512])
    header[start : start + len(new)] = new
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[512:]


def test_gnu_s_times_stand_where_posix_has_a_prefix() -> None:
    data = tar_bytes({"a.wav": b"x"}, tarfile.GNU_FORMAT)
    assert found(edited(data, 345, b"14000000000\0")) == [Member("a.wav", 512, 1)]


def test_sums_of_signed_bytes_are_taken_too() -> None:
    data = tar_bytes({"ü.wav": b"x"}, tarfile.GNU_FORMAT)
    unsigned = int(data[148:154], 8)
    signed = data[:148] + b"%06o\0 " % (unsigned - 2 * 256) + data[156:]
    assert found(signed) == found(data) == found_by_tarfile(signed)
    with pytest.raises(TarDamage, match="no header of a tar"):
        found(data[:148] + b"%06o\0 " % (unsigned - 256) + data[156:])


ONE = tar_bytes({"a.wav": b"x" * 600}, tarfile.USTAR_FORMAT)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"this is no tar " * 100, "no header of a tar at byte 0"),
        (ONE[:1000], "'a.wav' ends at byte 1112, the file at 1000: truncated"),
        (ONE[:1536] + b"x" * 512, "no header of a tar at byte 1536"),
        (ONE[:100], "no header of a tar at byte 0"),
        (edited(ONE, 124, b"77777777777\0"), "ends at byte 8589935103"),
        (edited(ONE, 124, b"\x80" + b"\xff" * 11), "the file at"),
        (edited(ONE, 124, b"no number\0\0\0"), "for a number"),
        (edited(ONE, 124, b"-0000000600\0"), "for a number"),
        (edited(ONE, 156, b"S"), "'a.wav' is a sparse file at byte 0"),
        (edited(edited(ONE, 156, b"x"), 124, b"00077777777\0"), "an extended header of 16777215 bytes"),
        (edited(edited(ONE, 156, b"x"), 124, b"00000077777\0"), "an extended header that is truncated"),
        (edited(ONE, 156, b"x"), "an extended header that cannot be read at byte 0"),
    ],
)
def test_damage_is_named(data: bytes, expected: str) -> None:
    with pytest.raises(TarDamage, match=expected):
        found(data)


@pytest.mark.parametrize(
    "records", [b"5 a=", b"999 path=b\n", b"11 path=bcd", b"99999999999999999999999 a=b\n", b"-1 a=b"]
)
def test_an_extended_header_is_checked(records: bytes) -> None:
    header = tar_bytes({"x": b"y" * len(records)}, tarfile.USTAR_FORMAT)[:512]
    with pytest.raises(TarDamage):
        found(edited(header, 156, b"x") + records.ljust(512, b"\0") + ONE)


@pytest.mark.parametrize("size", ["-1", "1e3", "²", "9" * 30])
def test_a_size_said_in_words_is_a_number(size: str) -> None:
    info = tarfile.TarInfo("a.wav")
    info.size, info.pax_headers = 3, {"size": size}
    with pytest.raises(TarDamage, match="a size of"):
        found(info.tobuf(tarfile.PAX_FORMAT) + b"x" * 512)
