"""The files in a tar, header by header: where each lies and how long it is. Nothing is unpacked, nothing is held.

Source: POSIX.1-1988 ustar, POSIX.1-2001 pax and GNU tar's long names and sizes, as tar(5) describes them.
What is no regular file is passed over: folders, links, devices. Names are text and never paths.
Traps: Python's tarfile keeps every header that it has met and reads an extended header of any length that it claims,
so that neither a large nor a hostile file can be given to it. An archive may go on after its end mark, where several
were put one after the other: what follows is read, too. Sizes above 8 GiB are binary; pax may say size and name anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

BLOCK = 512

MOST_EXTENDED_BYTES = 2**20
"""Of one extended header: longer names than a path can be."""

LONG_NAME, EXTENDED = b"L", (b"x", b"X")
ABOUT_OTHERS = (LONG_NAME, *EXTENDED, b"K", b"g")  # long names of links and what holds for all files say nothing of use
WITHOUT_CONTENT = (b"1", b"2", b"3", b"4", b"5", b"6")
REGULAR = (b"0", b"\0", b"7")
SPARSE = b"S"

Read = Callable[[int, int], bytes]
"""(start, num_bytes) → the bytes there, fewer at the file's end."""


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file in a tar: its name there, where its content begins, and how long that is."""

    name: str
    offset: int
    num_bytes: int


class TarDamage(ValueError):
    """From here on the file cannot be read as a tar."""


def members(read: Read, total_bytes: int) -> Iterator[Member]:
    """The regular files in order; TarDamage where a header is none, or promises more than is there."""
    position, said = 0, dict[str, str]()
    while position < total_bytes:
        header, num_bytes = read(position, BLOCK), 0
        if len(header) < BLOCK and not any(header):
            return
        if any(header):  # else padding, or the end mark
            check(header, position)
            kind = header[156:157]
            if kind in ABOUT_OTHERS:
                num_bytes = number(header[124:136], position)
                said |= said_by(kind, extended(read, position, num_bytes), position)
            else:
                member, said = described(header, said, position, total_bytes), {}
                num_bytes = member.num_bytes
                if kind in REGULAR and not member.name.endswith("/"):
                    yield member
        position += BLOCK + -(-num_bytes // BLOCK) * BLOCK


def check(header: bytes, position: int) -> None:
    """A header's own sum, which takes its own field for spaces; some tars of old add signed bytes."""
    if len(header) == BLOCK:
        rest, given = header[:148] + b" " * 8 + header[156:], number(header[148:156], position)
        if given == sum(rest) or given == sum(rest) - 256 * sum(byte > 127 for byte in rest):
            return
    raise TarDamage(f"no header of a tar at byte {position}")


def described(header: bytes, said: dict[str, str], position: int, total_bytes: int) -> Member:
    """What a header says, and extended ones before it have `said`, of the file that follows."""
    name = said.get("path") or name_in(header)
    if header[156:157] == SPARSE or any(key.startswith("GNU.sparse") for key in said):
        raise TarDamage(f"{name!r} is a sparse file at byte {position}; expected a tar made without --sparse")
    num_bytes = 0 if header[156:157] in WITHOUT_CONTENT else size_of(header, said, position)
    if position + BLOCK + num_bytes > total_bytes:
        raise TarDamage(f"{name!r} ends at byte {position + BLOCK + num_bytes}, the file at {total_bytes}: truncated")
    return Member(name, position + BLOCK, num_bytes)


def number(field: bytes, position: int) -> int:
    """An octal number, or a binary one where the first bit is set."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    text = field.split(b"\0", 1)[0].strip()
    if text and (not text.isdigit() or b"8" in text or b"9" in text):
        raise TarDamage(f"no header of a tar at byte {position}: it has {field!r} for a number")
    return int(text or b"0", 8)


def extended(read: Read, position: int, num_bytes: int) -> bytes:
    """The content of the extended header at a position."""
    if num_bytes > MOST_EXTENDED_BYTES:
        raise TarDamage(f"an extended header of {num_bytes} bytes at byte {position}")
    content = read(position + BLOCK, num_bytes)
    if len(content) < num_bytes:
        raise TarDamage(f"an extended header that is truncated at byte {position}")
    return content


def said_by(kind: bytes, content: bytes, position: int) -> dict[str, str]:
    """What an extended header says of the file after it."""
    if kind == LONG_NAME:
        return {"path": as_name(content.rstrip(b"\0"))}
    return pax(content, position) if kind in EXTENDED else {}


def pax(content: bytes, position: int) -> dict[str, str]:
    """Records "length key=value newline", the length counting itself."""
    found, start = dict[str, str](), 0
    while start < len(content) and content[start]:
        length = content[start : start + 20].partition(b" ")[0]
        end = start + int(length) if length.isdigit() else 0
        if not start + len(length) + 1 < end <= len(content) or content[end - 1 : end] != b"\n":
            raise TarDamage(f"an extended header that cannot be read at byte {position}")
        key, _, value = content[start + len(length) + 1 : end - 1].partition(b"=")
        found[as_name(key)] = as_name(value)
        start = end
    return found


def size_of(header: bytes, said: dict[str, str], position: int) -> int:
    """The size that an extended header gave, or the header's own."""
    if "size" not in said:
        return number(header[124:136], position)
    text = said["size"]
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise TarDamage(f"a size of {text!r} at byte {position}")
    return int(text)


def name_in(header: bytes) -> str:
    """The name in a header's own two fields."""
    name, prefix = (field.split(b"\0", 1)[0] for field in (header[:100], header[345:500]))
    is_posix = header[257:263] == b"ustar\0"  # GNU's own format has times where POSIX has the prefix
    return as_name(prefix + b"/" + name if prefix and is_posix else name)


def as_name(name: bytes) -> str:
    """A name as text; what is not UTF-8 is kept as Python keeps it in names of files."""
    return name.decode("utf-8", "surrogateescape")
