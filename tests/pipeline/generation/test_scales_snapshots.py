"""A lower scale that an actor of its own draws: a kill within it or after it draws nothing again that was kept."""

from dataclasses import replace

import pytest
import torch

from jobs.sampler import Sampler
from pipeline.errors import DisagreementError
from pipeline.generation.canary import Canary
from pipeline.generation.config import GenerateConfig
from pipeline.generation.pictures_scales import draw_scale, scales_at
from pipeline.generation.pictures_snapshots import Pictures
from pipeline.generation.plan import PlannedItem, shard_plans
from pipeline.generation.scales_snapshots import draw_scale_kept, drawn_before
from pipeline.generation.snapshots import FOLDER, Snapshots, snapshots_of
from pipeline.model_folder import ExportedModel
from pipeline.shards.plan import ShardPlan
from pipeline.storage import Location
from tests.pipeline.generation.test_snapshots import Killed
from tests.pipeline.generation.tiny_scales import negated, requests_of, save_multiscale, target_of

CONFIG = GenerateConfig(items_per_shard=100, num_lanes=8, snapshot_every_s=1e-9)
LINES = [{"label": "1", "count": 12, "children": [2, 2]}]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    return save_multiscale(Location(str(tmp_path_factory.mktemp("multiscale"))))


def plan_of(model: ExportedModel) -> ShardPlan[PlannedItem]:
    return next(shard_plans(requests_of(LINES, target_of(model)), model.info.digest, CONFIG))


def same(one: Pictures, other: Pictures) -> bool:
    return list(one) == list(other) and all(
        torch.equal(one[name].item.levels, other[name].item.levels)
        and (one[name].item.nll_nats, one[name].paths) == (other[name].item.nll_nats, other[name].paths)
        for name in one
    )


@pytest.mark.parametrize("kill_at", [1, 2, 3])
def test_a_killed_scale_goes_on_and_a_finished_one_is_not_drawn_again(
    folder: Location, model: ExportedModel, monkeypatch: pytest.MonkeyPatch, kill_at: int
) -> None:
    plan, write, written = plan_of(model), Snapshots.write, list[int]()
    small = draw_scale(0, plan.entries, {}, model, CONFIG)
    whole = draw_scale(1, plan.entries, small, model, CONFIG)

    def killing(snapshots: Snapshots, state: object) -> None:
        write(snapshots, state)  # type: ignore[arg-type]
        written.append(1)
        if len(written) == kill_at:
            raise Killed

    monkeypatch.setattr(Snapshots, "write", killing)
    with pytest.raises(Killed):
        draw_scale_kept(folder, 1, plan, small, model, CONFIG, Canary(model, CONFIG))
    went_on = list[int]()
    monkeypatch.setattr(Snapshots, "went_on", lambda snapshots, num_levels: went_on.append(num_levels))
    assert same(draw_scale_kept(folder, 1, plan, small, model, CONFIG, Canary(model, CONFIG)), whole)
    assert went_on[0] > 0
    assert (folder / FOLDER).names() == ["000000-scale1.safetensors"]
    monkeypatch.setattr("pipeline.generation.scales_snapshots.draw_scale", None)
    assert same(draw_scale_kept(folder, 1, plan, small, model, CONFIG, Canary(model, CONFIG)), whole)


def test_what_was_drawn_at_once_is_not_kept(folder: Location, model: ExportedModel) -> None:
    draw_scale_kept(folder, 0, plan_of(model), {}, model, replace(CONFIG, snapshot_every_s=60), Canary(model, CONFIG))
    assert (folder / FOLDER).names() == []


def test_they_go_with_the_commit_and_all_where_an_actor_is_wrong(
    folder: Location, model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, sampler = plan_of(model), Sampler(model.folder, folder, CONFIG)
    small = sampler.draw_scale(0, plan)
    middle = sampler.draw_scale(1, plan, small)
    kept = ["000000-scale0.safetensors", "000000-scale1.safetensors"]
    assert sorted((folder / FOLDER).names()) == kept
    (folder / FOLDER / "000001-scale0.safetensors").write_bytes(b"of another shard")

    def wrong(drawing: object) -> None:
        raise DisagreementError("2 is not 3")

    with monkeypatch.context() as patched:
        patched.setattr("jobs.sampler.draw_from_the_first", wrong)
        with pytest.raises(DisagreementError):
            sampler.generate(plan, small, middle)
    assert (folder / FOLDER).names() == []
    middle = sampler.draw_scale(1, plan, sampler.draw_scale(0, plan))
    (folder / FOLDER / "000001-scale0.safetensors").write_bytes(b"of another shard")
    assert sampler.generate(plan, small, middle).num_rows == 12
    assert (folder / FOLDER).names() == ["000001-scale0.safetensors"]


def test_what_a_wrong_process_left_is_found_by_the_one_that_takes_it_over(
    folder: Location, model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died before it was compared. The other one has just been, and would not be again for long."""
    plan, sampler = plan_of(model), Sampler(model.folder, folder, replace(CONFIG, canary_one_in=10**9))
    small = sampler.draw_scale(0, plan)
    scale = scales_at(model)[0]
    with monkeypatch.context() as patched:
        patched.setitem(vars(scale), "drawn_from", negated(scale.model))
        patched.setattr(Canary, "compare_pictures", lambda *given, **more: 0)
        (folder / FOLDER / "000000-scale0.safetensors").remove()
        draw_scale_kept(folder, 0, plan, {}, model, replace(CONFIG, sampler="torch"), Canary(model, CONFIG))
    assert not same(drawn_of(folder, plan, model), small)
    assert same(sampler.draw_scale(0, plan), small)
    assert same(drawn_of(folder, plan, model), small), "in its place"


def drawn_of(folder: Location, plan: ShardPlan[PlannedItem], model: ExportedModel) -> Pictures:
    """What is kept of the smallest scale."""
    pictures = drawn_before(snapshots_of(folder, plan, model.info, CONFIG, "-scale0"), 0, plan)
    assert pictures is not None
    return pictures
