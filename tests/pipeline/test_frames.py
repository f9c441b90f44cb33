"""What a frame knows: every feature's value by hand, and nothing of any other frame."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.conditions import Conditioning
from pipeline.errors import RequestError
from pipeline.frames import LINGUISTIC_COLUMNS, Frames, f0_features
from pipeline.shards.schema import POSITIONS, AudioConventions, AudioFeatures

PHONES = ("a", "b", "sil")
PLAIN = Conditioning({}, PHONES, 10)
WHOLE = Conditioning({}, PHONES, 10, LINGUISTIC_COLUMNS, True)
AUDIO = AudioConventions(2000)  # 5 ms are 10 timesteps: a frame of the model is as long as one of F0


def said(phones: list[str], ends: list[int], **columns: Any) -> dict[str, Any]:
    """A row of these phones, one after the other."""
    times = {"phone_start": [0, *ends[:-1]], "phone_end": ends, "num_timesteps": ends[-1]}
    return {"item_id": "x", "phone": phones} | times | columns


def made(row: dict[str, Any], conditioning: Conditioning = PLAIN, conventions: AudioConventions = AUDIO) -> Frames:
    return conditioning.frames(row, conventions, "x")


def random_row(rng: np.random.Generator, num_timesteps: int) -> dict[str, Any]:
    """A row with every column, all of it by chance."""
    num_phones = int(rng.integers(1, 1 + min(6, num_timesteps)))
    inner = np.sort(rng.choice(np.arange(1, num_timesteps), num_phones - 1, replace=False)).tolist()
    counts = {name: rng.integers(0, 256, num_phones).astype(np.uint8) for name in POSITIONS}
    num_values = num_timesteps // 10 + 1
    return said(
        rng.choice(PHONES, num_phones).tolist(),
        [*inner, num_timesteps],
        stress=rng.integers(0, 3, num_phones).astype(np.uint8),
        log_f0=rng.normal(5, 0.5, num_values).astype(np.float32),
        voiced=rng.integers(0, 2, num_values).astype(bool),
        **counts,
    )


def test_frames_take_the_phone_at_their_centre() -> None:
    frames = made(said(["a", "b"], [26, 55]))
    assert frames.phones.tolist() == [0, 0, 0, 1, 1, 1]  # centres at 5, 15, 25, 35, ...; `a` ends at 26


def test_a_centre_on_an_edge_belongs_to_the_phone_that_begins_there() -> None:
    assert made(said(["a", "b"], [25, 50])).phones.tolist() == [0, 0, 1, 1, 1]


def test_the_position_runs_from_start_to_end_of_a_phone() -> None:
    frames = made(said(["a", "b"], [100, 200]))
    position = frames.features[:, 0]
    assert position[:10].tolist() == pytest.approx(np.linspace(-0.9, 0.9, 10).tolist(), abs=1e-6)
    assert position[10:].tolist() == pytest.approx(position[:10].tolist(), abs=1e-6)
    assert frames.features.shape == (20, 2)
    assert frames.features.dtype == np.float32


def test_the_duration_is_the_same_throughout_a_phone_and_grows_with_it() -> None:
    duration = made(said(["a", "b"], [40, 200])).features[:, 1]
    assert duration[:4].tolist() == pytest.approx([(np.log(4) - 2.7) / 1.4] * 4)
    assert duration[4:].tolist() == pytest.approx([(np.log(16) - 2.7) / 1.4] * 16)


def test_frames_past_the_last_phone_keep_it() -> None:
    assert made(said(["a", "b"], [10, 20], num_timesteps=50)).phones.tolist() == [0, 1, 1, 1, 1]


def test_a_phone_of_no_length_gives_finite_features() -> None:
    frames = made(said(["a", "b", "sil"], [10, 10, 30]))
    assert np.isfinite(frames.features).all()
    assert frames.phones.tolist() == [0, 2, 2]


def test_stress_and_counts_are_those_of_the_frames_phone() -> None:
    """A pause, then "a" with secondary stress and "b" with primary, in frames of one, two and one."""
    conditioning = replace(PLAIN, linguistic=("stress", "syllables_in_word", "phrase_in_utterance_backward"))
    row = said(
        ["sil", "a", "b"],
        [10, 30, 40],
        stress=[0, 2, 1],
        syllables_in_word=[0, 3, 15],
        phrase_in_utterance_backward=[0, 1, 255],
    )
    features = made(row, conditioning).features
    assert features.shape == (4, 5)
    assert features[:, 2].tolist() == [0, 0.5, 0.5, 1]
    assert features[:, 3].tolist() == [0, 0.5, 0.5, 1]
    assert features[:, 4].tolist() == [0, 0.25, 0.25, 2]
    assert features[:, :2].tolist() == made(row).features.tolist()


def test_all_columns_come_in_the_order_that_the_model_was_saved_with() -> None:
    counts = {name: [number] for number, name in enumerate(POSITIONS, 1)}
    row = said(["a"], [10], stress=[1], **counts)
    features = made(row, replace(PLAIN, linguistic=LINGUISTIC_COLUMNS)).features[0, 2:]
    assert features.tolist() == pytest.approx([1, *(np.log2(1 + np.arange(1, 16)) / 4)])
    backwards = made(row, replace(PLAIN, linguistic=LINGUISTIC_COLUMNS[::-1])).features[0, 2:]
    assert backwards.tolist() == features[::-1].tolist()


def test_pitch_is_read_between_the_values_and_voicing_from_the_nearest() -> None:
    """Values stand at 0, 10, 20, ... timesteps and centres at 5, 15, 25: half a frame off, though equally far apart."""
    row = said(["a"], [40], log_f0=[5.0, 5.5, 4.5, 4.5, 6.0], voiced=[True, False, False, True, True])
    features = made(row, replace(PLAIN, f0=True)).features
    assert features[:, 2].tolist() == pytest.approx([0.5, 0, -1, 0.5])
    assert features[:, 3].tolist() == [0, 0, 1, 1]  # of two equally near, the later one


@pytest.mark.parametrize(
    ("rate_hz", "period_s", "hop"), [(16000, 0.005, 80), (22050, 0.005, 441), (8000, 0.01, 40), (44100, 0.0058, 1)]
)
def test_pitch_is_placed_in_seconds_whatever_rate_period_and_hop(rate_hz: int, period_s: float, hop: int) -> None:
    """log F0 that is a straight line in time comes out as that line at the centres."""
    conventions = AudioConventions(rate_hz, features=AudioFeatures(frame_period_s=period_s))
    num_timesteps = rate_hz // 3
    num_values = int(num_timesteps / rate_hz / period_s) + 1
    row = said(["a"], [num_timesteps], log_f0=4 + np.arange(num_values) * period_s, voiced=np.ones(num_values, bool))
    conditioning = Conditioning({}, ("a",), hop, f0=True, f0_centre=0.0, f0_spread=1.0)
    pitch = made(row, conditioning, conventions).features[:, 2]
    centres_s = (np.arange(len(pitch)) + 0.5) * hop / rate_hz
    assert np.abs(pitch - np.minimum(4 + centres_s, 4 + (num_values - 1) * period_s)).max() < 1e-6


def test_rounding_errors_do_not_choose_the_side_of_a_place_halfway() -> None:
    """0.005 s are no binary fraction: at many rates a place comes out as 7.499999 or 7.500001."""
    voiced = np.arange(2000) % 2 == 0
    row = {"log_f0": np.full(2000, 5.0), "voiced": voiced}
    exact = np.arange(1999) + 0.5
    for noise in (-1e-9, 0.0, 1e-9):
        assert f0_features(row, exact + noise, 5, 1, "x")[:, 1].tolist() == voiced[1:].tolist()


def test_an_item_without_voice_has_no_pitch_whatever_number_stands_for_it() -> None:
    row = said(["a"], [30], log_f0=[0.0] * 4, voiced=[False] * 4)
    assert made(row, replace(PLAIN, f0=True)).features[:, 2:].tolist() == [[0, 0]] * 3


def test_the_scale_of_pitch_is_the_models_own() -> None:
    row = said(["a"], [10], log_f0=[4.5, 4.5], voiced=[True, True])
    assert made(row, replace(PLAIN, f0=True)).features[0, 2] == pytest.approx(-1)
    assert made(row, replace(PLAIN, f0=True, f0_centre=4.0, f0_spread=0.25)).features[0, 2] == pytest.approx(2)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32), st.integers(1, 200), st.integers(0, 25), st.integers(0, 25))
def test_frames_of_a_part_are_those_of_the_whole(seed: int, num_timesteps: int, one: int, other: int) -> None:
    row = random_row(np.random.default_rng(seed), num_timesteps)
    whole = made(row, WHOLE)
    start, stop = sorted((min(one, len(whole.phones)), min(other, len(whole.phones))))
    part, cut = WHOLE.frames_in(range(start, stop), row, AUDIO, "x"), whole.cut(start, stop)
    assert part.phones.tolist() == cut.phones.tolist()
    assert part.features.tobytes() == cut.features.tobytes()
    assert np.isfinite(whole.features).all()
    assert whole.features.shape == (-(-num_timesteps // 10), WHOLE.num_features)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 200))
def test_lists_and_arrays_give_the_same(seed: int, num_timesteps: int) -> None:
    row = random_row(np.random.default_rng(seed), num_timesteps)
    lists = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in row.items()}
    assert made(row, WHOLE).features.tobytes() == made(lists, WHOLE).features.tobytes()


@pytest.mark.parametrize("column", LINGUISTIC_COLUMNS)
def test_what_is_told_of_a_phone_is_heard_in_its_frames_alone(column: str) -> None:
    row = random_row(np.random.default_rng(3), 200)
    row |= said(
        ["a", "b", "a", "b"], [50, 90, 120, 200], **{name: row[name][:1].repeat(4) for name in LINGUISTIC_COLUMNS}
    )
    before = made(row, WHOLE)
    changed = row[column].copy()
    changed[2] = (changed[2] + 1) % 3
    differs = before.features != made({**row, column: changed}, WHOLE).features
    frames, features = np.nonzero(differs)
    assert sorted(set(frames.tolist())) == [9, 10, 11]  # centres at 95, 105 and 115
    assert set(features.tolist()) == {2 + LINGUISTIC_COLUMNS.index(column)}


def test_a_value_of_pitch_is_heard_in_the_frames_on_both_its_sides_alone() -> None:
    row = said(["a"], [200], log_f0=np.full(21, 5.0), voiced=np.ones(21, bool))
    conditioning = replace(PLAIN, f0=True)
    before = made(row, conditioning).features
    row["log_f0"][8] += 1
    after = made(row, conditioning).features
    assert np.nonzero((before != after).any(1))[0].tolist() == [7, 8]  # the value stands at 80, their centres at 75, 85
    assert (after - before)[7:9, 2].tolist() == [1, 1]  # half of 1, at a spread of 0.5


def test_cut_and_padded() -> None:
    frames = Frames(np.arange(5), np.arange(10, dtype=np.float32).reshape(5, 2))
    assert frames.cut(1, 3).phones.tolist() == [1, 2]
    assert frames.padded(7).phones.tolist() == [0, 1, 2, 3, 4, 4, 4]
    assert frames.padded(7).features[-1].tolist() == [8, 9]
    assert frames.padded(5).phones.tolist() == frames.phones.tolist()


def test_an_unknown_phone_is_named_with_those_known() -> None:
    with pytest.raises(RequestError, match="x: unknown phone 'zz'; this model knows: a b sil"):
        made(said(["zz"], [10]))


@pytest.mark.parametrize("column", ["stress", "words_in_phrase", "log_f0", "voiced"])
def test_a_row_that_lacks_what_the_model_needs_is_named(column: str) -> None:
    row = random_row(np.random.default_rng(0), 50)
    empty: tuple[Any, ...] = (None, [], np.zeros(0))
    for nothing in empty:
        with pytest.raises(RequestError, match=f"x: no {column}; this model needs it"):
            made({**row, column: nothing}, WHOLE)
    with pytest.raises(RequestError, match=f"x: no {column}"):
        made({key: value for key, value in row.items() if key != column}, WHOLE)


@pytest.mark.parametrize("column", ["stress", "words_in_phrase", "voiced"])
def test_columns_of_different_lengths_are_damage(column: str) -> None:
    row = random_row(np.random.default_rng(0), 50)
    longer = np.append(row[column], row[column][:1])
    with pytest.raises(RequestError, match=f"x: {len(longer)} values of {column}, expected {len(longer) - 1}"):
        made({**row, column: longer}, WHOLE)
