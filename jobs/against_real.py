"""A generated dataset held against a split, on Ray: tasks measure shards, the driver adds up what they found.

All that is added is exact, so tasks may end in any order. Generated items are measured first: which of them were drawn
after which real rows is what is sought among these. Training items come last, when all are known who seek neighbours.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import ray
import torch
from rich.console import Console

from jobs.cluster import Cluster
from jobs.fan_out import TASK_RETRIES, fan_out
from jobs.progress import ProgressView, progress
from pipeline.evaluation.against_real import conclude
from pipeline.evaluation.against_real.classifier import LARGEST_NUM_CLASSES, Schooling, taught_classifier
from pipeline.evaluation.against_real.config import AgainstRealConfig
from pipeline.evaluation.against_real.copies import CopyScore, Pair, by_real_shard, pairs_of, score_copies
from pipeline.evaluation.against_real.distances import distances
from pipeline.evaluation.against_real.fit import has_training_items, limits
from pipeline.evaluation.against_real.measure import Asked, measure_shard
from pipeline.evaluation.against_real.measured import Measured
from pipeline.evaluation.against_real.neighbours import query_of
from pipeline.evaluation.against_real.result import AgainstReal, Classification, Memorisation
from pipeline.evaluation.against_real.training_items import Seen, look_at_training, nothing_seen
from pipeline.evaluation.against_real.waveforms import f0_method
from pipeline.evaluation.baselines import TRAIN
from pipeline.evaluation.parts import only
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import ATTRIBUTES, AudioConventions


def alone_on_a_core(work: Callable[..., Any], *given: Any) -> Any:
    """A task has one core, and torch takes all that it sees."""
    torch.set_num_threads(1)
    return work(*given)


task: Any = ray.remote(max_retries=TASK_RETRIES)(alone_on_a_core)


@dataclass(frozen=True)
class Sides:
    """What is compared with what."""

    generated: Dataset
    real: Dataset
    split: str
    config: AgainstRealConfig

    @property
    def asked_of_generated(self) -> Asked:
        """All of its rows; where those stand that were drawn after real ones is wanted of waveforms alone."""
        is_audio = isinstance(self.real.info.conventions, AudioConventions)
        sought = None if is_audio else frozenset[str]()
        return Asked(self.config, self.real.info.conventions, self.generated.info.num_rows, "", sought)

    def asked_of_real(self, split: str, sought: frozenset[str] = frozenset()) -> Asked:
        """The rows of one split."""
        return Asked(self.config, self.real.info.conventions, self.real.info.tally.num_rows[split], split, sought)


@dataclass(frozen=True)
class Crew:
    """Who does the work, and where it is told."""

    cluster: Cluster
    view: ProgressView

    def each(self, work: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], shared: Any) -> Iterator[Any]:
        """What `work(*task, shared)` gives for each task, as they end."""
        limit = 2 * self.cluster.num_cpus  # asked for first: a Ray of our own starts with it
        put = ray.put(shared)
        yield from fan_out(tasks, lambda given: task.remote(work, *given, put), limit)


def hold_against_real(sides: Sides, cluster: Cluster, console: Console) -> AgainstReal:
    """The figures of a generated dataset against the split."""
    with progress(console, "against real", num_shards(sides)) as view:
        crew = Crew(cluster, view)
        generated = measured(sides.generated, sides.asked_of_generated, crew)
        real = measured(sides.real, sides.asked_of_real(sides.split, frozenset(generated.places)), crew)
        copies = conclude.copy_synthesis(heard_copies(sides, generated, real, crew))
        memorisation, classification = against_training(sides, generated, real, crew)
    conventions = sides.real.info.conventions
    return AgainstReal(
        generated=str(sides.generated.folder),
        generated_digest=sides.generated.info.digest,
        num_generated=generated.num_items,
        num_real=real.num_items,
        distances=distances(generated, real, sides.asked_of_generated.measures, conventions),
        memorisation=memorisation,
        diversity=conclude.diversity(generated.chosen, real.chosen, conventions),
        classification=classification,
        copy_synthesis=copies,
        notes=tuple(limits(sides.real, sides.split, sides.config, has_copies=copies is not None)),
    )


def num_shards(sides: Sides) -> int:
    """How many are read whole: those of either side, and for the training items again."""
    of_training = len(sides.real.info.shards) if has_training_items(sides.real, sides.split) else 0
    return len(sides.generated.info.shards) + len(sides.real.info.shards) + of_training


def measured(dataset: Dataset, asked: Asked, crew: Crew) -> Measured:
    """A side, from all of its shards."""
    whole = Measured()
    tasks = ((only(dataset, [number]), 0, number) for number in range(len(dataset.info.shards)))
    for part in crew.each(measure_shard, tasks, asked):
        whole.add(part, asked.config.most_items)
        crew.view.advance(detail="shards")
    return whole


def heard_copies(sides: Sides, generated: Measured, real: Measured, crew: Crew) -> list[CopyScore]:
    """The pairs of a copy synthesis, scored; a task for each real shard that has some."""
    pairs = pairs_of(real.places, generated.places, sides.config.most_copies)
    tasks = (copy_task(sides, shard, of_shard) for shard, of_shard in by_real_shard(pairs))
    conventions = sides.real.info.conventions
    method = f0_method(conventions, sides.config) if isinstance(conventions, AudioConventions) else None
    return [score for scores in crew.each(score_copies, tasks, method) for score in scores]


def copy_task(sides: Sides, shard: int, pairs: list[Pair]) -> tuple[Any, ...]:
    """What scoring the pairs of a real shard takes: it, and the generated shards that they are in."""
    needed = sorted({pair.generated.shard for pair in pairs})
    drawn = only(sides.generated, needed)
    return only(sides.real, [shard]), {number: (drawn, place) for place, number in enumerate(needed)}, pairs


def against_training(
    sides: Sides, generated: Measured, real: Measured, crew: Crew
) -> tuple[Memorisation | None, dict[str, Classification]]:
    """How near both sides are to the training items, and what a classifier that learned from these says."""
    if not has_training_items(sides.real, sides.split):
        return None, {}
    query = query_of([*generated.chosen, *real.chosen])
    asked, seen = sides.asked_of_real(TRAIN), nothing_seen(query)
    tasks = ((only(sides.real, [number]), 0) for number in range(len(sides.real.info.shards)))
    for part in crew.each(look, tasks, (query, asked)):
        seen.add(part, sides.config.most_training_items)
        crew.view.advance(detail="shards")
    memorisation = conclude.memorisation(generated.chosen, real.chosen, seen.nearest, sides.real.info.conventions)
    return memorisation, classifications(sides, seen, generated, real, crew)


def look(dataset: Dataset, index: int, sought: Any) -> Seen:
    """`look_at_training` with what all tasks share in one piece."""
    return look_at_training(dataset, index, *sought)


def classifications(
    sides: Sides, seen: Seen, generated: Measured, real: Measured, crew: Crew
) -> dict[str, Classification]:
    """One classifier for each attribute of the generated items that has several values among the training items."""
    asked_for = {name for item in generated.chosen for name in item.attributes}
    config = sides.config
    lessons = [
        Schooling(name, seen.chosen, config.classifier_steps, config.seed) for name in ATTRIBUTES if name in asked_for
    ]
    tasks = [(lesson,) for lesson in lessons if 2 <= len(lesson.classes) <= LARGEST_NUM_CLASSES]
    return dict(sorted(crew.each(classify, tasks, (generated.chosen, real.chosen))))


def classify(schooling: Schooling, items: Any) -> tuple[str, Classification]:
    """Teach a classifier and ask it."""
    return schooling.attribute, conclude.classification(taught_classifier(schooling), *items)
