"""One shard plan to one shard: what a worker does, in one process and without Ray."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.errors import ItemError
from pipeline.guarding.guarded import Report
from pipeline.items import AudioItem, BadItem, Item
from pipeline.preparation.aligner import aligner_of
from pipeline.preparation.audio_row import audio_rows
from pipeline.preparation.config import PrepareConfig
from pipeline.preparation.image_row import image_row
from pipeline.shards.commit import Commit, Failure
from pipeline.shards.plan import ShardPlan
from pipeline.shards.schema import AudioConventions, Conventions
from pipeline.shards.writer import write_shard
from pipeline.speech.alignment.acoustic_model import AcousticModel
from pipeline.storage import Location

Row = dict[str, Any]

LIMITS = "limits"
"""The stage of items that took too much."""


@dataclass
class Work:
    """What becomes of a plan's items, in their order."""

    rows: list[Row] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)


def prepare_shard(
    folder: Location,
    plan: ShardPlan[Item],
    config: PrepareConfig,
    conventions: Conventions,
    report: Report = lambda place: None,
    condemned: Mapping[int, str] | None = None,
) -> Commit:
    """Prepare every item of a plan, write the shard and commit it.

    Bad items become failures of the commit, and so do those whose places are `condemned`, for the reason given. What is
    not an item's fault (StorageError on writing, a missing package, an error in our own code) goes up, and nothing is
    committed.
    """
    work, aligner = Work(), aligner_of(folder, conventions)
    for place, item in enumerate(plan.entries):
        report(place)
        try:
            if reason := (condemned or {}).get(place):
                raise ItemError(LIMITS, reason)
            work.rows += prepare_item(item, config, conventions, work.notes, aligner)
        except ItemError as error:
            source = getattr(item, "source", "")
            work.failures.append(Failure(item.item_id, source, error.stage, error.reason))
        except Exception as error:
            error.add_note(f"while preparing {item.item_id} from {item.source}")
            raise
    run = {"limits": asdict(config.limits)}
    return write_shard(folder, plan, work.rows, work.failures, conventions, work.notes, run)


def prepare_item(
    item: Item,
    config: PrepareConfig,
    conventions: Conventions,
    notes: Counter[str],
    aligner: AcousticModel | None = None,
) -> list[Row]:
    """One item to its rows: one, or a row a piece where long recordings are cut. ItemError says what is wrong with it.

    `notes` counts what is worth knowing of how it was done.
    """
    if isinstance(item, BadItem):
        raise ItemError("corpus", item.reason)
    if isinstance(item, AudioItem):
        assert isinstance(conventions, AudioConventions)
        return audio_rows(item, config, conventions, notes, aligner)
    assert not isinstance(conventions, AudioConventions)
    return [image_row(item, config, conventions, notes)]
