"""The contestants of a benchmark do the same work, and one that does not is found."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

pytest.importorskip("librosa", reason="needs the bench extra")
pytest.importorskip("lhotse", reason="needs the bench extra")

from benchmarks import prepare_audio

pytestmark = pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated")
"""What librosa imports on its own account."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    sf.write(tmp_path / "a.wav", prepare_audio.speech_like(1), prepare_audio.RATE_HZ, subtype="PCM_16")
    return tmp_path / "a.wav"


def test_contestants_agree(path: Path) -> None:
    prepare_audio.check_agreement(path)


@pytest.mark.parametrize(("name", "offset"), [("floor", 1), ("with_librosa", 2), ("with_lhotse", 3)])
def test_one_that_does_not_is_found(path: Path, name: str, offset: int, monkeypatch: pytest.MonkeyPatch) -> None:
    contestant = getattr(prepare_audio, name)
    monkeypatch.setattr(prepare_audio, name, lambda path: np.asarray(contestant(path)).astype(np.int64) + 2 * offset)
    with pytest.raises(AssertionError, match=f"up to .* levels away from ours; expected {offset - 1} at most"):
        prepare_audio.check_agreement(path)
