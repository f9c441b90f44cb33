"""Pictures of a multi-scale model, scale by scale: pictures of the scale below in, pictures of this scale out.

A small picture is known by the id of the first item that is made from it (`pictures.scale_ids`), and drawn with that
item's random numbers. So it is drawn once for all items of a shard that share it, and is the same in every shard; and
an item that shares none is the picture that the whole model draws at one go. Each scale is drawn by the path that suits
it: a kernel where there is one for its network, else torch.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial

import torch

from models.autoregressive import ImageModel
from models.counter_random import item_key
from models.multiscale import Multiscale
from models.sampling import DrawnItem, LaneRequest
from models.sampling.fused import follows_the_kernel
from models.sampling.fused_scales import scale_lanes
from models.sampling.scales import Scale, joined, request_at, scales_of
from pipeline.errors import ModelError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawing import draw_items, lane_request, torch_parts
from pipeline.generation.memory import measured, require_memory
from pipeline.generation.parts import NOT_KEPT, Keep, OnLevels, Part, draw_parts
from pipeline.generation.paths import fused_path, why_not_by_kernel
from pipeline.generation.pictures_snapshots import DrawnPicture, Pictures, ScaleKeep, found_scale
from pipeline.generation.plan import PlannedItem
from pipeline.model_folder import ExportedModel
from pipeline.shards.schema import ImageConventions


def draw_pictures(
    items: Sequence[PlannedItem],
    exported: ExportedModel,
    config: GenerateConfig,
    on_levels: OnLevels,
    below: Sequence[Pictures] = (),
    keep: Keep = NOT_KEPT,
) -> list[tuple[DrawnItem, str]]:
    """Every item and its path, in order; `below` are pictures of the first scales, as far as they are drawn already.

    `keep` has how far they are, and may have it from a run before. ModelError, ConfigError, RequestError (a given
    picture's file has changed).
    """
    found = found_scale(keep, len(below), below[-1] if below else {})
    pictures, state = found.below, found.state
    for number, told in told_by_scale(len(below), items, scales_at(exported)):
        if number < found.number:
            continue  # its pictures are not even needed
        if state is not None and number == found.number:
            told(keep.went_on)(0)  # at the least; the sampler's own state says how much of this scale there is
        place = ScaleKeep(keep, number, pictures, state if number == found.number else None, told(keep.went_on))
        pictures = draw_scale(number, items, pictures, exported, config, told(on_levels), place)
    drawn = [pictures[item.item_id] for item in items]
    return [(picture.item, "+".join(picture.paths)) for picture in drawn]


def told_by_scale(
    first: int, items: Sequence[PlannedItem], scales: Sequence[Scale]
) -> Iterator[tuple[int, Callable[[OnLevels], OnLevels]]]:
    """The scales from `first` on, and what makes of their levels those of whole items, by the work that is done."""
    numbers = range(first, len(scales))
    num_pictures = [len({id_at(item, number) for item in items}) for number in numbers]
    work = [scales[number].flops * num for number, num in zip(numbers, num_pictures, strict=True)]
    levels_per_flop, done = len(items) * scales[-1].num_levels / sum(work), 0.0
    for number, num, own in zip(numbers, num_pictures, work, strict=True):
        each = levels_per_flop * own / (num * scales[number].num_levels)
        yield number, partial(rescaled, before=levels_per_flop * done, each=each)
        done += own


def rescaled(on_levels: OnLevels, before: float, each: float) -> OnLevels:
    """Tells so many levels before, and so many for each that is drawn."""
    return lambda num_levels: on_levels(round(before + each * num_levels))


def draw_scale(
    number: int,
    items: Sequence[PlannedItem],
    below: Pictures,
    exported: ExportedModel,
    config: GenerateConfig,
    on_levels: OnLevels = lambda num_levels: None,
    keep: Keep = NOT_KEPT,
) -> Pictures:
    """The pictures of a scale that these items are, or are drawn around; `below` has those of the scale below."""
    scale = scales_at(exported)[number]
    wanted = {id_at(item, number): item for item in items}
    under = {name: below[id_at(item, number - 1)] for name, item in wanted.items()} if number else {}
    requests = {
        name: request_at(
            scale,
            lane_request(item, exported.info),
            item_key(item.seed, name),
            under[name].item.levels if number else None,
        )
        for name, item in wanted.items()
    }
    drawn = draw_requests(scale, list(requests.values()), exported, config, on_levels, keep)
    return {name: above(under.get(name), *result) for name, result in zip(wanted, drawn, strict=True)}


def id_at(item: PlannedItem, number: int) -> str:
    """The id that an item's picture of this scale is known by: its own where it shares none."""
    return (*item.parents, item.item_id)[number] if item.parents else item.item_id


def above(below: DrawnPicture | None, item: DrawnItem, path: str) -> DrawnPicture:
    """A picture with the likelihood and the paths of all scales so far."""
    if below is None:
        return DrawnPicture(item, (path,) if path else ())
    paths = below.paths if path in ("", *below.paths) else (*below.paths, path)
    return DrawnPicture(joined(below.item, item), paths)


def draw_requests(
    scale: Scale,
    requests: Sequence[LaneRequest],
    exported: ExportedModel,
    config: GenerateConfig,
    on_levels: OnLevels,
    keep: Keep,
) -> list[tuple[DrawnItem, str]]:
    """Pictures of one scale and their paths, in order; "" for one that is given in full."""
    network, drawn_from = replace(exported, model=scale.network), replace(exported, model=scale.drawn_from)
    has_kernel = not why_not_by_kernel(network if config.device == "cpu" else exported, config)  # a GPU has none
    given = [place for place, one in enumerate(requests) if one.kept is not None and bool(one.kept.mask.all())]
    rest = sorted(set(range(len(requests))) - set(given))
    by_kernel = [place for place in rest if has_kernel and follows_the_kernel(requests[place].departures)]
    by_torch = sorted(set(rest) - set(by_kernel))
    for places, is_kernel in ((by_kernel, True), (by_torch, False)):
        if places:
            require_memory(network, config, len(places), scale.shape, by_kernel=is_kernel)
    parts = [*kernel_parts(scale, requests, by_kernel, config), *torch_parts(requests, by_torch, drawn_from, config)]
    try:
        drawn = draw_parts(parts, scale.model, on_levels, keep)
    except ValueError as error:
        raise ModelError(f"{exported.folder}: cannot be drawn from: {error}. Train the model again.") from error
    drawn.update((place, (given_item(requests[place]), "")) for place in given)
    return [drawn[place] for place in range(len(requests))]


def kernel_parts(
    scale: Scale, requests: Sequence[LaneRequest], places: Sequence[int], config: GenerateConfig
) -> list[Part]:
    """All that the kernel draws is one part."""
    chosen = [requests[place] for place in places]
    begin = partial(scale_lanes, scale, chosen, config.num_lanes, config.precision)
    return [Part(places, fused_path(config), begin)] if chosen else []


def given_item(request: LaneRequest) -> DrawnItem:
    """A picture of which nothing is drawn."""
    assert request.kept is not None
    return DrawnItem(request.kept.levels[0], 0.0)


def scales_at(exported: ExportedModel) -> list[Scale]:
    """The scales of a model's pictures."""
    conventions, model = exported.info.conventions, exported.model
    assert isinstance(conventions, ImageConventions)
    assert isinstance(model, ImageModel)
    return known_scales(model, (conventions.channels, conventions.height, conventions.width))


@lru_cache(maxsize=1)
def known_scales(model: ImageModel, shape: tuple[int, int, int]) -> list[Scale]:
    """The same for every shard: what samplers keep of a scale's network they keep by the model."""
    return scales_of(model, shape)


def draw_any(
    items: Sequence[PlannedItem],
    exported: ExportedModel,
    config: GenerateConfig,
    on_levels: OnLevels,
    below: Sequence[Pictures] = (),
    keep: Keep = NOT_KEPT,
) -> list[tuple[DrawnItem, str]]:
    """Every item of any model and its path, in order: scale by scale where there are several."""
    if isinstance(exported.model, Multiscale):
        return draw_pictures(items, exported, config, on_levels, below, keep)
    return draw_items(items, exported, config, on_levels, keep)


def lane_bytes_at(exported: ExportedModel, config: GenerateConfig) -> int:
    """The most that a lane takes at any scale, drawn by its own path."""

    def dtype(scale: Scale) -> torch.dtype | None:
        has_none = config.device != "cpu" or why_not_by_kernel(replace(exported, model=scale.network), config)
        return None if has_none else getattr(torch, config.precision)

    return max(measured(scale.network, scale.shape, dtype(scale)) for scale in scales_at(exported))
