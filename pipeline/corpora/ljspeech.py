"""LJ Speech: one reader, 13,100 utterances of non-fiction, 22.05 kHz; and the many corpora laid out like it.

Source: keithito.com/LJ-Speech-Dataset. Licence: public domain.
Layout: metadata.csv, a line `id|raw|normalised` an utterance, no header; wavs/{id}.wav.
Traps: quotes are plain characters (a CSV reader would merge lines at them); some copies leave the third column out;
some list files that are not there (each becomes a failure, not a gap); an id given twice is the same audio twice, which
a split by id would hide, so the second is a failure; lines may end in CRLF, the file may begin with a byte-order mark.
"""

from collections.abc import Iterator

from pipeline.corpora.layout import Layout
from pipeline.corpora.lines import TOO_LONG, numbered_lines
from pipeline.corpora.listing import AUDIO_ENDINGS, listed, unique, without_ending
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import FileEntry, Location

METADATA = "metadata.csv"

LICENCE = "public domain"


def detect(folder: Location) -> bool:
    """Whether metadata.csv and wavs/ stand here."""
    return (folder / METADATA).is_file() and (folder / "wavs").is_folder()


def items(folder: Location) -> Iterator[Item]:
    """One item a line, in the file's order."""
    wavs = {without_ending(e.path): e for e in listed(folder / "wavs", AUDIO_ENDINGS) if isinstance(e, FileEntry)}
    seen: set[str] = set()
    metadata = folder / METADATA
    for number, line in numbered_lines(metadata):
        where = f"{METADATA} line {number}"
        try:
            text = as_text(line, number)
        except ValueError as error:
            yield BadItem(where, str(metadata), str(error))
            continue
        if text:
            yield read_line(text, where, folder, wavs, seen)


def as_text(line: bytes | None, number: int) -> str:
    """A line without its end, the first also without a byte-order mark; ValueError says what is wrong with it."""
    if line is None:
        raise ValueError(TOO_LONG)
    try:
        text = line.removesuffix(b"\n").decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"expected UTF-8 text, byte {error.start} cannot be read; re-encode the file") from error
    return (text.removeprefix("\ufeff") if number == 1 else text).rstrip("\r")


def read_line(line: str, where: str, folder: Location, wavs: dict[str, FileEntry], seen: set[str]) -> Item:
    """One line of metadata.csv; `where` names it in a failure."""
    item_id, *texts = line.split("|")
    source = str(folder / METADATA)
    if len(texts) not in (1, 2):
        return BadItem(where, source, f"expected id|text or id|text|normalised, got {1 + len(texts)} columns")
    if not item_id.strip() or "/" in item_id or item_id in (".", ".."):
        return BadItem(where, source, f"expected the name of a file in wavs/ as the id, got {item_id!r}")
    if not unique(seen, item_id):
        return BadItem(f"{item_id} ({where})", source, f"the id {item_id!r} is listed twice")
    entry = wavs.get(item_id)
    return AudioItem(
        item_id=item_id,
        source=str(folder / "wavs" / (entry.path if entry else f"{item_id}.wav")),
        fingerprint=entry.fingerprint if entry else "",
        speaker="LJ",
        language="en-us",
        text=texts[0],
        text_normalised=texts[-1],
        licence=LICENCE,
    )


LAYOUT = Layout("ljspeech", "audio", "metadata.csv (lines of id|text|normalised) and wavs/", detect, items)
