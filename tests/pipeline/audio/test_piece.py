import io
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.audio.decode import decode
from pipeline.audio.piece import WHOLE, Piece, span_of
from pipeline.errors import ItemError
from tests.corpus_builders import tone, write_wav

RATE_HZ = 16_000

FORMATS = {
    "WAV/PCM_16": 0.0,
    "WAV/PCM_24": 0.0,
    "WAV/FLOAT": 0.0,
    "WAV/IMA_ADPCM": 0.0,
    "WAV/GSM610": 0.0,  # which cannot be jumped in
    "FLAC/PCM_16": 0.0,
    "OGG/VORBIS": 0.0,
    "OGG/OPUS": 2e-4,  # its decoder keeps some state for longer than the second that it is given to settle
    "MP3/MPEG_LAYER_III": 1e-6,  # sums in another order
}
"""Format and subtype → how far a piece may lie from the same place of a whole reading."""

LAST_PAGE = 127_200
"""Where Vorbis that is given no time to settle is 0.04 away from a whole reading."""


def noise(duration_s: float, rate_hz: int = RATE_HZ) -> NDArray[np.float32]:
    """Noise with the slope of speech: a lossy decoder works as hard on it as on a voice."""
    wave = np.cumsum(np.random.default_rng(0).standard_normal(round(duration_s * rate_hz)))
    wave -= np.linspace(0, 1, len(wave)) * wave[-1]
    scaled: NDArray[np.float32] = (0.5 * wave / np.abs(wave).max()).astype(np.float32)
    return scaled


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pieces")
    paths = {name: folder / name.replace("/", ".").lower() for name in FORMATS}
    for name, path in paths.items():
        container, subtype = name.split("/")
        with path.open("wb") as file:
            sf.write(file, noise(8.0), RATE_HZ, format=container, subtype=subtype)
    return paths


@pytest.mark.parametrize("name", FORMATS)
def test_a_piece_is_what_stands_there_in_a_whole_reading(files: dict[str, Path], name: str) -> None:
    whole = decode(files[name], 10).waveform
    data = files[name].read_bytes()
    for start in [LAST_PAGE, *np.random.default_rng(1).integers(1, len(whole) - 1, 10)]:
        end = min(len(whole), int(start) + 4000)
        piece = Piece(int(start) / RATE_HZ, end / RATE_HZ)
        for source in (files[name], data):
            waveform = decode(source, 1, piece).waveform
            assert len(waveform) == end - start
            assert np.abs(waveform - whole[start:end]).max() <= FORMATS[name]


def test_pieces_laid_end_to_end_are_the_whole(files: dict[str, Path]) -> None:
    edges = [0.0, 0.1, 2.34567, 5.00003, None]
    pieces = [Piece(start or 0.0, end) for start, end in pairwise(edges)]
    waves = [decode(files["FLAC/PCM_16"], 10, piece).waveform for piece in pieces]
    assert np.concatenate(waves).tobytes() == decode(files["FLAC/PCM_16"], 10).waveform.tobytes()


def test_the_whole_as_a_piece_is_the_whole(files: dict[str, Path]) -> None:
    for path in files.values():
        whole = decode(path, 10)
        assert decode(path, 10, Piece(0.0, whole.duration_s)).waveform.tobytes() == whole.waveform.tobytes()
        assert decode(path, 10, Piece()).waveform.tobytes() == whole.waveform.tobytes()


def test_a_piece_of_a_long_file_takes_the_memory_and_the_limit_of_the_piece(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "hour.wav", np.zeros(3600 * 8000, np.int16))
    tracemalloc.start()
    recording = decode(path, 3.5, Piece(3000.0, 3003.0))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert recording.duration_s == 3.0
    assert peak_bytes < 2**20
    with pytest.raises(ItemError, match=r"lasts 600\.0 s by its header"):
        decode(path, 3.5, Piece(3000.0))


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_a_channel_is_taken_by_itself(tmp_path: Path, subtype: str) -> None:
    waves = np.stack([tone(seed=seed) for seed in range(3)], axis=1)
    path = write_wav(tmp_path / "a.wav", waves, subtype=subtype)
    for channel in range(3):
        waveform = decode(path, 10, Piece(0.05, 0.1, channel)).waveform
        assert np.abs(waveform - waves[400:800, channel]).max() < 2**-14
    for channel in (3, -1):
        with pytest.raises(ItemError, match=rf"channel {channel} \(from 0\) of a recording that has 3"):
            decode(path, 10, Piece(channel=channel))


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        (Piece(-0.1, 0.1), "starts at 0 s or later"),
        (Piece(0.1, 0.1), "ends after it, got 0.1 s to 0.1 s"),
        (Piece(0.1, float("nan")), "ends after it"),
        (Piece(float("nan")), "starts at 0 s or later"),
        (Piece(float("inf")), "starts at 0 s or later"),
        (Piece(0.2), "0.2 s to the end, but the recording lasts 0.200 s"),
        (Piece(0.1, 0.221), "the recording lasts 0.200 s"),
        (Piece(0.1, 1e300), "the recording lasts 0.200 s"),
        (Piece(0.1, 0.10001), "no timestep at 8000 Hz"),
    ],
)
def test_a_piece_that_cannot_be_is_refused(tmp_path: Path, piece: Piece, reason: str) -> None:
    with pytest.raises(ItemError) as caught:
        decode(write_wav(tmp_path / "a.wav"), 10, piece)
    assert reason in caught.value.reason
    assert caught.value.stage == "decode"


def test_an_end_a_little_past_the_recording_is_cut_to_it(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav")
    assert len(decode(path, 10, Piece(0.1, 0.22)).waveform) == 800


def test_an_mp3_that_is_shorter_than_its_guess_is_cut_at_its_end(shared_data: Path) -> None:
    path = shared_data / "odd-formats" / "common_voice_en_22058266.mp3"
    whole = decode(path, 10).waveform
    assert len(whole) == 112_896
    assert np.abs(decode(path, 10, Piece(2.0)).waveform - whole[96_000:]).max() < 1e-6
    assert len(decode(path, 10, Piece(2.0, 113_000 / 48_000)).waveform) == len(whole) - 96_000
    with pytest.raises(ItemError):
        decode(path, 10, Piece(2.353, 2.3576))


def test_real_lossy_files_are_cut_as_they_are_read_whole(shared_data: Path) -> None:
    for name in ("common_voice_en_22058266.mp3", "13697_11991_000000.opus", "61-70968-0000.flac"):
        whole = decode(shared_data / "odd-formats" / name, 60)
        start = round(1.25 * whole.sample_rate_hz)
        piece = decode((shared_data / "odd-formats" / name).read_bytes(), 60, Piece(1.25, 2.25)).waveform
        assert np.abs(piece - whole.waveform[start : start + whole.sample_rate_hz]).max() < 1e-6


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 10), st.floats(0, 10), st.integers(1, 80_000), st.sampled_from([8000, 22_050, 44_100]))
def test_a_span_lies_within_the_recording_and_lasts_what_was_asked_for(
    start_s: float, length_s: float, num_timesteps: int, rate_hz: int
) -> None:
    piece = Piece(start_s, start_s + length_s)
    try:
        start, end = span_of(piece, num_timesteps, rate_hz)
    except ItemError:
        return
    assert 0 <= start < end <= num_timesteps
    assert abs((end - start) / rate_hz - length_s) <= 0.02 + 1 / rate_hz


def test_whole_is_the_default_of_every_field() -> None:
    assert Piece() == WHOLE
    assert span_of(WHOLE, 10, 8000) == (0, 10)


def test_a_truncated_file_gives_no_piece_that_it_lacks(tmp_path: Path) -> None:
    sink = io.BytesIO()
    sf.write(sink, noise(4.0), RATE_HZ, format="FLAC")
    data = sink.getvalue()[: len(sink.getvalue()) // 2]
    assert len(decode(data, 10, Piece(0.5, 1.0)).waveform) == 8000
    with pytest.raises(ItemError):
        decode(data, 10, Piece(3.0, 3.5))
