"""16-bit PCM is read without libsndfile: to the same bits, with the same reasons for what is wrong."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.audio import decode as decoding
from pipeline.audio.decode import decode, decode_any
from pipeline.audio.piece import WHOLE, Piece
from pipeline.audio.riff import PcmFile, chunks_of, pcm_of
from pipeline.errors import ItemError
from tests.corpus_builders import tone

ODD_CHUNK = b"note\x03\x00\x00\x00abc\x00"


def wav(channels: int = 2, subtype: str = "PCM_16") -> bytes:
    sink = io.BytesIO()
    wave = np.stack([tone(300, seed=seed) for seed in range(channels)], axis=1)
    sf.write(sink, wave, 16_000, format="WAV", subtype=subtype)
    return sink.getvalue()


STEREO = wav()
WAVS = (
    wav(1),
    STEREO,
    wav(3),
    STEREO[:36] + ODD_CHUNK + STEREO[36:] + ODD_CHUNK,
    STEREO[:16] + b"\x12\0\0\0" + STEREO[20:36] + b"\0\0" + STEREO[36:],
)


def pcm(data: bytes) -> PcmFile | None:
    file = io.BytesIO(data)
    chunks = chunks_of(file)
    return pcm_of(file, chunks) if chunks else None


@pytest.mark.parametrize("data", WAVS)
@pytest.mark.parametrize("piece", [WHOLE, Piece(0.005), Piece(0.002, 0.011), Piece(0.01, None, 0)])
def test_plain_pcm_is_read_without_libsndfile_to_the_same_bits(
    tmp_path: Path, data: bytes, piece: Piece, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.wav").write_bytes(data)
    expected = decode_any(data, 10, piece)
    monkeypatch.setattr(decoding, "decode_any", None)
    for source in (data, tmp_path / "a.wav"):
        found = decode(source, 10, piece)
        assert found.sample_rate_hz == expected.sample_rate_hz
        assert found.waveform.tobytes() == expected.waveform.tobytes()


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "ULAW", "MS_ADPCM"])
def test_what_is_not_plain_is_left_to_libsndfile(subtype: str) -> None:
    assert pcm(wav(1, subtype)) is None
    assert len(decode(wav(1, subtype), 10).waveform) >= 300


def test_other_bytes_have_no_samples() -> None:
    for data in (b"", b"RIFF", b"RIFF\0\0\0\0WAVE", STEREO[:36], b"fLaC" + STEREO[4:], STEREO[:40]):
        assert chunks_of(io.BytesIO(data)) is None


def outcome(read: object, data: bytes) -> tuple[int, bytes] | None:
    """The rate and the bits, or None for an item that is refused."""
    assert callable(read)
    try:
        recording = read(data)
    except ItemError:
        return None
    return recording.sample_rate_hz, recording.waveform.tobytes()


def by_libsndfile(data: bytes) -> decoding.Recording:
    if chunks := chunks_of(io.BytesIO(data)):
        decoding.check_whole(chunks.missing_bytes)
    return decode_any(data, 10, WHOLE)


@given(
    data=st.sampled_from(WAVS),
    damage=st.lists(st.tuples(st.integers(0, 63), st.sampled_from([0, 1, 2, 3, 16, 32, 255])), max_size=3),
    length=st.one_of(st.just(10_000), st.integers(0, 2000)),
)
@example(WAVS[3], [(39, 0)], 10_000)
def test_a_damaged_header_is_read_or_refused_as_libsndfile_does(
    data: bytes, damage: list[tuple[int, int]], length: int
) -> None:
    damaged = bytearray(data)
    for place, value in damage:
        damaged[place] = value
    damaged_data = bytes(damaged[:length])
    assert outcome(lambda it: decode(it, 10), damaged_data) == outcome(by_libsndfile, damaged_data)


def test_a_disk_that_gives_less_than_it_is_asked_for_is_asked_again() -> None:
    class Halting(io.BytesIO):
        def readinto(self, buffer: object) -> int:
            view = memoryview(buffer)  # type: ignore[arg-type]
            return super().readinto(view[:100])

    file = Halting(STEREO)
    chunks = chunks_of(file)
    assert chunks is not None
    found = pcm_of(file, chunks)
    assert found is not None
    out = np.empty((300, 2), np.int16)
    assert len(found.read(out=out, dtype="int16")) == 300
    assert out.tobytes() == STEREO[44:]
