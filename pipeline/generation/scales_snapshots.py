"""A lower scale of a shard, drawn by an actor of its own and kept: a killed run goes on within it or after it.

    OUT/snapshots/NAME-scale0.safetensors    how far the pictures of scale 0 are; or all of them, where they took long

It is gone once the shard is committed. Where an actor disagrees with the model, those of all shards go: whoever drew
them is not known to be right.
"""

from pipeline.errors import DisagreementError
from pipeline.generation.canary import Canary
from pipeline.generation.config import GenerateConfig
from pipeline.generation.pictures_scales import draw_scale, id_at
from pipeline.generation.pictures_snapshots import Pictures, pictures_of, state_of
from pipeline.generation.plan import PlannedItem
from pipeline.generation.snapshots import FOLDER, Snapshots, snapshots_of
from pipeline.model_folder import ExportedModel
from pipeline.shards.plan import ShardPlan
from pipeline.storage import Location

MARK = "-scale"


def draw_scale_kept(
    folder: Location,
    number: int,
    plan: ShardPlan[PlannedItem],
    below: Pictures,
    exported: ExportedModel,
    config: GenerateConfig,
    canary: Canary,
) -> Pictures:
    """The pictures of a scale that a shard's are drawn around, as far as they are not there already.

    Some are compared with the model's definition: DisagreementError. Where another process drew a part and that is not
    the model's, all are drawn anew.
    """
    snapshots = snapshots_of(folder, plan, exported.info, config, f"{MARK}{number}")
    try:
        if pictures := drawn_before(snapshots, number, plan):
            canary.compare_pictures(number, plan.entries, pictures, of_others=True)
            return pictures
        pictures = draw_scale(number, plan.entries, below, exported, config, keep=snapshots)
        canary.compare_pictures(number, plan.entries, pictures, of_others=snapshots.was_used)
    except DisagreementError:
        snapshots.remove()
        if not snapshots.was_used:
            raise
        return draw_scale_kept(folder, number, plan, below, exported, config, canary)
    if snapshots.stands or snapshots.age_s > config.snapshot_every_s:
        snapshots.write(state_of(pictures))
    return pictures


def drawn_before(snapshots: Snapshots, number: int, plan: ShardPlan[PlannedItem]) -> Pictures | None:
    """All pictures of a scale, where an earlier run had come to its end; None where it had not."""
    state = snapshots.find()
    if state is None or "ids" not in state.facts:
        return None
    try:
        pictures = pictures_of(state)
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError):
        return None
    if set(pictures) != {id_at(item, number) for item in plan.entries}:
        return None
    snapshots.went_on(sum(picture.item.levels.numel() for picture in pictures.values()))
    return pictures


def remove_scales(folder: Location, name: str = "") -> None:
    """Those of a shard that is committed; of all shards where none is named."""
    for file in (folder / FOLDER).names():
        if file.startswith(name + MARK) or (not name and MARK in file):
            (folder / FOLDER / file).remove()
