"""lhotse manifests: recordings and supervisions, or cuts, as JSON lines.

Source: github.com/lhotse-speech/lhotse, lhotse.readthedocs.io ("Representing a corpus", "Cuts"). Licence: the corpus's.
Layout: *.jsonl and *.jsonl.gz right here, told apart by their first lines. Where there are cuts, they are the items,
since each holds its recording and supervisions; else each supervision is one, else each recording. A word in a file's
name may say the split (cuts_train-clean-5.jsonl.gz, `splits.py`). A supervision's `gender` is the item's label.
Traps: times of an alignment count from the start of the RECORDING, also in a cut that was moved; what is mixed, padded
or transformed (perturbed in speed) is no piece of a file, and a failure; so are sources that are a command, a URL or
bytes in memory; a recording may have a file for each channel. A recording that no supervision names is no item.
Memory: where supervisions are read, the lines of all recordings are held, 0.3 KB each.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.corpora.json_lines import as_text, finite, first_object, json_lines, json_object
from pipeline.corpora.labels.intervals import Interval, timed_phones, timed_words
from pipeline.corpora.language import language_tag
from pipeline.corpora.layout import Layout
from pipeline.corpora.lhotse_audio import file_of
from pipeline.corpora.listing import unique
from pipeline.corpora.naming import readable
from pipeline.corpora.splits import own_splits, split_word
from pipeline.errors import StorageError
from pipeline.items import AudioItem, BadItem, Item
from pipeline.seen_ids import SeenIds
from pipeline.storage import Location

ENDINGS = (".jsonl", ".jsonl.gz")

PHONE_KINDS, WORD_KINDS = ("phone", "phones", "phoneme", "phonemes"), ("word", "words")

SAME_S = 0.001
"""A supervision that ends so near to its recording's end is all of it."""


def kind_of(data: dict[str, Any]) -> str:
    """What a manifest holds whose first line is this; "" for none of lhotse's."""
    if str(data.get("type")).endswith("Cut") or {"supervisions", "start", "duration", "channel"} <= data.keys():
        return "cuts"
    if {"sources", "sampling_rate", "num_samples"} <= data.keys():
        return "recordings"
    return "supervisions" if {"recording_id", "start", "duration"} <= data.keys() else ""


def manifests(folder: Location) -> dict[str, list[str]]:
    """Names of manifests by what they hold."""
    found: dict[str, list[str]] = {}
    for name in folder.names():
        if name.endswith(ENDINGS) and not name.startswith("."):
            found.setdefault(kind_of(first_object(folder / name)), []).append(name)
    return found


def detect(folder: Location) -> bool:
    """Whether cuts or recordings stand here."""
    found = manifests(folder)
    return "cuts" in found or "recordings" in found


def items(folder: Location) -> Iterator[Item]:
    """One item a line of the cuts, else of the supervisions, else of the recordings, in the files' order."""
    found, seen = manifests(folder), SeenIds()
    kind = next(kind for kind in ("cuts", "supervisions", "recordings") if kind in found)
    recordings: dict[str, bytes] = {}
    if kind == "supervisions":
        for name in found.get("recordings", []):
            yield from read_recordings(folder, name, recordings)
    words = {name: split_word(name.partition(".")[0]) for name in found[kind]}
    splits = own_splits(word for word in words.values() if word)
    for name in found[kind]:
        for number, line in json_lines(folder / name):
            where = f"{name} line {number}"
            yield read_line(line, where, (folder, kind, splits.get(words[name], "")), recordings, seen)


def read_recordings(folder: Location, name: str, recordings: dict[str, bytes]) -> Iterator[BadItem]:
    """Keep the lines of a manifest of recordings by their ids; what is wrong with them comes back."""
    for number, line in json_lines(folder / name):
        where = f"{name} line {number}"
        try:
            recording_id = as_text("id", json_object(line).get("id"))
        except ValueError as error:
            yield BadItem(where, str(folder / name), str(error))
            continue
        if recording_id in recordings:
            yield BadItem(where, str(folder / name), f"the recording {recording_id!r} is listed twice")
        elif line is not None:
            recordings[recording_id] = line


def read_line(
    line: bytes | None, where: str, manifest: tuple[Location, str, str], recordings: dict[str, bytes], seen: SeenIds
) -> Item:
    """One line of a manifest, which is said by its folder, what it holds, and its split."""
    folder, kind, split = manifest
    try:
        data = json_object(line)
        piece = piece_of(data, kind, recordings)
        item = item_of(piece, folder, split)
    except (ValueError, StorageError) as error:
        return BadItem(where, str(folder / where.rpartition(" line ")[0]), str(error))
    if unique(seen, item.item_id):
        return item
    return BadItem(f"{item.item_id} ({where})", item.source, f"the id {item.item_id!r} is listed twice")


def piece_of(data: dict[str, Any], kind: str, recordings: dict[str, bytes]) -> dict[str, Any]:
    """A cut, or what a supervision or a recording alone would be as one; ValueError where it is no piece of a file."""
    if kind == "cuts":
        if data.get("type", "MonoCut") not in ("MonoCut", "MultiCut"):
            raise ValueError(
                f"a {data['type']!r:.40} is not a piece of one recording; only MonoCut and MultiCut are read"
            )
        if not isinstance(data.get("recording"), dict):
            raise ValueError("the cut has no recording (of features alone no audio can be made)")
        return data
    if kind == "recordings":
        return {"id": data.get("id"), "start": 0.0, "duration": data.get("duration"), "recording": data}
    recording_id = as_text("recording_id", data.get("recording_id"))
    if recording_id not in recordings:
        raise ValueError(f"no recording has the id {recording_id!r}")
    return {**data, "recording": json_object(recordings[recording_id]), "supervisions": [data]}


def item_of(piece: dict[str, Any], folder: Location, split: str) -> AudioItem:
    """A cut's item; ValueError says what is wrong with it."""
    start_s, duration_s = finite(piece.get("start"), "start"), finite(piece.get("duration"), "duration")
    recording = piece["recording"]
    if not (start_s >= 0 and duration_s > 0):
        raise ValueError(f"expected a piece from 0 s or later that lasts, got {duration_s:g} s from {start_s:g} s")
    source, channel = file_of(recording, piece.get("channel"), folder)
    is_whole = start_s == 0 and abs(finite(recording.get("duration"), "duration") - duration_s) < SAME_S
    said = in_order(piece.get("supervisions") or [])
    return AudioItem(
        item_id=readable(as_text("id", piece.get("id"))),
        source=source,
        start_s=start_s,
        end_s=None if is_whole else start_s + duration_s,
        channel=channel,
        speaker=agreed(said, "speaker"),
        language=language_tag(agreed(said, "language")),
        label=agreed(said, "gender"),
        text=" ".join(as_text("text", one["text"]) for one in said if one.get("text") is not None),
        split=split,
        phones=timed_phones(intervals(said, PHONE_KINDS, start_s, duration_s)),
        words=timed_words(intervals(said, WORD_KINDS, start_s, duration_s)),
        duration_s=duration_s,
    )


def in_order(supervisions: Any) -> list[dict[str, Any]]:
    """Supervisions as they follow each other in time."""
    if not isinstance(supervisions, list) or not all(isinstance(one, dict) for one in supervisions):
        raise ValueError(f"expected supervisions to be a list of objects, got {supervisions!r:.60}")
    return sorted(supervisions, key=lambda one: finite(one.get("start", 0), "start"))


def agreed(supervisions: list[dict[str, Any]], name: str) -> str:
    """A field that all supervisions agree on; "" where they do not, or none has it."""
    values = {as_text(name, one[name]) for one in supervisions if one.get(name) is not None}
    return values.pop() if len(values) == 1 else ""


def intervals(
    supervisions: list[dict[str, Any]], kinds: tuple[str, ...], start_s: float, duration_s: float
) -> list[Interval]:
    """What alignments of one of these kinds say of the piece, counted from its start and cut at its ends."""
    alignments = [one["alignment"] for one in supervisions if isinstance(one.get("alignment"), dict)]
    entries = [entry for one in alignments for kind in kinds if kind in one for entry in as_list(one[kind])]
    found = [interval(entry, start_s, duration_s) for entry in entries]
    return sorted(one for one in found if one.end_s > one.start_s)


def as_list(value: Any) -> list[Any]:
    """An alignment's entries."""
    if not isinstance(value, list):
        raise ValueError(f"expected an alignment to be a list, got {value!r:.60}")
    return value


def interval(entry: Any, start_s: float, duration_s: float) -> Interval:
    """One [symbol, start, duration, score], or the same as an object, counted from the piece's start."""
    values = list(entry.values()) if isinstance(entry, dict) else as_list(entry)
    symbol, start, duration = [*values, None, None, None][:3]
    begin_s = finite(start, "an alignment's start") - start_s
    end_s = begin_s + finite(duration, "an alignment's duration")
    return Interval(max(0.0, begin_s), min(end_s, duration_s), as_text("an alignment's symbol", symbol).strip())


LAYOUT = Layout(
    "lhotse", "audio", "lhotse's cuts, or recordings and supervisions, as .jsonl or .jsonl.gz", detect, items
)
