import contextlib
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audio import sphere
from pipeline.audio.decode import decode
from pipeline.errors import ItemError
from tests.corpus_builders import tone, write_wav
from tests.speech_corpora_builders import sphere_bytes

WAVE = (tone() * 32768).astype(np.int16)


def test_a_whole_file_gives_the_wave_that_was_written_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "SA1.WAV").write_bytes(sphere_bytes(WAVE))
    for source in (tmp_path / "SA1.WAV", sphere_bytes(WAVE)):
        recording = decode(source, 10)
        assert (recording.waveform * 32768).tolist() == WAVE.tolist()
        assert recording.sample_rate_hz == 16000


def test_what_others_write_is_whole(tmp_path: Path) -> None:
    for subtype in ("PCM_16", "PCM_32", "ULAW", "ALAW"):
        sf.write(tmp_path / "a.sph", tone(), 8000, format="NIST", subtype=subtype)
        assert sphere.missing_bytes(tmp_path / "a.sph") == 0, subtype
        assert len(decode(tmp_path / "a.sph", 10).waveform) == len(WAVE)


def test_the_count_is_per_channel() -> None:
    stereo = np.stack([WAVE, WAVE], axis=1)
    assert len(decode(sphere_bytes(stereo), 10).waveform) == len(WAVE)
    assert sphere.missing_bytes(sphere_bytes(stereo)[:-3]) == 3


@pytest.mark.parametrize("missing", [1, 2, 1000])
def test_a_truncated_file_is_refused(tmp_path: Path, missing: int) -> None:
    data = sphere_bytes(WAVE)[:-missing]
    (tmp_path / "a.sph").write_bytes(data)
    for source in (tmp_path / "a.sph", data):
        with pytest.raises(ItemError, match=f"truncated: the header promises {missing} more bytes") as caught:
            decode(source, 10)
        assert caught.value.stage == "decode"


def test_compression_that_cannot_be_read_is_named() -> None:
    packed = sphere_bytes(WAVE[:100], sample_count=1600, sample_coding="pcm,embedded-shorten-v2.00")
    with pytest.raises(ItemError, match=r"SPHERE file compressed by 'embedded-shorten-v2\.00'; unpack it"):
        decode(packed, 10)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"sample_count": 10**9}, "truncated"),
        ({"sample_rate": 1_092_676}, "1092676 Hz"),
        ({"channel_count": 0}, "not audio"),
        ({"sample_coding": "mp3"}, "not audio"),
    ],
)
def test_a_header_that_lies_is_the_item_s_failure(fields: dict[str, int | str], reason: str) -> None:
    with pytest.raises(ItemError, match=reason):
        decode(sphere_bytes(WAVE, **fields), 10)


def test_a_header_without_a_count_promises_nothing() -> None:
    assert len(decode(sphere_bytes(WAVE, sample_count=None), 10).waveform) == len(WAVE)


def test_other_formats_are_none_of_its_business(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav")
    assert (sphere.missing_bytes(path), sphere.compression(path)) == (0, "")
    assert sphere.missing_bytes(b"") == 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8), st.integers(0, 5000))
def test_no_damage_to_the_header_is_a_crash(flips: list[tuple[int, int]], length: int) -> None:
    data = bytearray(sphere_bytes(WAVE))
    for place, value in flips:
        data[place] = value
    with contextlib.suppress(ItemError):
        decode(bytes(data[:length]), 10)
