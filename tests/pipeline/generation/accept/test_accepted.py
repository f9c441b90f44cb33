"""Quotas and near-duplicates through whole shards: what comes of them follows from the requests alone."""

from typing import Any

import pytest

from pipeline.generation.accept.attempts import attempt_of, number_of_attempt
from pipeline.generation.accept.config import AcceptConfig
from pipeline.generation.accept.duplicates import verdicts
from pipeline.generation.config import GenerateConfig
from pipeline.generation.plan import items_of, shard_plans
from pipeline.generation.requests import parse_request
from pipeline.generation.shard import Drawing, generate_shard, read_rows, redraw_shard
from pipeline.generation.target import Target
from pipeline.model_folder import ExportedModel
from pipeline.shards.commit import commit_file, read_commit
from pipeline.storage import Location

LINES = ['{"label": "1", "count": 9}', '{"label": "2", "count": 8, "seed": 4, "split": {"train": 6, "test": 2}}']

SAME_BITS = 5
"""Pictures of 5 × 4 pixels have few bits that can differ."""

Rows = list[dict[str, Any]]


def requests_of(exported: ExportedModel) -> list[Any]:
    target = Target(exported.info.conventions, exported.info.conditioning, 1000)
    return [parse_request(line, number, target, "") for number, line in enumerate(LINES, 1)]


def generated(
    folder: Location, exported: ExportedModel, items_per_shard: int, accept: AcceptConfig
) -> tuple[Rows, Any]:
    """All rows, and all that was rejected."""
    config = GenerateConfig(items_per_shard=items_per_shard, accept=accept)
    plans = list(shard_plans(requests_of(exported), exported.info.digest, config, 60))
    for plan in plans:
        generate_shard(folder, plan, exported, config)
    while accept.among_items and (found := verdicts(folder, [plan.name for plan in plans], accept)):
        for plan in plans:
            if plan.name in found:
                redraw_shard(Drawing(folder, plan, exported, config), found[plan.name].near)
    rows = [row for plan in plans for row in read_rows(folder, plan.name)]
    rejected = [failure for plan in plans for failure in read_commit(folder, plan.name).failures]  # type: ignore[union-attr]
    return rows, rejected


def bits_in_the_middle(folder: Location, exported: ExportedModel) -> float:
    """Half of the items lie below."""
    rows, _ = generated(folder, exported, 100, AcceptConfig())
    return float(sorted(row["bits_per_dim"] for row in rows)[8])


@pytest.mark.parametrize("items_per_shard", [2, 7])
def test_quotas_are_met_whatever_the_shards(folder: Location, digit_model: ExportedModel, items_per_shard: int) -> None:
    middle = bits_in_the_middle(folder / "all", digit_model)
    accept = AcceptConfig(bits=(0, middle), max_attempts=50)
    rows, rejected = generated(folder / "whole", digit_model, 100, accept)
    assert [row["item_id"].partition(".")[0] for row in rows] == [
        item.item_id for request in requests_of(digit_model) for item in items_of(request)
    ]
    assert [row["split"] for row in rows[-3:]] == ["train", "test", "test"]
    assert all(row["bits_per_dim"] <= middle for row in rows)
    assert len(rejected) >= 8
    assert all("bits is" in failure.reason and '"label"' in failure.source for failure in rejected)
    assert generated(folder / "cut", digit_model, items_per_shard, accept) == (rows, rejected)


def test_what_is_drawn_once_is_missing_where_it_is_rejected(folder: Location, digit_model: ExportedModel) -> None:
    middle = bits_in_the_middle(folder / "all", digit_model)
    rows, rejected = generated(folder / "once", digit_model, 4, AcceptConfig(bits=(0, middle)))
    assert (len(rows), len(rejected)) == (9, 8)
    commit = read_commit(folder / "once", "000000")
    assert commit is not None
    assert commit.notes["items accepted"] + commit.notes["items rejected"] == 4


@pytest.mark.parametrize("items_per_shard", [2, 5])
def test_no_two_items_are_nearly_the_same_whatever_the_shards(
    folder: Location, digit_model: ExportedModel, items_per_shard: int
) -> None:
    accept = AcceptConfig(against="items", same_bits=SAME_BITS, max_attempts=50)
    rows, rejected = generated(folder / "whole", digit_model, 100, accept)
    assert len(rows) == 17
    assert len(rejected) > 2
    assert all(failure.reason.startswith("nearly the same as 00000") for failure in rejected)
    assert generated(folder / "cut", digit_model, items_per_shard, accept) == (rows, rejected)


def test_a_redraw_that_was_lost_before_its_commit_is_begun_anew(folder: Location, digit_model: ExportedModel) -> None:
    accept = AcceptConfig(against="items", same_bits=SAME_BITS, max_attempts=50)
    whole = generated(folder / "whole", digit_model, 100, accept)
    config = GenerateConfig(items_per_shard=100, accept=accept)
    (plan,) = shard_plans(requests_of(digit_model), digit_model.info.digest, config, 60)
    generate_shard(folder, plan, digit_model, config)
    drawing, before = Drawing(folder, plan, digit_model, config), (folder / commit_file(plan.name)).read_bytes()
    near = verdicts(folder, [plan.name], accept)[plan.name].near
    assert near
    redraw_shard(drawing, near)
    (folder / commit_file(plan.name)).write_bytes(before)
    redraw_shard(drawing, near)
    while found := verdicts(folder, [plan.name], accept):
        redraw_shard(drawing, found[plan.name].near)
    commit = read_commit(folder, plan.name)
    assert commit is not None
    assert (read_rows(folder, plan.name), list(commit.failures)) == whole


def test_attempts_are_items_of_their_own(digit_model: ExportedModel) -> None:
    item = next(items_of(requests_of(digit_model)[0]))
    names = [attempt_of(item, number).item_id for number in (0, 1, 12)]
    assert names == ["000001-0000", "000001-0000.1", "000001-0000.12"]
    assert [number_of_attempt(name) for name in names] == [0, 1, 12]
    assert [number_of_attempt(name) for name in ("a.3-0007", "hello.wav", "a-b.1", "a-0007.x", "")] == [0] * 5
