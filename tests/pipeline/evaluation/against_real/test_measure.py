"""Shards measured and added up: the figures are those of a slow look at all items, whatever the order and the cut."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipeline.audio.companding import decode_levels
from pipeline.evaluation.against_real.chosen import half_of, key_bound, key_of
from pipeline.evaluation.against_real.config import AgainstRealConfig
from pipeline.evaluation.against_real.distances import distances
from pipeline.evaluation.against_real.histograms import Grid
from pipeline.evaluation.against_real.measure import Asked, copied_id, measure_shard
from pipeline.evaluation.against_real.measured import Measured, Place
from pipeline.evaluation.against_real.spectra import spectra_of
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import AudioFeatures, ImageConventions
from pipeline.speech.f0 import log_f0
from pipeline.storage import Location
from tests.pipeline.evaluation.against_real.builders import (
    CONFIG,
    PICTURES,
    RATE_HZ,
    SPEECH,
    Row,
    measure,
    picture,
    utterance,
    voice,
    write,
)

VOICES = [utterance(f"v{number}", voice(100 + 10 * number, 0.1 + 0.01 * number)) for number in range(12)]
SHIFTED = [utterance(f"s{number}", voice(150 + 10 * number, 0.2 + 0.01 * number)) for number in range(12)]
DIGITS = [picture(f"p{number}", number, label=str(number % 3)) for number in range(15)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Location:
    return Location(str(tmp_path_factory.mktemp("measured")))


@pytest.fixture(scope="module")
def voices(root: Location) -> Dataset:
    return write(root / "voices", VOICES, SPEECH)


@pytest.fixture(scope="module")
def digits(root: Location) -> Dataset:
    return write(root / "digits", DIGITS, PICTURES)


def same(one: Measured, other: Measured) -> bool:
    halves = zip(one.halves, other.halves, strict=True)
    return [item.item_id for item in one.chosen] == [item.item_id for item in other.chosen] and all(
        mine.num_items == theirs.num_items
        and np.array_equal(mine.pictures.squares, theirs.pictures.squares)
        and all(np.array_equal(mine.counts[name], theirs.counts[name]) for name in mine.counts)
        for mine, theirs in halves
    )


@pytest.mark.parametrize("kind", ["voices", "digits"])
def test_neither_order_nor_cut_change_a_figure(kind: str, root: Location, request: pytest.FixtureRequest) -> None:
    dataset: Dataset = request.getfixturevalue(kind)
    rows = VOICES if kind == "voices" else DIGITS
    few = AgainstRealConfig(most_items=4)
    found = measure(dataset, few)
    assert same(found, measure(dataset, few, backwards=True))
    assert same(found, measure(write(root / f"{kind}-again", rows[::-1], dataset.info.conventions, 2), few))
    keys = sorted((key_of(row["item_id"], 0), row["item_id"]) for row in rows)
    assert [item.item_id for item in found.chosen] == [item_id for _, item_id in keys[:4]]


def test_equal_datasets_are_no_distance_apart(voices: Dataset, digits: Dataset) -> None:
    for dataset in (voices, digits):
        found = told(measure(dataset), measure(dataset), dataset)
        assert {entry.distance for entry in found.values()} == {0}
        assert all(entry.generated == entry.real for entry in found.values())
        assert all(entry.floor > 0 for name, entry in found.items() if entry.floor is not None)


def told(generated: Measured, real: Measured, dataset: Dataset):  # type: ignore[no-untyped-def]
    conventions = dataset.info.conventions
    return distances(generated, real, Asked(CONFIG, conventions, 1).measures, conventions)


def waveform_of(row: Row) -> "np.ndarray":
    return decode_levels(np.frombuffer(row["levels"], np.uint8))


def test_figures_of_waveforms_are_those_of_a_slow_look(voices: Dataset, root: Location) -> None:
    shifted = write(root / "shifted", SHIFTED, SPEECH)
    found = told(measure(shifted), measure(voices), voices)
    assert list(found) == ["levels", "log_mel", "centroid", "power", "silence_share", "duration"]
    assert found["duration"].distance == pytest.approx(0.1, abs=0.01)
    assert found["duration"].real == pytest.approx(
        np.mean([row["num_timesteps"] for row in VOICES]) / RATE_HZ, abs=0.01
    )
    mel = [np.concatenate([spectra_of(waveform_of(row), RATE_HZ).mel_db for row in rows]) for rows in (SHIFTED, VOICES)]
    grid = np.linspace(0, 1, 20001)
    slow = [np.abs(np.quantile(mel[0][:, b], grid) - np.quantile(mel[1][:, b], grid)).mean() for b in range(40)]
    assert found["log_mel"].by_series == pytest.approx(slow, abs=0.25)
    assert found["log_mel"].distance == pytest.approx(np.mean(slow), abs=0.1)
    histograms = [
        np.bincount(np.concatenate([np.frombuffer(row["levels"], np.uint8) for row in rows]), minlength=256)
        for rows in (SHIFTED, VOICES)
    ]
    p, q = (counts / counts.sum() for counts in histograms)
    mixed = (p + q) / 2
    by_hand = sum((s[s > 0] * np.log2(s[s > 0] / mixed[s > 0])).sum() / 2 for s in (p, q))
    assert found["levels"].distance == pytest.approx(by_hand, abs=1e-9)
    assert (found["levels"].unit, found["levels"].by_series) == ("bits", ())


def test_figures_of_pictures_are_those_of_a_slow_look(digits: Dataset, root: Location) -> None:
    others = [picture(f"o{number}", 50 + number, label="1") for number in range(6)]
    found = told(measure(write(root / "others", others, PICTURES)), measure(digits), digits)
    ours, theirs = (
        np.array([np.frombuffer(row["levels"], np.uint8) for row in rows]) / 15 for rows in (others, DIGITS)
    )
    assert found["mean_picture"].distance == pytest.approx(np.sqrt(((ours.mean(0) - theirs.mean(0)) ** 2).mean()))
    assert found["spread_picture"].distance == pytest.approx(np.sqrt(((ours.std(0) - theirs.std(0)) ** 2).mean()))
    assert found["brightness"].real == pytest.approx(theirs.mean(), abs=0.001)
    assert len(found["levels"].by_series) == 2
    halves = [theirs[[half_of(row["item_id"]) == half for row in DIGITS]].mean(0) for half in (0, 1)]
    assert found["mean_picture"].floor == pytest.approx(np.sqrt(((halves[0] - halves[1]) ** 2).mean()))


def test_only_the_split_that_is_asked_for_is_measured(root: Location) -> None:
    rows = [picture(f"p{number}", number, split=("train", "test")[number % 2]) for number in range(5)]
    dataset = write(root / "splits", rows, PICTURES)
    found = measure_shard(dataset, 0, 0, Asked(CONFIG, PICTURES, 2, "test"))
    assert found.num_items == 2
    assert {item.item_id for item in found.chosen} == {"p1", "p3"}


def test_items_without_sound_have_no_centroid_and_no_floor_stands_for_one(root: Location) -> None:
    silent = measure(write(root / "silent", [utterance("s", np.zeros(400, np.float32))], SPEECH))
    found = told(silent, silent, write(root / "silent-again", [utterance("s", np.zeros(400, np.float32))], SPEECH))
    assert "centroid" not in found
    assert found["silence_share"].real == pytest.approx(1, abs=0.01)
    assert found["duration"].floor is None, "one of the halves is empty"


def test_pitch_is_that_of_voiced_frames(root: Location) -> None:
    heard = replace(SPEECH, features=AudioFeatures(f0="dio"))
    found = measure(write(root / "heard", [utterance("u", voice(120))], heard)).whole.counts
    log_hz, voiced = log_f0(waveform_of(utterance("u", voice(120))), RATE_HZ, "dio")
    assert 0 < voiced.sum() < len(voiced)
    assert found["f0"].sum() == voiced.sum()
    assert Grid(0, 1000, 500).count(np.exp(log_hz[voiced])).tolist() == found["f0"].tolist()
    assert found["voiced_share"].argmax() == int(voiced.mean() * 200)


def test_a_large_picture_is_held_against_others_by_its_patches(root: Location) -> None:
    conventions, levels = ImageConventions(64, 96, 1, 256), np.zeros((64, 96, 1), np.uint8)
    levels[:2, :3], levels[2:4, :3] = 200, 100
    size = {"height": 64, "width": 96, "channels": 1}
    row = {"item_id": "large", "split": "test", "levels": levels.tobytes(), **size}
    [item] = measure(write(root / "large", [row], conventions)).chosen
    assert item.descriptor.shape == (1, 32, 32)
    assert item.descriptor[0, :3, :2].tolist() == [[200, 0], [100, 0], [0, 0]]


def test_an_utterance_said_more_slowly_is_nearly_the_same_picture(root: Location) -> None:
    rows = [
        utterance(f"u{number}", voice(*pitch_and_length))
        for number, pitch_and_length in enumerate([(150, 0.4), (150, 0.8), (300, 0.4)])
    ]
    found = measure(write(root / "slow", rows, SPEECH)).chosen
    items = {item.item_id: item.descriptor.astype(float) for item in found}
    slower, higher = (np.sqrt(((items["u0"] - items[name]) ** 2).mean()) for name in ("u1", "u2"))
    assert items["u0"].shape == (1, 32, 40)
    assert slower < higher / 3


def test_rows_that_were_drawn_after_real_ones_are_found_by_the_id_of_the_request(root: Location) -> None:
    rows = [
        utterance(f"v{number}-000{draw}", voice(100), request=json.dumps({"id": f"v{number}", "count": 2}))
        for number in range(3)
        for draw in range(2)
    ]
    drawn = write(root / "drawn", rows, SPEECH, per_shard=4)
    found = measure_shard(drawn, 1, 1, Asked(CONFIG, SPEECH, 6, "", None))
    assert found.places == {"v2": [Place(1, 0), Place(1, 1)]}
    sought = measure_shard(drawn, 0, 0, Asked(CONFIG, SPEECH, 6, "", frozenset({"v1", "v9"})))
    assert sought.places == {"v1": [Place(0, 2), Place(0, 3)]}
    assert measure_shard(drawn, 0, 0, Asked(CONFIG, SPEECH, 6)).places == {}


@pytest.mark.parametrize("request_text", [None, "", "{}", "not JSON", "[1]", "3"])
def test_a_row_of_no_named_request_goes_by_its_own_id(request_text: str | None) -> None:
    assert copied_id({"item_id": "000001-0000", "request": request_text}) == "000001-0000"


def test_few_of_many_are_looked_at_and_never_too_few() -> None:
    """The keys are as good as uniform: of 20,000 about 2,000 lie below the bound of 1,000, and all of few do."""
    below = sum(key_of(f"item-{number}", 0) < key_bound(1000, 20_000) for number in range(20_000))
    assert 1800 < below < 2200
    assert key_bound(1000, 1500) == 2**64
    assert key_bound(1, 100) == 2**64, "64 are never too many to look at"
    halves = sum(half_of(f"item-{number}") for number in range(20_000))
    assert 9800 < halves < 10_200
