"""Pictures that are asked for by pixels that are given: what is kept, what is told, what is refused."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.counter_random import item_keys
from models.sampling import Kept, sample_naive
from pipeline.conditions import stack_conditions
from pipeline.errors import RequestError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawing import lane_request
from pipeline.generation.pictures import PICTURE_KEYS, factors_of, scale_ids
from pipeline.generation.plan import shard_plans
from pipeline.generation.target import Target
from pipeline.image.quantise import intensities, quantise
from pipeline.model_folder import ExportedModel
from pipeline.shards.dataset import claim, finish
from pipeline.shards.plan import cut
from pipeline.shards.schema import ImageConventions
from pipeline.shards.writer import write_shard
from pipeline.storage import Location
from tests.pipeline.generation.tiny_models import AUDIO, IMAGE, NOTHING
from tests.pipeline.generation.tiny_scales import items_for, levels_of, requests_of, rows_of, save_png, target_of, told

CONFIG = GenerateConfig(items_per_shard=100)
RGB = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
HOLE = np.zeros((5, 4), np.uint8)
HOLE[2:4, 1:3] = 255


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_png(tmp_path / "image.png", RGB)
    save_png(tmp_path / "mask.png", HOLE)
    return tmp_path


@pytest.fixture
def target(digit_model: ExportedModel, folder: Path) -> Target:
    return target_of(digit_model, folder)


def out(folder: Path, name: str = "out") -> Location:
    return Location(str(folder / name))


PAINTED = {"label": "1", "image": "image.png", "mask": "mask.png", "count": 3}


def test_black_pixels_are_kept_and_white_ones_drawn(digit_model: ExportedModel, folder: Path, target: Target) -> None:
    rows = rows_of(out(folder), [PAINTED], digit_model, target, CONFIG)
    expected = quantise(RGB, IMAGE.num_levels)
    for row in rows:
        assert np.array_equal(levels_of(row)[HOLE == 0], expected[HOLE == 0])
    assert len({row["levels"] for row in rows}) == 3


def test_what_is_drawn_is_what_the_definition_draws(digit_model: ExportedModel, folder: Path, target: Target) -> None:
    row = rows_of(out(folder), [PAINTED], digit_model, target, CONFIG)[1]
    conditioning = digit_model.info.conditioning
    condition = stack_conditions(conditioning, [conditioning.attribute_ids({"label": "1"}, "")], [])
    levels = torch.from_numpy(quantise(RGB, IMAGE.num_levels).astype(np.int64)).permute(2, 0, 1)[None]
    kept = Kept(levels, torch.from_numpy(HOLE == 0).expand(1, 3, 5, 4))
    drawn = sample_naive(digit_model.model, (3, 5, 4), condition, item_keys([(0, "000001-0001")]), kept=kept)
    assert np.array_equal(levels_of(row), drawn.levels[0].permute(1, 2, 0).numpy())
    assert row["nll_nats"] == pytest.approx(float(drawn.nll_nats[0]), rel=1e-5)
    assert row["bits_per_dim"] == pytest.approx(row["nll_nats"] / (4 * 3 * math.log(2)))


def test_a_rectangle_is_a_mask(digit_model: ExportedModel, folder: Path, target: Target) -> None:
    by_mask = rows_of(out(folder, "mask"), [PAINTED], digit_model, target, CONFIG)
    by_corners = rows_of(out(folder, "corners"), [PAINTED | {"mask": [2, 1, 2, 2]}], digit_model, target, CONFIG)
    assert [row["levels"] for row in by_mask] == [row["levels"] for row in by_corners]


def test_a_low_resolution_picture_gives_every_nth_pixel(digit_model: ExportedModel, folder: Path) -> None:
    """A picture of 4 × 6 with one of 2 × 3, whichever model: the tiny one's size divides by nothing."""
    conventions = ImageConventions(height=4, width=6, channels=3, num_levels=8)
    small = np.random.default_rng(1).integers(0, 256, (2, 3, 3), dtype=np.uint8)
    save_png(folder / "small.png", small)
    target = Target(conventions, digit_model.info.conditioning, 1000, pictures=target_of(digit_model, folder).pictures)
    exported = ExportedModel(
        digit_model.folder,
        type(digit_model.info)(**{**digit_model.info.__dict__, "conventions": conventions}),
        digit_model.model,
    )
    line = {"label": "2", "low_resolution": "small.png", "count": 2}
    rows = rows_of(out(folder), [line], exported, target, CONFIG)
    for row in rows:
        assert np.array_equal(levels_of(row)[::2, ::2], quantise(small, 8))
    assert rows[0]["levels"] != rows[1]["levels"]
    assert "low_resolution_sha256" in told(rows[0])


def test_a_row_of_a_dataset_stands_for_a_file(digit_model: ExportedModel, folder: Path, target: Target) -> None:
    by_file = rows_of(out(folder, "by_file"), [PAINTED], digit_model, target, CONFIG)
    dataset, levels = out(folder, "dataset"), quantise(RGB, IMAGE.num_levels)
    claim(dataset, "prepare", {})
    size = {"height": 5, "width": 4, "channels": 3, "split": "train"}
    rows = [
        {"item_id": name, "levels": pixels.tobytes(), **size} for name, pixels in (("a", 0 * levels), ("b", levels))
    ]
    (plan,) = cut(["a", "b"], 2, {})
    write_shard(dataset, plan, rows, [], IMAGE)
    finish(dataset, [plan.name], IMAGE, {})
    line = PAINTED | {"image": {"dataset": "dataset", "item": "b"}}
    by_row = rows_of(out(folder, "by_row"), [line], digit_model, target, CONFIG)
    assert [row["levels"] for row in by_file] == [row["levels"] for row in by_row]
    assert np.array_equal(quantise(intensities(levels, 8), 8), levels)
    with pytest.raises(RequestError, match=r"line 1: image: .*dataset: no item has the id 'c'"):
        requests_of([PAINTED | {"image": {"dataset": "dataset", "item": "c"}}], target)


def test_the_request_and_the_plan_tell_what_the_files_held(
    digit_model: ExportedModel, folder: Path, target: Target
) -> None:
    def digest() -> str:
        return next(shard_plans(requests_of([PAINTED], target), "model", CONFIG)).digest

    before, source = digest(), requests_of([PAINTED], target)[0].source
    assert set(json.loads(source)) == {*PAINTED, "image_sha256", "mask_sha256"}
    assert digest() == before
    assert requests_of([json.loads(source)], target)[0].source == source
    save_png(folder / "image.png", 255 - RGB)
    assert digest() != before
    with pytest.raises(RequestError, match=r"image_sha256 is '.*: it was changed"):
        requests_of([json.loads(source)], target)


def test_a_file_that_changes_after_the_check_is_found(digit_model: ExportedModel, folder: Path, target: Target) -> None:
    (item,) = items_for([PAINTED | {"count": 1}], target)
    save_png(folder / "mask.png", 255 - HOLE)
    with pytest.raises(RequestError, match=r"mask.png was changed since the requests were checked"):
        lane_request(item, digit_model.info)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no such file": ({"image": "none.png", "mask": "mask.png"}, r"line 1: image: .*none.png does not exist"),
    "no picture": ({"image": "text.txt", "mask": "mask.png"}, "not an image that can be read.* such as a PNG"),
    "another size": ({"image": "wide.png", "mask": "mask.png"}, r"image: expected 5 x 4 pixels.*has 3 x 7; resize it"),
    "a mask of another size": ({"image": "image.png", "mask": "wide.png"}, r"mask: expected 5 x 4 pixels.*has 3 x 7"),
    "a black mask": ({"image": "image.png", "mask": "black.png"}, "mask is black everywhere"),
    "no mask": ({"image": "image.png"}, "image needs mask"),
    "no image": ({"mask": "mask.png"}, "mask needs image"),
    "both": ({"image": "image.png", "mask": "mask.png", "low_resolution": "a.png"}, "both give pixels"),
    "a rectangle outside": ({"image": "image.png", "mask": [2, 1, 4, 2]}, r"within 5 x 4 pixels, got \[2, 1, 4, 2\]"),
    "half a rectangle": ({"image": "image.png", "mask": [2, 1]}, r"\[top, left, height, width\]"),
    "a mask in a dataset": ({"image": "image.png", "mask": {"dataset": "a", "item": "b"}}, "mask must be text"),
    "half a row": ({"image": {"dataset": "a"}, "mask": "mask.png"}, "a path or .*got {'dataset': 'a'}"),
    "no dataset": ({"image": {"dataset": "a", "item": "b"}, "mask": "mask.png"}, "image: .*a holds no dataset"),
    "no low resolution": ({"low_resolution": "image.png"}, "expected another size pixels"),
    "one scale": ({"children": [4]}, "by a multi-scale model, and this one has one scale"),
    "a stray checksum": ({"image_sha256": "0"}, "does not name"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_before_anything_is_drawn(folder: Path, target: Target, name: str) -> None:
    save_png(folder / "wide.png", np.zeros((3, 7)))
    save_png(folder / "black.png", np.zeros((5, 4)))
    (folder / "text.txt").write_text("no picture")
    line, message = REFUSED[name]
    with pytest.raises(RequestError, match=message):
        requests_of([{"label": "1", **line}], target)


def test_a_waveform_has_no_pixels() -> None:
    with pytest.raises(RequestError, match="image asks for a picture, and this model makes waveforms"):
        requests_of([{"image": "a.png", "mask": "b.png"}], Target(AUDIO, NOTHING, 1000))


def test_factors_are_those_between_scales_from_the_smallest_on() -> None:
    base = {"name": "multiscale", "factor": 3, "base": {"name": "pixelcnn"}}
    assert factors_of("multiscale", {"factor": 2, "base": base}) == (3, 2)
    assert factors_of("pixelcnn", {}) == ()


def test_items_share_the_small_picture_of_the_first_of_them() -> None:
    assert [scale_ids("x", number, (2, 3)) for number in (0, 2, 5, 6)] == [
        ("x-0000", "x-0000"),
        ("x-0000", "x-0000"),
        ("x-0000", "x-0003"),
        ("x-0006", "x-0006"),
    ]
    assert scale_ids("x", 5, ()) == ()


def test_the_page_asks_with_keys_that_there_are() -> None:
    page = (Path(__file__).parents[3] / "docs/pictures.md").read_text()
    requests = [json.loads(line) for line in re.findall(r"^    (\{.*\})$", page, re.MULTILINE)]
    assert len(requests) == 7
    named = {key for request in requests for key in request}
    assert named <= {"id", "label", "count", "speaker", "duration_s", "prefix", *PICTURE_KEYS}
    assert named >= set(PICTURE_KEYS)
