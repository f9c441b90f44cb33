import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from pipeline.audio.decode import decode, downmix
from pipeline.errors import ItemError
from tests.corpus_builders import bad_wavs, tone, write_wav


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "PCM_U8"])
def test_every_subtype_gives_the_wave_that_was_written(tmp_path: Path, subtype: str) -> None:
    wave = tone()
    recording = decode(write_wav(tmp_path / "a.wav", wave, 11025, subtype), 10)
    assert recording.sample_rate_hz == 11025
    assert recording.waveform.dtype == np.float32
    assert recording.duration_s == len(wave) / 11025
    assert np.abs(recording.waveform - wave).max() <= (2**-7 if subtype == "PCM_U8" else 2**-15)


def test_int16_values_stand_for_32768ths(tmp_path: Path) -> None:
    values = np.array([-32768, -1, 0, 1, 32767], np.int16)
    assert (decode(write_wav(tmp_path / "a.wav", values), 10).waveform * 32768).tolist() == values.tolist()


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
@pytest.mark.parametrize("channels", [2, 3])
def test_channels_count_equally(tmp_path: Path, subtype: str, channels: int) -> None:
    wave = np.stack([tone(seed=seed) for seed in range(channels)], axis=1)
    mono = decode(write_wav(tmp_path / "a.wav", wave, subtype=subtype), 10).waveform
    assert np.abs(mono - wave.mean(axis=1)).max() < 2**-14


def test_opposite_channels_cancel_without_overflow() -> None:
    loud = np.full(4, 32767, np.int16)
    assert downmix(np.stack([loud, loud], axis=1)) == pytest.approx(32767 / 32768)
    assert downmix(np.stack([loud, -loud], axis=1)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("ending", ["flac", "ogg", "mp3", "aiff"])
def test_other_formats_are_read_from_files_and_from_bytes(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    sf.write(path, tone(16000, 16000), 16000)
    from_file, from_bytes = decode(path, 10), decode(path.read_bytes(), 10)
    assert from_file.sample_rate_hz == 16000
    assert abs(from_file.duration_s - 1) < 0.1
    assert from_file.waveform.tobytes() == from_bytes.waveform.tobytes()


def test_each_kind_of_damage_is_named(tmp_path: Path) -> None:
    for name, reason in bad_wavs(tmp_path).items():
        with pytest.raises(ItemError, match=reason) as caught:
            decode(tmp_path / name, 10)
        assert caught.value.stage == "decode", name


@pytest.mark.parametrize("share", [0.3, 0.99])
def test_a_truncated_flac_is_refused(share: float) -> None:
    sink = io.BytesIO()
    sf.write(sink, tone(40_000), 8000, format="FLAC")
    data = sink.getvalue()
    with pytest.raises(ItemError):
        decode(data[: int(share * len(data))], 100)


def test_a_header_that_was_never_completed_promises_nothing(tmp_path: Path) -> None:
    data = bytearray(write_wav(tmp_path / "a.wav").read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = b"\xff\xff\xff\xff"
    assert len(decode(bytes(data), 10).waveform) == len(tone())


def test_chunks_before_and_after_the_data_are_passed_over(tmp_path: Path) -> None:
    data = write_wav(tmp_path / "a.wav").read_bytes()
    place = data.index(b"data")
    odd = b"note\x03\x00\x00\x00abc\x00"
    padded = data[:place] + odd + data[place:] + odd
    assert len(decode(padded, 10).waveform) == len(tone())
    with pytest.raises(ItemError, match="truncated"):
        decode((data[:place] + odd + data[place:])[:-2], 10)


def test_the_length_is_checked_by_the_header(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", tone(8001), 8000)
    assert decode(path, 8001 / 8000).duration_s > 1
    with pytest.raises(ItemError, match=r"lasts 1\.0 s by its header; audio\.max_duration_s allows 1 s"):
        decode(path, 1)


@pytest.mark.parametrize(("rate_hz", "is_good"), [(3999, False), (4000, True), (192_000, True), (192_001, False)])
def test_rates_that_cannot_be_are_refused(tmp_path: Path, rate_hz: int, is_good: bool) -> None:
    path = write_wav(tmp_path / "a.wav", tone(), rate_hz)
    if is_good:
        assert decode(path, 10).sample_rate_hz == rate_hz
    else:
        with pytest.raises(ItemError, match=f"claims {rate_hz} Hz"):
            decode(path, 10)


def test_a_whole_mp3_is_taken_at_the_length_that_came(shared_data: Path) -> None:
    path = shared_data / "odd-formats" / "common_voice_en_22058266.mp3"
    assert len(decode(path, 100).waveform) == 112_896


def test_a_name_that_says_headerless_is_the_item_s_failure(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(100))
    with pytest.raises(ItemError, match="not audio that can be read") as caught:
        decode(tmp_path / "a.raw", 10)
    assert caught.value.stage == "decode"


def test_a_file_that_is_not_there_stays_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        decode(tmp_path / "a.wav", 10)


def test_a_small_file_that_unpacks_to_gigabytes_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = io.BytesIO()
    sf.write(sink, np.zeros((8000, 8), np.int16), 192_000, format="FLAC")
    assert len(decode(sink.getvalue(), 600).waveform) == 8000
    monkeypatch.setattr("pipeline.audio.decode.MOST_VALUES", 63_999)
    monkeypatch.setattr("pipeline.audio.decode.read_mono", None)
    with pytest.raises(ItemError, match="8000 timesteps in 8 channels; expected at most 63999 values"):
        decode(sink.getvalue(), 600)
