"""Multi-scale pictures scale by scale: the whole model's draw, likelihoods that add up, small pictures shared."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.native import best
from models.sampling import sample_lanes
from models.sampling.state import State
from pipeline.errors import ConfigError, RequestError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawing import lane_request
from pipeline.generation.memory import measured
from pipeline.generation.paths import cached_path, fused_path
from pipeline.generation.pictures_scales import draw_pictures, draw_scale, id_at, lane_bytes_at
from pipeline.generation.plan import shard_plans
from pipeline.generation.probe import probe
from pipeline.image.quantise import quantise
from pipeline.model_folder import ExportedModel
from pipeline.storage import Location
from tests.pipeline.generation.tiny_scales import (
    GREY,
    items_for,
    levels_of,
    requests_of,
    rows_of,
    save_multiscale,
    save_png,
    target_of,
    told,
)

TORCH = GenerateConfig(sampler="torch", num_lanes=8, items_per_shard=100)
FASTEST = GenerateConfig(items_per_shard=100, num_lanes=8)
SHARED = {"label": "1", "count": 8, "children": [2, 2]}
ON = lambda num_levels: None  # noqa: E731


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    return save_multiscale(Location(str(tmp_path_factory.mktemp("multiscale"))))


@pytest.mark.parametrize("config", [TORCH, FASTEST], ids=["torch", "fastest"])
def test_an_item_of_its_own_is_the_whole_models_draw(model: ExportedModel, config: GenerateConfig) -> None:
    lines = [{"label": "1", "count": 3}, {"label": "2", "seed": 4, "temperature": 0.8, "count": 2}]
    items = items_for(lines, target_of(model))
    whole = sample_lanes(model.model, [lane_request(item, model.info) for item in items], 8)
    drawn = draw_pictures(items, model, config, ON)
    path = fused_path(config) if config is FASTEST and best() else cached_path(config)
    for one, (item, own_path) in zip(whole, drawn, strict=True):
        assert torch.equal(one.levels, item.levels)
        assert item.nll_nats == pytest.approx(one.nll_nats, abs=1e-4)
        assert own_path == path


def test_weighed_draws_take_torch_and_are_the_whole_models(model: ExportedModel) -> None:
    items = items_for([{"label": "1", "count": 2, "top_k": 3}, {"label": "1", "count": 1}], target_of(model))
    whole = sample_lanes(model.model, [lane_request(item, model.info) for item in items], 8)
    drawn = draw_pictures(items, model, FASTEST, ON)
    assert all(torch.equal(one.levels, item.levels) for one, (item, _) in zip(whole, drawn, strict=True))
    assert [path for _, path in drawn[:2]] == [cached_path(FASTEST)] * 2
    assert drawn[2][1] == (fused_path(FASTEST) if best() else cached_path(FASTEST))


def test_items_share_small_pictures_and_each_likelihood_is_joint(model: ExportedModel, tmp_path: Path) -> None:
    rows = rows_of(Location(str(tmp_path / "out")), [SHARED], model, target_of(model), FASTEST)
    assert len({row["levels"] for row in rows}) == 8
    for number, row in enumerate(rows):
        base, middle = number // 4 * 4, number // 2 * 2
        assert told(row)["parents"] == [f"000001-{base:04d}", f"000001-{middle:04d}"]
        assert np.array_equal(levels_of(row)[::4, ::4], levels_of(rows[base])[::4, ::4])
        assert np.array_equal(levels_of(row)[::2, ::2], levels_of(rows[middle])[::2, ::2])
        levels = torch.from_numpy(levels_of(row).astype(np.int64)).permute(2, 0, 1)[None]
        condition = lane_request(items_for([SHARED], target_of(model))[0], model.info).condition
        with torch.no_grad():
            expected = float(model.model.nll_nats(levels, condition).sum())
        assert row["nll_nats"] == pytest.approx(expected, abs=1e-3)
    smallest = {levels_of(row)[::4, ::4].tobytes() for row in rows}
    middles = {levels_of(row)[::2, ::2].tobytes() for row in rows}
    assert (len(smallest), len(middles)) == (2, 4)


def test_the_first_item_of_a_small_picture_is_that_of_a_plain_request(model: ExportedModel, tmp_path: Path) -> None:
    plain = rows_of(Location(str(tmp_path / "a")), [{"label": "1", "count": 8}], model, target_of(model), FASTEST)
    rows = rows_of(Location(str(tmp_path / "b")), [SHARED], model, target_of(model), FASTEST)
    assert [place for place in range(8) if rows[place]["levels"] == plain[place]["levels"]] == [0, 4]
    assert "parents" not in told(plain[0])


@pytest.mark.parametrize("items_per_shard", [1, 3])
def test_shards_that_part_a_family_draw_the_same(model: ExportedModel, tmp_path: Path, items_per_shard: int) -> None:
    whole = rows_of(Location(str(tmp_path / "a")), [SHARED], model, target_of(model), FASTEST)
    config = GenerateConfig(items_per_shard=items_per_shard, num_lanes=8)
    assert rows_of(Location(str(tmp_path / "b")), [SHARED], model, target_of(model), config) == whole


def test_a_small_picture_is_drawn_once(model: ExportedModel) -> None:
    items = items_for([SHARED], target_of(model))
    small = draw_scale(0, items, {}, model, FASTEST, ON)
    middle = draw_scale(1, items, small, model, FASTEST, ON)
    assert (list(small), list(middle)) == (
        ["000001-0000", "000001-0004"],
        ["000001-0000", "000001-0002", "000001-0004", "000001-0006"],
    )
    whole, given = draw_pictures(items, model, FASTEST, ON), draw_pictures(items, model, FASTEST, ON, (small, middle))
    pairs = zip(whole, given, strict=True)
    assert all(torch.equal(a.levels, b.levels) and a.nll_nats == b.nll_nats for (a, _), (b, _) in pairs)
    assert [id_at(items[5], number) for number in range(3)] == ["000001-0004", "000001-0004", "000001-0005"]


@pytest.mark.parametrize("stride", [4, 2])
@pytest.mark.parametrize("config", [TORCH, FASTEST], ids=["torch", "fastest"])
def test_a_low_resolution_picture_is_kept_and_not_counted(
    model: ExportedModel, tmp_path: Path, stride: int, config: GenerateConfig
) -> None:
    small = np.random.default_rng(0).integers(0, 256, (8 // stride, 8 // stride))
    line = {"label": "2", "count": 3, "low_resolution": save_png(tmp_path / "small.png", small)}
    rows = rows_of(Location(str(tmp_path / "out")), [line], model, target_of(model, tmp_path), config)
    condition = lane_request(items_for([line], target_of(model, tmp_path))[0], model.info).condition
    for row in rows:
        assert np.array_equal(levels_of(row)[::stride, ::stride, 0], quantise(small.astype(np.uint8), 8))
        levels = torch.from_numpy(levels_of(row).astype(np.int64)).permute(2, 0, 1)[None]
        with torch.no_grad():
            nats = model.model.nll_nats(levels, condition)[0, 0]
        nats[::stride, ::stride] = 0
        assert row["nll_nats"] == pytest.approx(float(nats.sum()), abs=1e-3)
    assert len({row["levels"] for row in rows}) == 3


def test_a_hole_is_drawn_anew_at_every_scale(model: ExportedModel, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8))
    line = {"label": "2", "count": 2, "image": save_png(tmp_path / "image.png", pixels), "mask": [2, 2, 4, 5]}
    target = target_of(model, tmp_path)
    items = items_for([line], target)
    whole = sample_lanes(model.model, [lane_request(item, model.info) for item in items], 8)
    for one, (item, _) in zip(whole, draw_pictures(items, model, FASTEST, ON), strict=True):
        assert torch.equal(one.levels, item.levels)
        assert item.nll_nats == pytest.approx(one.nll_nats, abs=1e-4)
        outside = torch.ones(8, 8, dtype=torch.bool)
        outside[2:6, 2:7] = False
        expected = torch.from_numpy(quantise(pixels.astype(np.uint8), 8).astype(np.int64))
        assert torch.equal(item.levels[0][outside], expected[outside])


class Stopped(Exception):
    """The run is killed."""


class InMemory:
    """A place for states; the run is killed once so many are written."""

    def __init__(self, most: int, state: State | None = None) -> None:
        self.left, self.state, self.said = most, state, list[str]()

    def find(self) -> State | None:
        return self.state

    def went_on(self, num_levels: int) -> None:
        self.said.append("went on")
        self.went_on_from = num_levels

    def pass_over(self, reason: str) -> None:
        self.said.append(reason)

    def is_due(self) -> bool:
        return True

    def write(self, state: State) -> None:
        self.state, self.left = state, self.left - 1
        if not self.left:
            raise Stopped


@pytest.mark.parametrize(("config", "num_states"), [(TORCH, 2), (FASTEST, 2), (FASTEST, 4), (FASTEST, 11)])
def test_a_killed_run_goes_on_within_any_scale(model: ExportedModel, config: GenerateConfig, num_states: int) -> None:
    """By the kernel a state is written after each of 2 + 4 + 8 rows of two sets; by torch after each scale's span."""
    items = items_for([SHARED | {"count": 12}], target_of(model))
    whole = draw_pictures(items, model, config, ON)
    place, told_levels = InMemory(num_states), list[int]()
    with suppress(Stopped):
        draw_pictures(items, model, config, told_levels.append, keep=place)
    again = InMemory(-1, place.state)
    for (one, path), (other, other_path) in zip(
        whole, draw_pictures(items, model, config, ON, keep=again), strict=True
    ):
        assert torch.equal(one.levels, other.levels)
        assert (one.nll_nats, path) == (other.nll_nats, other_path)
    assert set(again.said) == {"went on"}
    assert again.went_on_from == told_levels[-1], "as it was told, lower scales and all"


def test_pictures_below_are_gone_on_from_where_the_samplers_state_is_not(model: ExportedModel) -> None:
    """Another process drew them, which is to be known."""
    items = items_for([SHARED | {"count": 12}], target_of(model))
    place = InMemory(11)
    with suppress(Stopped):
        draw_pictures(items, model, TORCH, ON, keep=place)
    assert place.state is not None
    again = InMemory(-1, State(place.state.tensors, place.state.facts | {"underway": {"part": 7}}))
    draw_pictures(items, model, TORCH, ON, keep=again)
    assert again.said[0] == "went on"
    assert "not a state of these items" in again.said[1]


def test_a_state_of_other_pictures_is_passed_over(model: ExportedModel) -> None:
    items = items_for([SHARED], target_of(model))
    place = InMemory(-1, State(facts={"scale": 1, "below": {"ids": []}}))
    drawn = draw_pictures(items, model, FASTEST, ON, keep=place)
    whole = draw_pictures(items, model, FASTEST, ON)
    assert all(torch.equal(one.levels, other.levels) for (one, _), (other, _) in zip(whole, drawn, strict=True))
    assert "not a state of these pictures" in place.said[0]


def test_progress_never_falls(model: ExportedModel) -> None:
    told_levels: list[int] = []
    draw_pictures(items_for([{"label": "0", "count": 3}], target_of(model)), model, FASTEST, told_levels.append)
    assert told_levels == sorted(told_levels)
    assert told_levels[0] < 64, "the smallest scale is a small part of the work"
    assert told_levels[-1] == 3 * 64
    plans = list(shard_plans(requests_of([{"label": "0", "count": 3}], target_of(model)), "m", FASTEST))
    found = probe(plans, model, FASTEST, 0.2)
    assert found.lane_bytes == lane_bytes_at(model, FASTEST) >= measured(model.model, (1, 8, 8), None)
    assert found.levels_per_s > 100


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a number": ({"children": 4}, r"children must be a list of 2, .* as in \[1, 4\], got 4"),
    "too few": ({"children": [4]}, r"a list of 2, .*got \[4\]"),
    "none": ({"children": [0, 1]}, "children must be a whole number from 1"),
    "a family in two splits": (
        {"children": [2, 2], "count": 8, "split": {"train": 6, "test": 2}},
        "4 items in a row share their smallest picture, and train has 6",
    ),
    "a size of no scale": ({"low_resolution": "three.png"}, r"expected 2 x 2 or 4 x 4 pixels.* has 3 x 3"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_scale_is_refused(model: ExportedModel, tmp_path: Path, name: str) -> None:
    save_png(tmp_path / "three.png", np.zeros((3, 3)))
    line, message = REFUSED[name]
    with pytest.raises(RequestError, match=message):
        requests_of([{"label": "1", **line}], target_of(model, tmp_path))


def test_whole_families_go_to_splits(model: ExportedModel) -> None:
    line = {"label": "1", "count": 8, "children": [2, 2], "split": {"train": 4, "test": 4}}
    assert [item.split for item in items_for([line], target_of(model))] == ["train"] * 4 + ["test"] * 4


def test_lanes_that_do_not_fit_are_refused(model: ExportedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.generation.memory.available_bytes", lambda: 100)
    with pytest.raises(ConfigError, match="lanes of"):
        draw_pictures(items_for([{"label": "0"}], target_of(model)), model, FASTEST, ON)
    assert GREY.height == 8
