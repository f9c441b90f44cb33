"""One part of an export: what a worker does, in one process and without Ray."""

from typing import NamedTuple

from pipeline.outputs.job import Job
from pipeline.outputs.layouts import LAYOUTS
from pipeline.outputs.plan import Part
from pipeline.outputs.proof import Record, found, read_record, record_of, write_record


class Done(NamedTuple):
    """A part that stands; `stood` where it did before."""

    record: Record
    stood: bool


def export_part(job: Job, part: Part, known: Record | None = None) -> Done:
    """Write a part's files and then its record, or find that all of them stand, every byte.

    `known` is the record of a finished export; else the one that lies in the folder is gone by. StorageError where
    storage refuses: no record is written then.
    """
    known = known or read_record(job.out, part.name)
    if known and known.digest == part.digest and stands(job, part, known):
        return Done(known, stood=True)
    record = record_of(part, LAYOUTS[job.config.layout].write(job, part))
    write_record(job.out, record)
    return Done(record, stood=False)


def stands(job: Job, part: Part, known: Record) -> bool:
    """Whether the part's files are those of its record. They are read, which is cheap against making them."""
    paths = LAYOUTS[job.config.layout].paths(job, part)
    return record_of(part, (found(job.out, path) for path in paths)) == known
