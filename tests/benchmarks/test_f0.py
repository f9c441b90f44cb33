"""The methods that are timed find the same frequencies, and one that does not is found."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyworld", reason="needs the f0 extra")
pytest.importorskip("librosa", reason="needs the pyin extra")

from benchmarks import f0
from pipeline.speech.f0 import Method, log_f0

pytestmark = pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated")
"""What librosa imports on its own account."""


def test_an_octave_error_stops_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    wave = f0.voice()[: f0.RATE_HZ]
    f0.check_agreement(wave)

    def octave_off(wave: Any, rate_hz: int, method: Method) -> Any:
        curve, voiced = log_f0(wave, rate_hz, method)
        return curve + np.log(2) * (method == "harvest"), voiced

    monkeypatch.setattr(f0, "log_f0", octave_off)
    with pytest.raises(AssertionError, match="harvest is 69"):
        f0.check_agreement(wave)
