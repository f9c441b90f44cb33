"""What a request says of a picture: pixels that are given, and pictures that are drawn around one small one.

    {"image": "cat.png", "mask": "hole.png", "count": 4}             white pixels of the mask are drawn, black ones kept
    {"image": "cat.png", "mask": [10, 4, 8, 16]}                     drawn: 8 rows from row 10 on, 16 columns from 4 on
    {"low_resolution": "small.png", "count": 8}                      every f-th pixel of every f-th row is given
    {"children": [1, 4], "count": 8}                                 of a model of three scales: see below
    {"image": {"dataset": "DIR", "item": "ID"}, "mask": "hole.png"}  a row of a dataset in place of a file

Paths start where the requests file lies. Files are read as `prepare` reads them, and never resized: a picture of
another size is an error. What a file held, as SHA-256, stands in the row's `request` beside its name, and is part of
the plan: items are made again when a file has changed. A request that brings the checksum is held to it.

A mask's pixel is drawn where it is 128 or more of 255, in all its channels. `low_resolution` of a multi-scale model is
the picture of one of its lower scales; of any other, one whose size divides the model's.

`children` says how many pictures of each scale are drawn around one of the scale below: [1, 4] of 8 → 16 → 32 has one
16 × 16 for each 8 × 8, and four 32 × 32 for each of these. Items in a row share a small picture, `count` is still the
number of items. A small picture is drawn with the random numbers of the first item made from it, so that item is the
one that a request without `children` gives.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from pipeline.errors import RequestError
from pipeline.generation.fields import MOST_WHOLE_NUMBER, shown, whole_number
from pipeline.generation.pictures_given import NOTHING_GIVEN, Given, Source, require_given, source_of
from pipeline.shards.schema import ImageConventions

PICTURE_KEYS = ("image", "mask", "low_resolution", "children")
CHECKSUM_KEYS = ("image_sha256", "mask_sha256", "low_resolution_sha256")
"""Written into a row's request; a request may hold them too."""


@dataclass(frozen=True)
class PictureTarget:
    """folder: where relative paths start. factors: from each scale of the model to the next, the smallest first."""

    folder: str = ""
    factors: tuple[int, ...] = ()

    @property
    def strides(self) -> tuple[int, ...]:
        """Of the scales below the whole picture: which of its pixels they have, the smallest scale first."""
        return tuple(prod(self.factors[number:]) for number in range(len(self.factors)))


ONE_SCALE = PictureTarget()


@dataclass(frozen=True)
class PictureRequest:
    """What is given, and how many pictures are drawn around each one of the scale below; () where nothing is said."""

    given: Given = NOTHING_GIVEN
    children: tuple[int, ...] = ()


PLAIN_PICTURE = PictureRequest()


def factors_of(name: str, config: Mapping[str, Any]) -> tuple[int, ...]:
    """From each scale of a model to the next, the smallest first; () for a model of one scale."""
    if name != "multiscale":
        return ()
    base = config["base"]
    return (*factors_of(base.get("name", ""), base), int(config["factor"]))


def picture_of(
    data: Mapping[str, Any], conventions: ImageConventions, target: PictureTarget, where: str
) -> PictureRequest:
    """What a request says, its files read once and found to fit the model; RequestError where they do not."""
    if not any(key in data for key in PICTURE_KEYS):
        if stray := [key for key in CHECKSUM_KEYS if key in data]:
            raise RequestError(f"{where}: {stray[0]} is the checksum of a picture that the request does not name.")
        return PLAIN_PICTURE
    given = given_of(data, conventions, target, where)
    require_given(given, conventions, where)
    return PictureRequest(given, children_of(data, target, where))


def given_of(data: Mapping[str, Any], conventions: ImageConventions, target: PictureTarget, where: str) -> Given:
    """The pixels that are given."""
    if "image" in data and "low_resolution" in data:
        raise RequestError(f"{where}: image and low_resolution both give pixels; leave one out.")
    if ("image" in data) != ("mask" in data):
        lacks, has = ("mask", "image") if "image" in data else ("image", "mask")
        raise RequestError(f"{where}: {has} needs {lacks}: which pixels of which picture are drawn anew.")
    if "low_resolution" in data:
        return low_resolution_of(data, conventions, target, where)
    if "image" not in data:
        return NOTHING_GIVEN
    image = source_of(data, "image", target.folder, conventions, ((conventions.height, conventions.width),), where)
    if isinstance(data["mask"], list):
        return Given(image, rectangle=rectangle_of(data["mask"], conventions, where))
    return Given(image, source_of(data, "mask", target.folder, conventions, (image.size,), where))


def low_resolution_of(
    data: Mapping[str, Any], conventions: ImageConventions, target: PictureTarget, where: str
) -> Given:
    """A small picture, which is every n-th pixel of every n-th row: n from its size."""
    height, width = conventions.height, conventions.width
    strides = target.strides or tuple(n for n in range(2, min(height, width) + 1) if not (height % n or width % n))
    sizes = tuple((height // stride, width // stride) for stride in strides)
    small = source_of(data, "low_resolution", target.folder, conventions, sizes, where)
    return Given(small, stride=height // small.size[0])


def rectangle_of(value: list[Any], conventions: ImageConventions, where: str) -> tuple[int, ...]:
    """[top, left, height, width] of what is drawn, within the picture."""
    height, width = conventions.height, conventions.width
    is_whole = len(value) == 4 and all(isinstance(part, int) and not isinstance(part, bool) for part in value)
    if is_whole:
        top, left, rows, columns = value
        if min(top, left) >= 0 and min(rows, columns) >= 1 and top + rows <= height and left + columns <= width:
            return tuple(value)
    raise RequestError(
        f"{where}: mask must be a picture's path, or [top, left, height, width] within {height} x {width} pixels, got "
        f"{shown(value)}."
    )


def children_of(data: Mapping[str, Any], target: PictureTarget, where: str) -> tuple[int, ...]:
    """How many pictures are drawn around each one of the scale below, for each scale above the first."""
    if "children" not in data:
        return ()
    value, scales = data["children"], len(target.factors)
    if not scales:
        raise RequestError(
            f"{where}: children are drawn around a small picture by a multi-scale model, and this one has one scale; "
            "leave children out."
        )
    if not isinstance(value, list) or len(value) != scales:
        raise RequestError(
            f"{where}: children must be a list of {scales}, one number for each scale above the first, as in "
            f"{json.dumps([1] * (scales - 1) + [4])}, got {shown(value)}."
        )
    return tuple(whole_number({"children": part}, "children", 1, 1, MOST_WHOLE_NUMBER, where) for part in value)


def refuse_parted_families(children: tuple[int, ...], splits: Mapping[str, int], where: str) -> None:
    """A RequestError where items of two splits would share a small picture: what is held out would be known."""
    family = prod(children)
    if len(splits) > 1 and (parted := [name for name, number in splits.items() if number % family]):
        raise RequestError(
            f"{where}: {family} items in a row share their smallest picture, and {parted[0]} has {splits[parted[0]]} "
            f"of them, so that two splits would share one; give each split a multiple of {family}."
        )


def named_sources(given: Given) -> dict[str, str]:
    """The checksums that a row's request tells."""
    sources: dict[str, Source | None] = {
        ("image" if given.stride == 1 else "low_resolution"): given.picture,
        "mask": given.mask,
    }
    return {f"{key}_sha256": source.sha256 for key, source in sources.items() if source is not None}


def scale_ids(request_id: str, number: int, children: tuple[int, ...]) -> tuple[str, ...]:
    """The ids of the small pictures that item `number` is drawn around, the smallest first: each is that of the first
    item made from it. () where every item has its own.
    """
    families = (prod(children[scale:]) for scale in range(len(children)))
    return tuple(f"{request_id}-{number - number % family:04d}" for family in families)


def with_parents(source: str, parents: tuple[str, ...]) -> str:
    """An item's request, which tells what small pictures it was drawn around, where it shares them."""
    if not parents:
        return source
    return json.dumps({**json.loads(source), "parents": list(parents)}, sort_keys=True, ensure_ascii=False)
