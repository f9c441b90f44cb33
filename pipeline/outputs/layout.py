"""What a layout of others is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.outputs.job import Job
from pipeline.outputs.plan import Part
from pipeline.outputs.proof import Record, Written
from pipeline.shards.schema import ATTRIBUTES, Kind

EVERYTHING = (*ATTRIBUTES, "split")
"""What items of a dataset are told apart by, and a model may be conditioned on."""


@dataclass(frozen=True)
class Layout:
    """One way in which others keep datasets.

    kinds: what it can hold. required: the column of which each row must have a value; "" for none. keeps: those of
    `EVERYTHING` that its readers are told. write: writes the files of a part and tells of each. paths: the same files
    in the same order, nothing being written. finish: writes what stands once beside all parts, given their records,
    from the dataset, in its order.
    """

    kinds: tuple[Kind, ...]
    required: str
    keeps: tuple[str, ...]
    write: Callable[[Job, Part], Iterator[Written]]
    paths: Callable[[Job, Part], Iterator[str]]
    finish: Callable[[Job, Sequence[Record]], None]
