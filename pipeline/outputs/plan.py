"""Which shards of a dataset make a part, and how its files are numbered: known before any is written."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from pipeline.outputs.config import ExportConfig
from pipeline.outputs.naming import Naming
from pipeline.shards.commit import Tally
from pipeline.shards.dataset import Dataset, ShardEntry, commits
from pipeline.shards.plan import digest_of, numbered

EXPORT_VERSION = 1
"""Of what is written; a new one redoes every part."""


@dataclass(frozen=True)
class Part:
    """What one task writes: rows of the dataset's shards `first` up to, not including, `end`, in their order.

    files: the number of the part's file for each split that it has rows of. utterances: the number of the first
    utterance of each of its speakers. Both count what all parts before have, from 0. digest: of all that its files
    depend on.
    """

    name: str
    first: int
    end: int
    num_items: int
    files: Mapping[str, int]
    utterances: Mapping[str, int]
    digest: str


def parts_of(dataset: Dataset, config: ExportConfig, naming: Naming) -> Iterator[Part]:
    """Every part that has rows, in the order of the dataset; one commit of the dataset is held at a time."""
    shards = dataset.info.shards
    made_with = digest_of([EXPORT_VERSION, asdict(config), asdict(naming), asdict(dataset.info.conventions)])
    files, utterances, number = Counter[str](), Counter[str](), 0
    proofs = commits(dataset.folder, [shard.name for shard in shards])
    for first, end in spans_of(shards, config):
        tally = Tally()
        for _ in range(first, end):
            tally.add(next(proofs).tally)
        if not (num_items := sum(tally.num_rows.values())):
            continue
        splits, speakers = sorted(tally.num_rows), tally.vocabularies.get("speaker", Counter[str]())
        starts = {split: files[split] for split in splits}, {name: utterances[name] for name in sorted(speakers)}
        digest = digest_of([made_with, [shard.sha256 for shard in shards[first:end]], *starts])
        yield Part(numbered(number), first, end, num_items, *starts, digest)
        files.update(splits)
        utterances.update(speakers)
        number += 1


def spans_of(shards: Sequence[ShardEntry], config: ExportConfig) -> Iterator[tuple[int, int]]:
    """Runs of shards, each ended by the one that fills it."""
    first, num_rows, num_bytes = 0, 0, 0
    for index, shard in enumerate(shards):
        num_rows, num_bytes = num_rows + shard.num_rows, num_bytes + shard.num_bytes
        if num_rows >= config.items_per_part or num_bytes >= config.bytes_per_part or index == len(shards) - 1:
            yield first, index + 1
            first, num_rows, num_bytes = index + 1, 0, 0
