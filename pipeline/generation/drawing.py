"""Items drawn by the path that suits each: a compiled kernel, or torch with the model's cache.

fused     the whole step is one call of a kernel; lanes take the next item as soon as theirs has ended
triton    on a GPU, by its kernels: a position is one graph, and lanes of waveforms take the next item
cached    torch, a step for each draw, in lanes that all run to the end of the longest; on a GPU as graphs, for pictures

An item's path follows from the model, the settings, the machine and the item's own request, and is stamped into its row
with what else its bytes are promised for.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial

from models.counter_random import item_key
from models.sampling import DrawnItem, Kept, LaneRequest
from models.sampling.fused import follows_the_kernel, fused_lanes
from models.sampling.gpu import begin_on, gpu_lanes
from models.sampling.lanes import lane_groups
from models.sampling.lockstep import LockstepLanes
from pipeline.conditions import stack_conditions
from pipeline.errors import ModelError
from pipeline.generation.columns import columns_of
from pipeline.generation.config import GenerateConfig
from pipeline.generation.memory import require_memory
from pipeline.generation.parts import NOT_KEPT, Keep, OnLevels, Part, draw_parts
from pipeline.generation.paths import cached_path, fused_path, gpu_path, why_not_by_kernel
from pipeline.generation.pictures_given import kept_of
from pipeline.generation.plan import PlannedItem
from pipeline.generation.prefixes import kept_prefix
from pipeline.model_folder import ExportedModel, ModelInfo
from pipeline.shards.schema import AudioConventions, ImageConventions


def draw_items(
    items: Sequence[PlannedItem],
    exported: ExportedModel,
    config: GenerateConfig,
    on_levels: OnLevels,
    keep: Keep = NOT_KEPT,
) -> list[tuple[DrawnItem, str]]:
    """Every item and its path, in order; `keep` has how far they are, and may have it from a run before.

    ModelError, ConfigError.
    """
    requests = [lane_request(item, exported.info) for item in items]
    has_kernel = not why_not_by_kernel(exported, config)
    is_any = config.device == "cuda"  # whatever a request departs in, the kernels of a GPU draw it
    by_kernel = [
        place for place, one in enumerate(requests) if has_kernel and (is_any or follows_the_kernel(one.departures))
    ]
    by_torch = sorted(set(range(len(items))) - set(by_kernel))
    for places, is_kernel in ((by_kernel, True), (by_torch, False)):
        if places:
            longest = max((requests[place].shape for place in places), key=math.prod)
            require_memory(exported, config, len(places), longest, by_kernel=is_kernel)
    parts = [
        *kernel_parts(requests, by_kernel, exported, config),
        *torch_parts(requests, by_torch, exported, config),
    ]
    try:
        drawn = draw_parts(parts, exported.model, on_levels, keep)
    except ValueError as error:
        raise ModelError(f"{exported.folder}: cannot be drawn from: {error}. Train the model again.") from error
    return [drawn[place] for place in range(len(items))]


def kernel_parts(
    requests: Sequence[LaneRequest], places: Sequence[int], exported: ExportedModel, config: GenerateConfig
) -> Iterator[Part]:
    """All that a kernel draws is one part: its lanes take the next item by themselves."""
    chosen = [requests[place] for place in places]
    if chosen:
        begin, path = (gpu_lanes, gpu_path) if config.device == "cuda" else (fused_lanes, fused_path)
        yield Part(places, path(config), partial(begin, exported.model, chosen, config.num_lanes, config.precision))


def torch_parts(
    requests: Sequence[LaneRequest], places: Sequence[int], exported: ExportedModel, config: GenerateConfig
) -> Iterator[Part]:
    """As many items as the lanes hold. Those of like length share them, since the lockstep runs to the longest."""
    for group in lane_groups(requests, places, config.num_lanes):
        chosen = [requests[place] for place in group]
        begin = begin_on(exported.model, chosen[0].shape)
        yield Part(group, cached_path(config), partial(LockstepLanes, exported.model, chosen, config.num_lanes, begin))


def lane_request(item: PlannedItem, info: ModelInfo) -> LaneRequest:
    """An item as the sampler takes it."""
    conditioning, frames = info.conditioning, []
    if conditioning.has_local:
        assert isinstance(info.conventions, AudioConventions)
        frames = [conditioning.frames(columns_of(item, info.conventions), info.conventions, item.item_id)]
    ids = conditioning.attribute_ids(item.attributes, item.item_id)
    condition = stack_conditions(conditioning, [ids], frames)
    key, kept = item_key(item.seed, item.item_id), kept_levels(item, info)
    return LaneRequest(shape_of(item, info), key, condition, item.departures, kept)


def kept_levels(item: PlannedItem, info: ModelInfo) -> Kept | None:
    """What the request gives of an item; None where all is drawn. RequestError for a file that has changed."""
    conventions = info.conventions
    if isinstance(conventions, AudioConventions):
        has_none = not item.prefix.num_timesteps
        return None if has_none else kept_prefix(item.prefix, conventions, item.num_timesteps, item.item_id)
    return None if item.given.picture is None else kept_of(item.given, conventions, item.item_id)


def num_levels_drawn(item: PlannedItem, info: ModelInfo) -> int:
    """Levels of an item that are not given."""
    kept = kept_levels(item, info)
    return math.prod(shape_of(item, info)) - (0 if kept is None else int(kept.mask.sum()))


def shape_of(item: PlannedItem, info: ModelInfo) -> tuple[int, ...]:
    """(T,) for a waveform, (C, H, W) for a picture."""
    conventions = info.conventions
    if isinstance(conventions, ImageConventions):
        return conventions.channels, conventions.height, conventions.width
    return (item.num_timesteps,)
