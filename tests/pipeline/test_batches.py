"""Batches: every level is scored once, and with what the whole item would give."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.conditioning import Upsampling
from models.wavenet import WaveNet, WaveNetConfig
from models.wavenet_context import ContextStackConfig
from pipeline.batches import Cut, audio_batch, cut_for, cut_windows, image_batch, image_levels
from pipeline.conditions import Conditioning
from pipeline.errors import RequestError
from pipeline.frames import LINGUISTIC_COLUMNS
from pipeline.shards.schema import AudioConventions, ImageConventions

AUDIO = AudioConventions(8000, num_levels=16)
HOP = 5
SPOKEN = Conditioning({"speaker": ("ann", "bob")}, ("a", "b", "sil"), HOP)


def row(length: int, seed: int = 0) -> dict[str, object]:
    levels = np.random.default_rng(seed).integers(0, 16, length).astype(np.uint8)
    return {
        "item_id": f"item-{seed}",
        "speaker": "bob",
        "levels": levels.tobytes(),
        "num_timesteps": length,
        "phone": ["a", "sil", "b"],
        "phone_start": [0, length // 3, length // 2],
        "phone_end": [length // 3, length // 2, length],
    }


TOLD = Conditioning({}, SPOKEN.phones, HOP, LINGUISTIC_COLUMNS, True)


def told_row(length: int) -> dict[str, object]:
    """A row with everything that a frame can be told."""
    rng = np.random.default_rng(length)
    counts = {name: rng.integers(0, 3, 3).astype(np.uint8) for name in LINGUISTIC_COLUMNS}
    pitch = {"log_f0": rng.normal(5, 0.5, length // 40 + 1), "voiced": rng.integers(0, 2, length // 40 + 1) > 0}
    return {**row(length), **counts, **pitch}


@given(st.integers(1, 300), st.integers(1, 80), st.integers(0, 60), st.integers(1, 12))
def test_windows_score_every_timestep_once_with_enough_before_them(
    length: int, window: int, field: int, hop: int
) -> None:
    windows = cut_windows(length, Cut(window, field, hop))
    assert [t for w in windows for t in range(w.start, w.stop)] == list(range(length))
    for each in windows:
        assert each.context_start % hop == 0
        assert each.context_start == 0 or each.start - each.context_start >= field
        assert each.start - each.context_start < field + hop


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize(("upsampling", "hop"), [("repeat", 5), ("linear", 5), ("linear", 12), ("transposed", 5)])
@pytest.mark.parametrize("contexts", [(), (ContextStackConfig(4, 2, 4, 3, dilations=(1, 2)),)])
def test_windows_give_the_likelihood_that_the_whole_item_gives(
    kernel: int, upsampling: Upsampling, hop: int, contexts: tuple[ContextStackConfig, ...]
) -> None:
    torch.manual_seed(0)
    spoken = replace(SPOKEN, hop=hop)
    condition = spoken.model_config(3, upsampling)
    model = WaveNet(WaveNetConfig(16, 4, 8, 6, 6, kernel, (1, 2, 4), 1, 2, condition, contexts)).double()
    item = row(143)
    (whole,) = cut_windows(143, cut_for(model, 1000))
    one = audio_batch([item], [whole], AUDIO, spoken)
    expected = model.nll_nats(one.x, one.condition)[one.scored]
    parts = cut_windows(143, cut_for(model, 7))
    many = audio_batch([item] * len(parts), parts, AUDIO, spoken)
    found = model.nll_nats(many.x, many.condition)[many.scored]
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_padding_is_silence_and_is_not_scored() -> None:
    rows = [row(23, 1), row(10, 2)]
    windows = [cut_windows(23, Cut(100, 7, HOP))[0], cut_windows(10, Cut(100, 7, HOP))[0]]
    batch = audio_batch(rows, windows, AUDIO, SPOKEN)
    assert batch.x.shape == (2, 25)  # a whole number of frames
    assert batch.x[1, 10:].tolist() == [8] * 15
    assert batch.scored.sum(1).tolist() == [23, 10]
    assert batch.num_scored == 33
    assert batch.condition is not None
    assert batch.condition.phones is not None
    assert batch.condition.phones.shape == (2, 5)


def test_a_window_gets_the_frames_that_lie_under_it() -> None:
    item = row(143)
    whole = SPOKEN.frames(item, AUDIO, "x")
    window = cut_windows(143, Cut(30, 11, HOP))[2]
    condition = audio_batch([item], [window], AUDIO, SPOKEN).condition
    assert condition is not None
    assert condition.phones is not None
    first = window.context_start // HOP
    frames = condition.phones[0]
    assert frames.tolist() == whole.phones[first : first + len(frames)].tolist()
    assert len(frames) == math.ceil((window.stop - window.context_start) / HOP)


def test_images_are_turned_from_bytes_to_channels_first() -> None:
    conventions = ImageConventions(2, 3, 3, num_levels=256)
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)  # row, column, channel
    levels = image_levels(pixels.tobytes(), conventions)
    assert levels[2, 1, 0] == pixels[1, 0, 2]
    item = {"item_id": "x", "label": "7", "levels": pixels.tobytes()}
    batch = image_batch([item, item], conventions, Conditioning({"label": ("3", "7")}))
    assert batch.x.shape == (2, 3, 2, 3)
    assert batch.scored.all()
    assert batch.condition is not None
    assert batch.condition.attributes is not None
    assert batch.condition.attributes.tolist() == [[1], [1]]


def test_an_item_without_what_the_model_needs_is_named() -> None:
    item = {**row(20), "speaker": "eve"}
    with pytest.raises(RequestError, match="item-0: speaker 'eve'; this model knows these values of speaker: ann, bob"):
        audio_batch([item], cut_windows(20, Cut(50, 3, HOP)), AUDIO, SPOKEN)
    item = {**row(20), "phone": None, "phone_start": None, "phone_end": None}
    with pytest.raises(RequestError, match="item-0: no phones"):
        audio_batch([item], cut_windows(20, Cut(50, 3, HOP)), AUDIO, SPOKEN)


def test_windows_of_everything_are_cuts_of_the_whole() -> None:
    item = told_row(143)
    whole = TOLD.frames(item, AUDIO, "x")
    for window in cut_windows(143, Cut(30, 11, HOP)):
        condition = audio_batch([item], [window], AUDIO, TOLD).condition
        assert condition is not None
        assert condition.features is not None
        first = window.context_start // HOP
        assert condition.features.shape == (1, math.ceil((window.stop - window.context_start) / HOP), 20)
        cut = whole.cut(first, first + condition.features.shape[1])
        assert condition.features[0].numpy().tobytes() == cut.features.tobytes()


def test_windows_of_everything_give_the_likelihood_that_the_whole_item_gives() -> None:
    torch.manual_seed(0)
    model = WaveNet(WaveNetConfig(16, 4, 8, 6, 6, 2, (1, 2, 4), 1, 2, TOLD.model_config(3))).double()
    item = told_row(143)
    one = audio_batch([item], cut_windows(143, Cut(1000, model.receptive_field, HOP)), AUDIO, TOLD)
    parts = cut_windows(143, Cut(30, model.receptive_field, HOP))
    many = audio_batch([item] * len(parts), parts, AUDIO, TOLD)
    expected, found = (model.nll_nats(it.x, it.condition)[it.scored] for it in (one, many))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
