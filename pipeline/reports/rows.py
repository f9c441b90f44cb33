"""A few rows of a dataset that may be huge: its first shards alone are opened, levels read for what is shown."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import ATTRIBUTES, AudioConventions
from pipeline.speech.spans import SILENCE

MOST_ROWS_LOOKED_AT = 2000
"""Enough to meet every condition of most corpora, and read in well under a second."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A row by its shard and number, with its columns except the levels."""

    shard: int
    number: int
    row: Row

    @property
    def condition(self) -> tuple[str, ...]:
        """Its attributes."""
        return tuple(self.row.get(name) or "" for name in ATTRIBUTES)

    @property
    def words(self) -> tuple[str, ...]:
        """What is said: the phones, pauses left out, or the text."""
        phones = tuple(phone for phone in self.row.get("phone") or () if phone != SILENCE)
        return phones or ((self.row.get("text") or "",) if self.row.get("text") else ())


def look(dataset: Dataset) -> list[Place]:
    """The first rows, levels left out."""
    return list(islice(walk(dataset), MOST_ROWS_LOOKED_AT))


def walk(dataset: Dataset) -> Iterator[Place]:
    """All rows in order, one shard in memory at a time."""
    columns = ["item_id", "split", "label", "request"]
    if isinstance(dataset.info.conventions, AudioConventions):
        columns += ["speaker", "emotion", "language", "text", "num_timesteps", "phone", "phone_start", "phone_end"]
    for shard in range(len(dataset.info.shards)):
        for number, row in enumerate(dataset.read_shard(shard, columns).to_pylist()):
            yield Place(shard, number, row)


def with_levels(dataset: Dataset, places: Sequence[Place]) -> dict[tuple[int, int], bytes]:
    """The levels of these rows; each shard is opened once."""
    wanted: dict[int, list[int]] = defaultdict(list)
    for place in places:
        wanted[place.shard].append(place.number)
    found: dict[tuple[int, int], bytes] = {}
    for shard, numbers in wanted.items():
        levels = dataset.read_shard(shard, ["levels"]).column("levels")
        found.update({(shard, number): levels[number].as_py() for number in numbers})
    return found


def spread(places: Sequence[Place], count: int) -> list[Place]:
    """Up to `count` rows that take turns among conditions, in order."""
    by_condition: dict[tuple[str, ...], list[Place]] = defaultdict(list)
    for place in places:
        by_condition[place.condition].append(place)
    # Turn by turn the next row is another one, so that four speakers do not all say the first phrase.
    queues = [rotated(queue, turn) for turn, queue in enumerate(by_condition.values())]
    chosen: list[Place] = []
    while len(chosen) < count and any(queues):
        chosen.extend(queue.pop(0) for queue in queues if queue)
    return chosen[:count]


def rotated(queue: list[Place], by: int) -> list[Place]:
    """The same rows, begun further on."""
    start = by % len(queue)
    return queue[start:] + queue[:start]


def best_match(place: Place, others: Sequence[Place]) -> Place | None:
    """The row that is most alike in what is said and how; None where nothing is alike.

    What is said weighs most, then each attribute; between equals, one that training has not seen.
    """
    scored = [(likeness(place, other), other) for other in others]
    best = max((score for score, _ in scored), default=(0, False))
    return next((other for score, other in scored if score == best), None) if best[0] else None


def likeness(one: Place, other: Place) -> tuple[int, bool]:
    """How alike two rows are, and whether the second is held out."""
    same_words = 3 if one.words and one.words == other.words else 0
    same = sum(bool(a) and a == b for a, b in zip(one.condition, other.condition, strict=True))
    return same_words + same, other.row["split"] != "train"
