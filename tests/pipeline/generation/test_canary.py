from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from models.native import best
from models.sampling import DrawnItem
from pipeline.errors import DisagreementError
from pipeline.generation.canary import Canary
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawn_rows import make_rows
from pipeline.generation.pictures_scales import draw_scale
from pipeline.generation.pictures_snapshots import DrawnPicture
from pipeline.generation.plan import items_of, shard_plans
from pipeline.generation.requests import parse_request
from pipeline.generation.shard import generate_shard
from pipeline.generation.target import Target
from pipeline.model_folder import ExportedModel
from pipeline.shards.commit import Commit, read_commit, shard_file
from pipeline.shards.writer import write_shard
from pipeline.storage import Location
from tests.pipeline.generation.tiny_scales import items_for, negated, save_multiscale, save_png, target_of

SPOKEN = (
    '{"count": 6, "speaker": "ann", "emotion": "glad", "phones": [["a", 0.021], ["sil", 0.012]], "temperature": 0.7}'
)
DRAWN = '{"label": "1", "count": 5}'

ALL = GenerateConfig(canary_one_in=1)


def drawn(line: str, exported: ExportedModel, config: GenerateConfig) -> Any:
    """Items and their rows, as they come to the canary."""
    target = Target(exported.info.conventions, exported.info.conditioning, 1000)
    items = list(items_of(parse_request(line, 1, target, "")))
    rows, _ = make_rows(items, exported, config, lambda num_levels: None)
    return items, rows


@pytest.mark.parametrize("sampler", ["fastest", "torch"])
@pytest.mark.parametrize("window", [8, 8192])
def test_what_is_drawn_is_what_the_model_says(
    speech_model: ExportedModel,
    digit_model: ExportedModel,
    sampler: Any,
    window: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also scored in windows that are shorter than an item."""
    monkeypatch.setattr("pipeline.generation.scoring.WINDOW", window)
    config = replace(ALL, sampler=sampler)
    assert Canary(speech_model, config).compare(*drawn(SPOKEN, speech_model, config)) == 6
    assert Canary(digit_model, config).compare(*drawn(DRAWN, digit_model, config)) == 5


def test_the_first_item_is_compared_and_then_few(speech_model: ExportedModel) -> None:
    config = GenerateConfig(canary_one_in=10**9)
    canary = Canary(speech_model, config)
    found = drawn(SPOKEN, speech_model, config)
    assert [canary.compare(*found), canary.compare(*found)] == [1, 0]
    assert canary.compare([], []) == 0


def test_what_another_process_drew_is_compared_and_proves_nothing_of_this_one(speech_model: ExportedModel) -> None:
    config = GenerateConfig(canary_one_in=10**9)
    canary, found = Canary(speech_model, config), drawn(SPOKEN, speech_model, config)
    assert canary.compare(*found, of_others=True) == 0
    assert [canary.compare(*found), canary.compare(*found)] == [1, 0], "its own first is"
    items, rows = found
    last = [*rows[:-1], {**rows[-1], "nll_nats": rows[-1]["nll_nats"] + 0.1}]
    with pytest.raises(DisagreementError, match="item '000001-0005'"):
        canary.compare(items, last, of_others=True)


def test_where_chance_chooses_none_for_long_one_is_compared(
    speech_model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.generation.canary.MOST_UNPROVEN", 3)
    config = GenerateConfig(canary_one_in=10**9)
    canary = Canary(speech_model, config)
    found = drawn(SPOKEN, speech_model, config)
    assert [canary.compare(*found) for _ in range(9)] == [1, 0, 0, 0, 1, 0, 0, 0, 1]


def test_after_a_disagreement_the_next_is_compared(speech_model: ExportedModel) -> None:
    config = GenerateConfig(canary_one_in=10**9)
    canary = Canary(speech_model, config)
    found = drawn(SPOKEN, speech_model, config)
    assert canary.compare(*found) == 1
    with pytest.raises(DisagreementError):
        canary.compare(*with_wrong(found, 0.1), of_others=True)
    assert [canary.compare(*found), canary.compare(*found)] == [1, 0]


def with_wrong(found: Any, nats: float) -> Any:
    items, rows = found
    return items, [{**row, "nll_nats": row["nll_nats"] + nats} for row in rows]


def test_a_likelihood_that_is_not_the_models_is_found(speech_model: ExportedModel) -> None:
    found = drawn(SPOKEN, speech_model, ALL)
    assert Canary(speech_model, ALL).compare(*with_wrong(found, 0.01)) == 6
    with pytest.raises(DisagreementError, match=r"item '000001-0000', drawn by .*computes something else"):
        Canary(speech_model, ALL).compare(*with_wrong(found, 0.1))


@pytest.mark.skipif(best() is None, reason="built without a compiler")
def test_a_kernel_with_other_weights_is_found_before_anything_is_written(
    folder: Location, speech_model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the packed weights were damaged in memory: the model itself is whole."""
    from models.native.wavenet import NativeWaveNet

    class Damaged(NativeWaveNet):
        def product(self, linear: torch.nn.Linear, *given: Any) -> Any:
            other = torch.nn.Linear(linear.in_features, linear.out_features)
            other.weight.data, other.bias.data = linear.weight.data.roll(1, 0), linear.bias.data
            return super().product(other, *given)

    monkeypatch.setattr("models.sampling.fused_waveforms.NativeWaveNet", Damaged)
    monkeypatch.setattr("models.sampling.fused_waveforms.packed", lambda model, shape, make: make())
    target = Target(speech_model.info.conventions, speech_model.info.conditioning, 1000)
    plan = next(iter(shard_plans([parse_request(SPOKEN, 1, target, "")], "m", ALL)))
    with pytest.raises(DisagreementError):
        generate_shard(folder, plan, speech_model, ALL, canary=Canary(speech_model, ALL))
    assert not (folder / "shards").exists()


def test_pictures_of_each_scale_are_compared(tmp_path: Path) -> None:
    """Those with kept pixels, and those that are given in full, too."""
    model = save_multiscale(Location(str(tmp_path / "model")))
    save_png(tmp_path / "given.png", [[40 * (row + column) % 256 for column in range(8)] for row in range(8)])
    save_png(tmp_path / "mask.png", [[255 * (column > 2) for column in range(8)] for _ in range(8)])
    lines = [
        {"label": "1", "count": 4, "children": [2, 2], "temperature": 0.8},
        {"label": "2", "count": 2, "image": "given.png", "mask": "mask.png"},
    ]
    items, pictures = items_for(lines, target_of(model, tmp_path)), dict[str, DrawnPicture]()
    for number in range(2):
        pictures = dict(draw_scale(number, items, pictures, model, ALL))
        canary = Canary(model, ALL)
        assert canary.compare_pictures(number, items, pictures) == len(pictures) == (3, 4)[number]
        for name, picture in pictures.items():
            more = DrawnPicture(DrawnItem(picture.item.levels, picture.item.nll_nats + 0.5), picture.paths)
            with pytest.raises(DisagreementError, match=f"scale {number} of '{name}', drawn by"):
                canary.compare_pictures(number, items, pictures | {name: more})


def test_a_snapshot_of_what_is_not_the_models_is_not_gone_on_with(
    folder: Location, speech_model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that drew something else was killed before it was compared; the next one is not put out for it."""
    for module in ("cached", "draws"):
        monkeypatch.setattr(f"models.sampling.{module}.PROGRESS_EVERY", 7)
    config = GenerateConfig(sampler="torch", snapshot_every_s=1e-9, canary_one_in=10**9)
    target = Target(speech_model.info.conventions, speech_model.info.conditioning, 1000)
    plan = next(iter(shard_plans([parse_request(SPOKEN, 1, target, "")], speech_model.info.digest, config)))
    canary = Canary(speech_model, config)
    generate_shard(folder / "whole", plan, speech_model, config, canary=canary)

    def killed(num_levels: int) -> None:
        if num_levels > 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_shard(folder, plan, replace(speech_model, model=negated(speech_model.model)), config, killed)
    commit = generate_shard(folder, plan, speech_model, config, canary=canary)
    assert "went_on_from_levels" not in commit.run
    assert "is not the model's (item" in commit.run["snapshot_passed_over"]
    file = shard_file(plan.name)
    assert (folder / file).read_bytes() == (folder / "whole" / file).read_bytes()


def test_a_shard_that_another_has_made_meanwhile_stays(folder: Location, speech_model: ExportedModel) -> None:
    """A slow one was called back and did not hear it: what it drew is not put in place of what stands."""
    target = Target(speech_model.info.conventions, speech_model.info.conditioning, 1000)
    plan = next(iter(shard_plans([parse_request(SPOKEN, 1, target, "")], speech_model.info.digest, ALL)))
    made: list[Commit] = []

    def meanwhile(num_levels: int) -> None:
        if not made:
            made.append(write_shard(folder, plan, [], [], speech_model.info.conventions, run={"num_compared": 3}))

    found = generate_shard(folder, plan, speech_model, ALL, meanwhile, Canary(speech_model, ALL))
    assert found == replace(made[0], run={**made[0].run, "num_compared": 0})
    assert read_commit(folder, plan.name) == made[0]
