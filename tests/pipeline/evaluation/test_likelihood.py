import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.conditioning import Condition
from pipeline.batches import image_levels
from pipeline.errors import DatasetError, RequestError
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.likelihood import (
    Part,
    Scores,
    alone,
    check_fit,
    columns_of,
    parts_of,
    score_part,
    score_rows,
)
from pipeline.model_folder import ExportedModel
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import AudioConventions, AudioFeatures
from tests.pipeline.evaluation.tiny_data import speech_row
from tests.pipeline.generation.tiny_models import AUDIO, IMAGE

CONFIG = EvaluateConfig()


def held_out(dataset: Dataset) -> list[dict[str, object]]:
    rows = [row for table in dataset.tables() for row in table.to_pylist()]
    return [row for row in rows if row["split"] == "validation"]


def whole_item_nll(row: dict[str, object], exported: ExportedModel) -> float:
    """The definition: one forward pass over the whole item alone, scored by hand from the log-probabilities."""
    conditioning, levels = exported.info.conditioning, row["levels"]
    assert isinstance(levels, bytes)
    num_timesteps = len(levels)
    frames = conditioning.frames(row, AUDIO, "")
    x = torch.zeros(1, len(frames.phones) * conditioning.hop, dtype=torch.int64)
    x[0, :num_timesteps] = torch.tensor(list(levels))
    attributes = torch.from_numpy(conditioning.attribute_ids(row, ""))[None]
    condition = Condition(attributes, torch.from_numpy(frames.phones)[None], torch.from_numpy(frames.features)[None])
    with torch.inference_mode():
        log_p = torch.log_softmax(exported.model(x, condition).double(), -1)
    return -float(log_p[0, range(num_timesteps), list(levels)].sum())


@pytest.mark.parametrize(("window", "batch_size"), [(10_000, 4), (16, 1), (7, 3), (1, 8)])
def test_windows_score_what_the_whole_item_scores(
    speech_data: Dataset, speech_model: ExportedModel, window: int, batch_size: int
) -> None:
    rows = held_out(speech_data)
    found = score_rows(rows, AUDIO, speech_model, EvaluateConfig(window_timesteps=window, batch_size=batch_size))
    assert found.tolist() == pytest.approx([whole_item_nll(row, speech_model) for row in rows], rel=1e-6)
    assert found.dtype == "float64"


def test_pictures_are_scored_as_one_forward_pass_does(digit_data: Dataset, digit_model: ExportedModel) -> None:
    rows = held_out(digit_data)
    expected = []
    for row in rows:
        levels = row["levels"]
        assert isinstance(levels, bytes)
        x = torch.from_numpy(image_levels(levels, IMAGE).astype("int64"))[None]
        label = torch.from_numpy(digit_model.info.conditioning.attribute_ids(row, ""))[None]
        with torch.inference_mode():
            log_p = torch.log_softmax(digit_model.model(x, Condition(label)).double(), -1)
        expected.append(-float(log_p.gather(-1, x[..., None]).sum()))
    found = score_rows(rows, IMAGE, digit_model, EvaluateConfig(images_per_batch=2))
    assert found.tolist() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("levels_per_task", [1, 30, 2**20])
def test_parts_hold_every_row_of_the_split_once(
    speech_data: Dataset, speech_model: ExportedModel, levels_per_task: int
) -> None:
    config = EvaluateConfig(levels_per_task=levels_per_task)
    merged = Scores()
    for part in parts_of(speech_data, config):
        merged.add(score_part(speech_data, part, speech_model, config))
    assert (merged.whole.num_items, merged.whole.num_levels) == (5, 130)
    expected = sum(whole_item_nll(row, speech_model) for row in held_out(speech_data))
    assert merged.whole.nll_nats == pytest.approx(expected, rel=1e-6)
    speakers = merged.by_attribute["speaker"]
    assert {name: (score.num_items, score.num_levels) for name, score in speakers.items()} == {
        "ann": (3, 102),
        "bob": (2, 28),
    }
    assert sum(score.nll_nats for score in speakers.values()) == pytest.approx(merged.whole.nll_nats)
    assert set(merged.by_attribute) == {"speaker", "emotion"}


def test_a_large_shard_is_shared_out(speech_data: Dataset) -> None:
    assert len(list(parts_of(speech_data, EvaluateConfig(levels_per_task=10)))) > 4
    assert list(parts_of(speech_data, CONFIG)) == [Part(0, 0, 1), Part(1, 0, 1)]


def test_other_conventions_are_refused_and_both_are_named(speech_data: Dataset, speech_model: ExportedModel) -> None:
    other = replace(speech_model.info, conventions=AudioConventions(sample_rate_hz=16000))
    with pytest.raises(DatasetError, match=r"audio at 1000 Hz, 32 mu-law levels.*audio at 16000 Hz, 256 mu-law levels"):
        check_fit(speech_data, other, "validation")


def test_another_kind_is_refused(digit_data: Dataset, speech_model: ExportedModel) -> None:
    with pytest.raises(DatasetError, match=r"holds pictures of 5×4×3.*the model was trained on audio"):
        check_fit(digit_data, speech_model.info, "validation")


def test_a_split_that_is_not_there_is_refused_and_those_that_are_get_named(
    speech_data: Dataset, speech_model: ExportedModel
) -> None:
    check_fit(speech_data, speech_model.info, "validation")
    with pytest.raises(
        DatasetError, match=r"no rows of split 'test'; the splits are: train \(4 rows\), validation \(5"
    ):
        check_fit(speech_data, speech_model.info, "test")


def test_a_speaker_that_the_model_does_not_know_is_named(speech_data: Dataset, speech_model: ExportedModel) -> None:
    row = {**held_out(speech_data)[0], "speaker": "eve"}
    with pytest.raises(RequestError, match="validation-0: speaker 'eve'"):
        score_rows([row], AUDIO, speech_model, CONFIG)


def test_a_task_is_given_its_shard_and_not_the_list_of_all(speech_data: Dataset, speech_model: ExportedModel) -> None:
    for part in parts_of(speech_data, EvaluateConfig(levels_per_task=30)):
        given = alone(speech_data, part)
        assert score_part(*given, speech_model, CONFIG) == score_part(speech_data, part, speech_model, CONFIG)
    many = replace(speech_data, info=replace(speech_data.info, shards=speech_data.info.shards * 1000))
    assert len(pickle.dumps(alone(many, Part(1999, 0, 1)))) == len(pickle.dumps(alone(speech_data, Part(1, 0, 1))))


def test_pitch_is_read_on_the_datasets_grid_and_not_on_the_models(told_model: ExportedModel) -> None:
    """The model's conventions say 5 ms. A rising pitch of the same item, stored each 2 ms, scores the same."""
    row = {**speech_row(3, 40, "validation"), "stress": [1, 2], "words_in_phrase": [2, 2]}
    nats = []
    for period_s in (0.005, 0.002):
        rising = (4 + 50 * period_s * np.arange(round(0.04 / period_s) + 1)).tolist()
        conventions = replace(AUDIO, features=AudioFeatures(f0="dio", frame_period_s=period_s))
        stored = {**row, "log_f0": rising, "voiced": [True] * len(rising)}
        nats += score_rows([stored], conventions, told_model, CONFIG).tolist()
    assert nats[1] == pytest.approx(nats[0], rel=1e-6)


def test_a_row_that_lacks_what_the_model_is_told_is_named(told_model: ExportedModel) -> None:
    row = {**speech_row(3, 40, "validation"), "stress": None, "words_in_phrase": [2, 2]}
    with pytest.raises(RequestError, match="validation-3: no stress; this model needs it"):
        score_rows([row], AUDIO, told_model, CONFIG)


def test_no_more_is_read_of_a_shard_than_scoring_takes(told_model: ExportedModel, digit_model: ExportedModel) -> None:
    """A row may hold its own audio file, and columns that are as large."""
    known = {"item_id", "split", "levels", "num_timesteps", "speaker", "emotion", "language", "label"}
    told = {"phone", "phone_start", "phone_end", "stress", "words_in_phrase", "log_f0", "voiced"}
    assert set(columns_of(told_model.info)) == known | told
    assert set(columns_of(digit_model.info)) == {"item_id", "split", "levels", "label"}
