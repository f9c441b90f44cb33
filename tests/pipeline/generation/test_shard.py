import copy
import math
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from models.counter_random import item_keys
from models.native import best
from models.sampling import Departures, sample_naive
from pipeline.batches import Cut
from pipeline.code_digest import code_digest
from pipeline.conditions import Conditioning, stack_conditions
from pipeline.errors import ConfigError, ModelError
from pipeline.frames import LINGUISTIC_COLUMNS
from pipeline.generation.config import GenerateConfig
from pipeline.generation.paths import cached_path, fused_path
from pipeline.generation.plan import shard_plans
from pipeline.generation.requests import Request, parse_request
from pipeline.generation.shard import generate_shard
from pipeline.generation.target import Target
from pipeline.model_folder import ExportedModel
from pipeline.shards.dataset import claim, finish, open_dataset
from pipeline.shards.plan import digest_of
from pipeline.shards.verify import verify_folder
from pipeline.storage import Location
from pipeline.training.config import TrainingConfig
from pipeline.training.feed import Feed
from pipeline.training.index import Slot
from pipeline.training.plan import make_plan
from tests.pipeline.generation.tiny_models import AUDIO

ROWS = list[dict[str, Any]]

SPOKEN = [
    '{"count": 2, "speaker": "ann", "emotion": "glad", "phones": [["a", 0.021], ["sil", 0.012]]}',
    '{"count": 3, "seed": 1, "speaker": "bob", "emotion": "calm", "phones": [["b", 0.04]], "temperature": 0.5}',
    '{"id": "../up", "count": 4, "speaker": "ann", "emotion": "calm", "phones": [["a", 0.003], ["b", 0.008]]}',
]
DRAWN = ['{"label": "1", "count": 2}', '{"label": "2", "count": 3, "seed": 4, "temperature": 2}']


def requests_of(lines: list[str], exported: ExportedModel) -> list[Request]:
    target = Target(exported.info.conventions, exported.info.conditioning, 1000)
    return [parse_request(line, number, target, f"line {number}") for number, line in enumerate(lines, 1)]


def generated(folder: Location, lines: list[str], exported: ExportedModel, config: GenerateConfig) -> ROWS:
    """The rows of a dataset that is made, finished and verified."""
    requests = requests_of(lines, exported)
    claim(folder, "generate", {})
    plans = list(shard_plans(requests, exported.info.digest, config))
    for plan in plans:
        generate_shard(folder, plan, exported, config)
    dataset = finish(folder, [plan.name for plan in plans], exported.info.conventions, {})
    assert list(verify_folder(folder)) == []
    rows: ROWS = []
    for entry in dataset.shards:
        rows += pq.read_table(str(folder / entry.file)).to_pylist()
    return rows


@pytest.mark.parametrize("items_per_shard", [1, 3, 7])
def test_speech_is_the_same_whatever_the_shard_size(
    folder: Location, speech_model: ExportedModel, items_per_shard: int
) -> None:
    whole = generated(folder / "whole", SPOKEN, speech_model, GenerateConfig(items_per_shard=100))
    config = GenerateConfig(items_per_shard=items_per_shard)
    assert generated(folder / "cut", SPOKEN, speech_model, config) == whole
    assert len({row["levels"] for row in whole}) == 9


@pytest.mark.parametrize("items_per_shard", [1, 3])
def test_pictures_are_the_same_whatever_the_shard_size(
    folder: Location, digit_model: ExportedModel, items_per_shard: int
) -> None:
    whole = generated(folder / "whole", DRAWN, digit_model, GenerateConfig(items_per_shard=100))
    assert generated(folder / "cut", DRAWN, digit_model, GenerateConfig(items_per_shard=items_per_shard)) == whole
    assert len({row["levels"] for row in whole}) == 5


def test_more_items_than_lanes_come_in_the_order_of_the_requests(folder: Location, speech_model: ExportedModel) -> None:
    lines = [SPOKEN[0].replace('"count": 2', '"count": 20'), *SPOKEN[1:]]
    rows = generated(folder / "many", lines, speech_model, GenerateConfig(items_per_shard=100))
    few = generated(folder / "few", SPOKEN, speech_model, GenerateConfig())
    assert [row["item_id"] for row in rows[18:22]] == ["000001-0018", "000001-0019", "000002-0000", "000002-0001"]
    assert [row["levels"] for row in rows[:2] + rows[20:]] == [row["levels"] for row in few]


def test_an_item_is_what_the_definition_draws(folder: Location, speech_model: ExportedModel) -> None:
    """The reference sampler, one item alone; 33 timesteps in frames of 5 are drawn as 35 and cut."""
    row = generated(folder, SPOKEN, speech_model, GenerateConfig())[1]
    conditioning = speech_model.info.conditioning
    ids = conditioning.attribute_ids({"speaker": "ann", "emotion": "glad"}, "")
    said = {"phone": ["a", "sil"], "phone_start": [0, 21], "phone_end": [21, 33], "num_timesteps": 33}
    frames = conditioning.frames(said, AUDIO, "")
    condition = stack_conditions(conditioning, [ids], [frames])
    keys = item_keys([(0, "000001-0001")])
    drawn = sample_naive(speech_model.model, (35,), condition, keys, lengths=torch.tensor([33]))
    assert row["levels"] == bytes(drawn.levels[0, :33].tolist())
    assert row["nll_nats"] == pytest.approx(float(drawn.nll_nats[0]), rel=1e-5)
    assert row["num_timesteps"] == len(row["levels"]) == 33


def test_a_row_says_how_it_was_made(folder: Location, speech_model: ExportedModel) -> None:
    row = generated(folder, SPOKEN, speech_model, GenerateConfig())[2]
    assert (row["item_id"], row["seed"], row["temperature"], row["split"]) == ("000002-0000", 1, 0.5, "train")
    assert (row["speaker"], row["emotion"], row["label"]) == ("bob", "calm", None)
    assert (row["phone"], row["phone_start"], row["phone_end"]) == (["b"], [0], [40])
    assert (row["align_method"], row["model_digest"]) == ("requested", speech_model.info.digest)
    path = fused_path(GenerateConfig()) if best() else cached_path(GenerateConfig())
    assert row["sampling_path"] == path
    assert row["bits_per_timestep"] == pytest.approx(row["nll_nats"] / math.log(2) / 40)
    assert row["code_digest"] == code_digest()
    assert row["config_digest"] == digest_of({"sampler": "fastest", "precision": "float32", "device": "cpu"})
    assert '"temperature": 0.5' in row["request"]


TEXT = '{"text": "ab b, a", "num_timesteps": 43, "f0_hz": [[0, 100], [0.04, 200]], "count": 2}'


@pytest.mark.usefixtures("says_abba")
def test_what_was_asked_to_be_heard_lies_in_the_row(folder: Location, told_model: ExportedModel) -> None:
    row = generated(folder, [TEXT], told_model, GenerateConfig())[1]
    assert (row["phone"], row["phone_end"]) == (["a", "b", "b", "a"], [10, 21, 32, 43])
    assert (row["text"], row["word"], row["word_index"]) == ("ab b, a", ["ab", "b", "a"], [1, 1, 2, 3])
    assert (row["stress"], row["words_in_phrase"]) == ([1, 1, 0, 0], [2, 2, 2, 1])
    assert row["log_f0"] == pytest.approx([math.log(100) + math.log(2) * t / 8 for t in range(9)])
    assert row["voiced"] == [True] * 9
    others = generated(folder / "flat", [TEXT.replace("200", "100")], told_model, GenerateConfig())
    assert others[1]["levels"] != row["levels"]


@pytest.mark.usefixtures("says_abba")
def test_what_is_generated_can_be_trained_on(folder: Location, told_model: ExportedModel) -> None:
    """All that the model was told is in the rows, so that the next one can be told it too."""
    generated(folder, [TEXT], told_model, GenerateConfig())
    training = TrainingConfig(condition_on=("phones", "linguistic", "f0"))
    plan = make_plan(open_dataset(folder), folder / "model", {"name": "wavenet"}, training)
    assert plan.conditioning == Conditioning({}, ("a", "b"), 5, LINGUISTIC_COLUMNS, True)
    batch = Feed(open_dataset(folder), plan.conditioning, Cut(100), 1).batch([Slot(0, 0, 0, 43), Slot(0, 1, 0, 43)])
    assert batch.condition is not None
    assert batch.condition.features is not None
    assert batch.condition.features.shape == (2, 9, 20)


def test_a_picture_lies_in_the_row_as_a_prepared_one(folder: Location, digit_model: ExportedModel) -> None:
    row = generated(folder, DRAWN, digit_model, GenerateConfig())[3]
    ids = digit_model.info.conditioning.attribute_ids({"label": "2"}, "")
    condition = stack_conditions(digit_model.info.conditioning, [ids], [])
    drawn = sample_naive(digit_model.model, (3, 5, 4), condition, item_keys([(4, "000002-0001")]), Departures(2.0))
    assert row["levels"] == bytes(drawn.levels[0].permute(1, 2, 0).flatten().tolist())
    assert (row["height"], row["width"], row["channels"], row["label"]) == (5, 4, 3, "2")


def test_the_seed_the_id_and_the_condition_each_change_an_item(folder: Location, speech_model: ExportedModel) -> None:
    line = '{"id": "a", "speaker": "ann", "emotion": "glad", "phones": [["a", 0.033]]}'
    others = [
        ('"id": "a"', '"id": "b"'),
        ('"ann"', '"bob"'),
        ('["a", ', '["b", '),
        ('"id": "a"', '"id": "a", "seed": 9'),
    ]
    rows = [
        generated(folder / f"{number}", [line.replace(*other)], speech_model, GenerateConfig())[0]["levels"]
        for number, other in enumerate([("", ""), *others])
    ]
    assert len(set(rows)) == 5


def test_a_model_that_gives_no_numbers_is_an_error_and_writes_nothing(
    folder: Location, speech_model: ExportedModel
) -> None:
    broken = ExportedModel(speech_model.folder, speech_model.info, copy.deepcopy(speech_model.model))
    torch.nn.init.constant_(broken.model.get_parameter("output.bias"), math.nan)
    plan = next(iter(shard_plans(requests_of(SPOKEN[:1], speech_model), "m", GenerateConfig())))
    with pytest.raises(ModelError, match=r"not finite.*Train the model again"):
        generate_shard(folder, plan, broken, GenerateConfig(export="files"))
    assert not folder.exists()


def test_progress_counts_every_level_once(folder: Location, speech_model: ExportedModel) -> None:
    lines = [SPOKEN[0].replace('"count": 2', '"count": 20')]
    requests = requests_of(lines, speech_model)
    plan = next(iter(shard_plans(requests, "m", GenerateConfig(items_per_shard=100))))
    told: list[int] = []
    generate_shard(folder, plan, speech_model, GenerateConfig(sampler="torch"), told.append)
    assert told == [16 * 33, 20 * 33]
    told.clear()
    generate_shard(folder, plan, speech_model, GenerateConfig(), told.append)
    assert told == sorted(set(told))
    assert told[-1] == 20 * 33


TRUNCATED = '{"count": 2, "speaker": "ann", "emotion": "calm", "phones": [["a", 0.03]], "top_k": 3}'


@pytest.mark.skipif(best() is None, reason="built without a compiler")
def test_each_item_goes_the_way_that_suits_it(folder: Location, speech_model: ExportedModel) -> None:
    config = GenerateConfig()
    rows = generated(folder / "both", [SPOKEN[0], TRUNCATED], speech_model, config)
    assert [row["sampling_path"] for row in rows] == [fused_path(config)] * 2 + [cached_path(config)] * 2
    by_torch = GenerateConfig(sampler="torch")
    again = generated(folder / "torch", [SPOKEN[0], TRUNCATED], speech_model, by_torch)
    assert [row["sampling_path"] for row in again] == [cached_path(config)] * 4
    assert [row["levels"] for row in again] == [row["levels"] for row in rows]


@pytest.mark.skipif(best() is None, reason="built without a compiler")
def test_the_number_of_lanes_changes_no_byte_that_a_kernel_draws(folder: Location, speech_model: ExportedModel) -> None:
    lines = [SPOKEN[0].replace('"count": 2', '"count": 20'), *SPOKEN[1:]]
    few = generated(folder / "few", lines, speech_model, GenerateConfig(num_lanes=8, items_per_shard=100))
    many = generated(folder / "many", lines, speech_model, GenerateConfig(num_lanes=32, items_per_shard=5))
    assert few == many


def test_bfloat16_that_cannot_be_had_is_refused(
    folder: Location, speech_model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.sampling.fused.best", lambda: None)
    with pytest.raises(ConfigError, match="precision is bfloat16, and no compiled kernel can be used"):
        generated(folder, SPOKEN, speech_model, GenerateConfig(precision="bfloat16"))
    with pytest.raises(ValueError, match="with sampler=torch and device=cpu it is float32, got bfloat16"):
        GenerateConfig(sampler="torch", precision="bfloat16")


def test_without_a_kernel_torch_draws_the_same(
    folder: Location, speech_model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_kernel = generated(folder / "kernel", SPOKEN, speech_model, GenerateConfig())
    monkeypatch.setattr("models.sampling.fused.best", lambda: None)
    by_torch = generated(folder / "torch", SPOKEN, speech_model, GenerateConfig())
    assert {row["sampling_path"] for row in by_torch} == {cached_path(GenerateConfig())}
    assert [row["levels"] for row in by_torch] == [row["levels"] for row in by_kernel]
