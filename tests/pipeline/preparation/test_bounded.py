"""One call, bounded: what it returns and raises is what it would without, and what hangs or crashes is an ItemError."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from pipeline.errors import ItemError
from pipeline.guarding.guard import LimitsConfig
from pipeline.preparation.bounded import bounded
from tests.corpus_builders import tone, write_wav
from tests.pipeline.guarding.guarded_work import do

LIMITS = LimitsConfig(item_s=0.5)


def test_results_and_errors_come_back(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", tone(num_timesteps=8000), subtype="FLOAT")
    wave, rate_hz = bounded(LIMITS, partial(sf.read, dtype="float32"), str(path))
    assert rate_hz == 8000
    np.testing.assert_array_equal(wave, tone(num_timesteps=8000))
    with pytest.raises(ItemError, match="odd") as caught:
        bounded(LIMITS, do, "raise", ItemError("decode", "odd"))
    assert caught.value.stage == "decode"


@pytest.mark.parametrize(
    ("thing", "reason"),
    [
        (("block", 600), "took longer than 0.5 s"),
        (("segfault",), r"crashed the process that read it \(SIGSEGV\)"),
        (("exit", 0), r"ended the process that read it \(exit status 0\)"),
    ],
    ids=lambda value: value[0],
)
def test_what_takes_too_much_is_an_item_s_error(thing: tuple[object, ...], reason: str) -> None:
    read = partial(bounded, LIMITS, do)
    with pytest.raises(ItemError, match=reason) as caught:
        read(*thing)
    assert caught.value.stage == "limits"
    assert read("ok", 1) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes among its files")
def test_a_pipe_among_the_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(ItemError, match="took longer"):
        bounded(LIMITS, sf.read, str(tmp_path / "a.wav"))
