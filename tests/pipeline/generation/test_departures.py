"""Temperature, top_k, top_p and guidance: from a request's line to its rows."""

import json
from typing import Any

import pytest

from models.counter_random import item_keys
from models.sampling import ALL_LEVELS, NO_DEPARTURES, Departures, LaneRequest, sample_naive
from models.sampling.lanes import lane_groups
from pipeline.conditions import Conditioning, stack_conditions
from pipeline.errors import RequestError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawing import draw_items
from pipeline.generation.drawn_rows import row_of
from pipeline.generation.plan import items_of, shard_plans
from pipeline.generation.requests import Request, parse_request
from pipeline.generation.target import Target
from pipeline.model_folder import ExportedModel
from tests.pipeline.generation.tiny_models import AUDIO, DIGITS, IMAGE, NOTHING

SEEN_WITHOUT = 0.1
"""The share of items that a model was trained on without their condition."""


def parse(request: Any, conditioning: Conditioning = DIGITS, condition_dropout: float = SEEN_WITHOUT) -> Request:
    target = Target(IMAGE if conditioning is DIGITS else AUDIO, conditioning, 1000, condition_dropout)
    return parse_request(json.dumps(request), 7, target, "jobs.jsonl, line 7")


def test_a_request_departs_as_far_as_it_says() -> None:
    assert parse({"label": "1"}).departures == NO_DEPARTURES
    line = {"label": "1", "temperature": 0.5, "top_k": 3, "top_p": 0.9, "guidance": 2}
    assert parse(line).departures == Departures(0.5, 3, 0.9, 2.0)
    assert parse({"label": "1", "top_k": 8}).departures == Departures(top_k=8)
    assert parse({"label": "1", "guidance": 1}, condition_dropout=0).departures == NO_DEPARTURES
    assert next(items_of(parse(line))).departures == Departures(0.5, 3, 0.9, 2.0)


@pytest.mark.parametrize(
    ("departing", "said"),
    [
        ({"temperature": 0}, "temperature must be a number from 0.001 to 1000 (1 follows the model), got 0."),
        ({"temperature": True}, "temperature must be a number"),
        ({"top_k": 0}, "top_k must be a whole number from 1 to 8, got 0."),
        ({"top_k": 9}, "top_k must be a whole number from 1 to 8, got 9."),
        ({"top_k": 2.0}, "top_k must be a whole number from 1 to 8, got 2.0."),
        ({"top_p": 0}, "top_p must be a number above 0 and at most 1 (1 follows the model), got 0."),
        ({"top_p": 1.01}, "top_p must be a number above 0 and at most 1"),
        ({"top_p": float("nan")}, "top_p must be a number above 0 and at most 1"),
        ({"guidance": -1}, "guidance must be a number from 0 to 100 (1 follows the model), got -1."),
        ({"guidance": 1e9}, "guidance must be a number from 0 to 100"),
        ({"top_pp": 1}, "Did you mean 'top_p'?"),
    ],
)
def test_what_means_nothing_is_one_clear_error(departing: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError) as error:
        parse({"label": "1", **departing})
    assert str(error.value).startswith("jobs.jsonl, line 7: ")
    assert said in str(error.value)


def test_a_model_that_always_had_its_condition_cannot_be_guided() -> None:
    with pytest.raises(
        RequestError, match=r"line 7: guidance 2 needs a model that has also learnt to draw without its"
    ):
        parse({"label": "1", "guidance": 2}, condition_dropout=0)
    with pytest.raises(RequestError, match=r"--set training\.condition_dropout=0\.1"):
        parse({"label": "1", "guidance": 0}, condition_dropout=0)
    with pytest.raises(
        RequestError, match="guidance weighs the condition, and this model has none; leave guidance out"
    ):
        parse({"num_timesteps": 5, "guidance": 2}, NOTHING)


def groups(guided: list[bool]) -> list[list[int]]:
    """How items share eight lanes, some of them guided."""
    requests = [LaneRequest((3, 5, 4), (0, 0), departures=Departures(guidance=2 if each else 1)) for each in guided]
    return list(lane_groups(requests, range(len(requests)), 8))


def test_guided_items_take_two_lanes() -> None:
    assert groups([False] * 9) == [list(range(8)), [8]]
    assert groups([True] * 5) == [[0, 1, 2, 3], [4]]
    assert groups([True, False] * 4) == [[0, 1, 2, 3, 4], [5, 6, 7]]
    assert groups([False] * 7 + [True, False]) == [list(range(7)), [7, 8]]


LINES = [
    {"label": "1", "count": 7},
    {"label": "1", "count": 4, "guidance": 2.5, "temperature": 0.9},
    {"label": "2", "count": 3, "top_k": 3, "top_p": 0.8},
]


def rows(exported: ExportedModel, config: GenerateConfig) -> list[dict[str, Any]]:
    """The rows of LINES in their order."""
    requests = [
        parse_request(json.dumps(line), number, Target(IMAGE, DIGITS, 1000, SEEN_WITHOUT), "")
        for number, line in enumerate(LINES, 1)
    ]
    found = []
    for plan in shard_plans(requests, "m", config):
        drawn = draw_items(plan.entries, exported, config, lambda num_levels: None)
        found += [row_of(item, *one, exported.info) for item, one in zip(plan.entries, drawn, strict=True)]
    return found


def test_items_are_the_same_whatever_the_shard_size_and_as_the_definition_draws_them(
    digit_model: ExportedModel,
) -> None:
    whole = rows(digit_model, GenerateConfig(items_per_shard=100))
    assert rows(digit_model, GenerateConfig(items_per_shard=3)) == whole
    guided = whole[9]
    ids = digit_model.info.conditioning.attribute_ids({"label": "1"}, "")
    condition = stack_conditions(digit_model.info.conditioning, [ids], [])
    keys = item_keys([(0, "000002-0002")])
    drawn = sample_naive(digit_model.model, (3, 5, 4), condition, keys, Departures(0.9, guidance=2.5))
    assert guided["levels"] == bytes(drawn.levels[0].permute(1, 2, 0).flatten().tolist())
    assert guided["nll_nats"] == pytest.approx(float(drawn.nll_nats[0]), rel=1e-5)


def test_a_row_tells_by_its_request_how_it_departs(digit_model: ExportedModel) -> None:
    row = rows(digit_model, GenerateConfig())[8]
    assert row["temperature"] == 0.9
    assert json.loads(row["request"]) == LINES[1]
    digests = [
        next(iter(shard_plans([parse({"label": "1", **departing})], "m", GenerateConfig()))).digest
        for departing in ({}, {"top_k": 3}, {"top_p": 0.9}, {"guidance": 2}, {"temperature": 2})
    ]
    assert len(set(digests)) == 5
    assert parse({"label": "1"}).departures.top_k == ALL_LEVELS
