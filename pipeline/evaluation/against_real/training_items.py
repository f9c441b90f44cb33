"""One shard of the training items: who of the chosen is near to one of them, and some for the classifier to learn."""

from dataclasses import dataclass, field

from pipeline.evaluation.against_real.chosen import ChosenItem, smallest
from pipeline.evaluation.against_real.measure import Asked, chosen_of, rows_of
from pipeline.evaluation.against_real.neighbours import Nearest, Query, nearest, no_neighbours
from pipeline.shards.dataset import Dataset


@dataclass
class Seen:
    """What has been seen of the training items so far."""

    nearest: Nearest
    chosen: list[ChosenItem] = field(default_factory=list)

    def add(self, other: "Seen", most: int) -> None:
        """Merge; exact, so the order of the shards is nothing to it."""
        self.nearest.add(other.nearest)
        self.chosen = smallest([*self.chosen, *other.chosen], most)


def nothing_seen(query: Query) -> Seen:
    """Before the first shard."""
    return Seen(no_neighbours(query))


def look_at_training(dataset: Dataset, index: int, query: Query, asked: Asked) -> Seen:
    """Shard `index`; `asked` names the training split."""
    rows = [row for _, row in rows_of(dataset, index, asked.split)]
    chosen = chosen_of(rows, asked, asked.config.most_training_items)
    return Seen(nearest(query, rows, asked.conventions), chosen)
