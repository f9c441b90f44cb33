"""Items drawn by the path that suits each: a compiled kernel, or torch with the model's cache.

fused     the whole step is one call of a kernel; lanes take the next item as soon as theirs has ended
cached    torch, a step for each draw, in lanes that all run to the end of the longest

An item's path follows from the model, the settings, the machine and the item's own request, and is stamped into its row
with what else its bytes are promised for.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import torch

from models.counter_random import item_key
from models.native import best
from models.sampling import DrawnItem, Kept, LaneRequest, rows_taken, sample_lanes
from models.sampling.fused import follows_the_kernel, sample_fused, why_not_fused
from pipeline.conditions import stack_conditions
from pipeline.errors import ConfigError, ModelError
from pipeline.generation.columns import columns_of
from pipeline.generation.config import GenerateConfig
from pipeline.generation.memory import require_memory
from pipeline.generation.pictures_given import kept_of
from pipeline.generation.plan import PlannedItem
from pipeline.model_folder import ExportedModel, ModelInfo
from pipeline.shards.schema import AudioConventions, ImageConventions

OnLevels = Callable[[int], None]
"""Called now and then with the number of levels of the shard that are drawn."""


def why_not_by_kernel(exported: ExportedModel, config: GenerateConfig) -> str:
    """Why no item of this run is drawn by a kernel; empty where they are. ConfigError where bfloat16 was asked for."""
    reason = "sampler is torch" if config.sampler == "torch" else why_not_fused(exported.model, config.precision)
    if reason and config.precision != "float32":
        raise ConfigError(f"precision is {config.precision}, and {reason}: leave it at float32")
    return reason


def fused_path(config: GenerateConfig) -> str:
    """What an item's bytes are promised for, drawn by a kernel: precision and CPU level."""
    library = best()
    assert library is not None
    return f"fused-{config.precision}-cpu-{library.level}"


def cached_path(config: GenerateConfig) -> str:
    """The same of torch: library, dtype, device or CPU level, lanes."""
    level = torch.backends.cpu.get_cpu_capability().lower().replace(" ", "")
    device = f"cpu-{level}" if config.device == "cpu" else f"cuda-{torch.cuda.get_device_name()}"
    return f"cached-torch-fp32-{device}-lanes{config.num_lanes}"


def draw_items(
    items: Sequence[PlannedItem], exported: ExportedModel, config: GenerateConfig, on_levels: OnLevels
) -> list[tuple[DrawnItem, str]]:
    """Every item and its path, in order. ModelError, ConfigError."""
    requests = [lane_request(item, exported.info) for item in items]
    has_kernel = not why_not_by_kernel(exported, config)
    by_kernel = [place for place, one in enumerate(requests) if has_kernel and follows_the_kernel(one.departures)]
    by_torch = sorted(set(range(len(items))) - set(by_kernel))
    drawn: dict[int, tuple[DrawnItem, str]] = {}
    for places, is_kernel in ((by_kernel, True), (by_torch, False)):
        if places:
            longest = max((requests[place].shape for place in places), key=math.prod)
            require_memory(exported, config, len(places), longest, by_kernel=is_kernel)
    try:
        if by_kernel:
            chosen = [requests[place] for place in by_kernel]
            results = sample_fused(exported.model, chosen, config.num_lanes, config.precision, on_levels)
            drawn.update((place, (item, fused_path(config))) for place, item in zip(by_kernel, results, strict=True))
        done = sum(math.prod(requests[place].shape) for place in by_kernel)
        for place, item in draw_by_torch(requests, by_torch, exported, config, lambda num: on_levels(done + num)):
            drawn[place] = item, cached_path(config)
    except ValueError as error:
        raise ModelError(f"{exported.folder}: cannot be drawn from: {error}. Train the model again.") from error
    return [drawn[place] for place in range(len(items))]


def draw_by_torch(
    requests: Sequence[LaneRequest],
    places: Sequence[int],
    exported: ExportedModel,
    config: GenerateConfig,
    on_levels: OnLevels,
) -> Iterator[tuple[int, DrawnItem]]:
    """The items of these places. Those of like length share lanes, since the lockstep runs to the longest."""
    done = 0
    for group in lane_groups(requests, places, config.num_lanes):
        chosen = [requests[place] for place in group]
        lengths = [math.prod(request.shape) for request in chosen]

        def report(position: int, before: int = done, lengths: list[int] = lengths) -> None:
            on_levels(before + sum(min(position, length) for length in lengths))

        yield from zip(group, sample_lanes(exported.model, chosen, config.num_lanes, report), strict=True)
        done += sum(lengths)


def lane_groups(requests: Sequence[LaneRequest], places: Sequence[int], num_lanes: int) -> Iterator[list[int]]:
    """Places of requests, longest first, as many at a time as the lanes hold; a guided one takes two."""
    group: list[int] = []
    free = num_lanes
    for place in sorted(places, key=lambda place: -requests[place].shape[0]):
        taken = rows_taken(requests[place].departures)
        if taken > free:
            yield group
            group, free = [], num_lanes
        group.append(place)
        free -= taken
    if group:
        yield group


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
    """The pixels that the request gives; None where all are drawn. RequestError for a file that has changed."""
    if item.given.picture is None:
        return None
    assert isinstance(info.conventions, ImageConventions)
    return kept_of(item.given, info.conventions, item.item_id)


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
