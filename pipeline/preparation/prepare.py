"""One shard plan to one shard: what a worker does, in one process and without Ray."""

from typing import Any

from pipeline.errors import ItemError
from pipeline.items import AudioItem, BadItem, Item
from pipeline.preparation.audio_row import audio_row
from pipeline.preparation.config import PrepareConfig
from pipeline.preparation.image_row import image_row
from pipeline.shards.commit import Commit, Failure
from pipeline.shards.plan import ShardPlan
from pipeline.shards.schema import AudioConventions, Conventions
from pipeline.shards.writer import write_shard
from pipeline.storage import Location


def prepare_item(item: Item, config: PrepareConfig, conventions: Conventions) -> dict[str, Any]:
    """One item to one row. ItemError says at which stage the item failed and why."""
    if isinstance(item, BadItem):
        raise ItemError("corpus", item.reason)
    if isinstance(item, AudioItem):
        assert isinstance(conventions, AudioConventions)
        return audio_row(item, config, conventions)
    assert not isinstance(conventions, AudioConventions)
    return image_row(item, config, conventions)


def prepare_shard(folder: Location, plan: ShardPlan[Item], config: PrepareConfig, conventions: Conventions) -> Commit:
    """Prepare every item of a plan, write the shard and commit it.

    Bad items become failures of the commit. What is not an item's fault (StorageError on writing, a missing package, an
    error in our own code) goes up, and nothing is committed.
    """
    rows: list[dict[str, Any]] = []
    failures: list[Failure] = []
    for item in plan.entries:
        try:
            rows.append(prepare_item(item, config, conventions))
        except ItemError as error:
            failures.append(Failure(item.item_id, item.source, error.stage, error.reason))
        except Exception as error:
            error.add_note(f"while preparing {item.item_id} from {item.source}")
            raise
    return write_shard(folder, plan, rows, failures, conventions)
