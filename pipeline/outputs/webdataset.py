"""The layout of WebDataset: tars of KEY.wav, .flac or .png, KEY.json, and KEY.txt or KEY.cls.

SPLIT/000000.tar, numbered without a gap in each split, or 000000.tar with all splits in them. KEY is the item's id
where that is plain. The JSON holds all columns of the row but the levels, which the recording or picture holds. KEY.txt
is the text. KEY.cls is the label where all labels are whole numbers: what reads a .cls takes it for one.
A tar's bytes depend on its rows alone: no times, no owners.
"""

import contextlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from pipeline.outputs.hashed import HashedSink
from pipeline.outputs.item_files import media_bytes
from pipeline.outputs.job import Job, Row, as_json, json_columns
from pipeline.outputs.layout import EVERYTHING, Layout
from pipeline.outputs.plan import Part
from pipeline.outputs.proof import Record, Written
from pipeline.storage import streamed


class TarFile:
    """A tar that is written from its start to its end, which may be far larger than memory."""

    def __init__(self, path: str, sink: IO[bytes]) -> None:
        self._sink = HashedSink(path, sink)
        self._tar = tarfile.TarFile(fileobj=self._sink, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name: str, data: bytes) -> None:
        """One file."""
        about = tarfile.TarInfo(name)  # its owner and time are 0
        about.size = len(data)
        self._tar.addfile(about, io.BytesIO(data))

    def end(self) -> Written:
        """Write the end of the tar."""
        self._tar.close()
        return self._sink.written()


def write(job: Job, part: Part) -> Iterator[Written]:
    """Write the tars of a part side by side, one for each of its splits."""
    by_split, has_classes = tars_of(job, part), are_numbers(job.naming.labels)
    with contextlib.ExitStack() as stack:
        tars = {path: TarFile(path, stack.enter_context(streamed(job.out / path))) for path in paths(job, part)}
        for rows in job.batches(part):
            for row in rows:
                add(job, row, tars[by_split[row["split"]]], has_classes)
        written = [tar.end() for tar in tars.values()]
    yield from written


def tars_of(job: Job, part: Part) -> dict[str, str]:
    """The tar of each split that a part has rows of."""
    if job.config.splits == "off":
        return dict.fromkeys(part.files, f"{part.name}.tar")
    return {split: f"{split}/{number:06d}.tar" for split, number in sorted(part.files.items())}


def paths(job: Job, part: Part) -> Iterator[str]:
    """The paths of a part's tars, each once."""
    yield from dict.fromkeys(tars_of(job, part).values())


def add(job: Job, row: Row, tar: TarFile, has_classes: bool) -> None:
    """The files of one row."""
    key = job.naming.key(row["item_id"])
    known = as_json(row, json_columns(job.dataset.schema))
    tar.add(f"{key}.{job.ending}", media_bytes(job, row))
    tar.add(f"{key}.json", json.dumps(known, ensure_ascii=False).encode())
    if text := row.get("text") or row.get("text_normalised"):
        tar.add(f"{key}.txt", text.encode())
    if has_classes and (label := row["label"]):
        tar.add(f"{key}.cls", label.encode())


def are_numbers(labels: Iterable[str]) -> bool:
    """Whether all labels are whole numbers."""
    return all(label.isascii() and label.isdigit() for label in labels)


def finish(job: Job, records: Sequence[Record]) -> None:
    """Nothing stands beside the tars."""


LAYOUT = Layout(kinds=("audio", "image"), required="", keeps=EVERYTHING, write=write, paths=paths, finish=finish)
