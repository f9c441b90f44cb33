"""One recording after the other works in the same memory: counted in page faults, which no other load changes."""

import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.corpus_builders import write_wav

COUNT = """
import resource, sys
from pathlib import Path
from pipeline.audio.companding import encode_fast
from pipeline.audio.decode import decode
from pipeline.audio.resample import resample

rows = []

def prepare():
    rows.append(encode_fast(resample(decode(Path(sys.argv[1]), 60).waveform, 44_100, 16_000)))

for _ in range(4):
    prepare()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    prepare()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have rules of their own")
def test_the_next_recording_faults_no_page_in(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", np.zeros((441_000, 2), np.int16), 44_100)
    command = [sys.executable, "-c", COUNT, str(path)]
    root = Path(__file__).resolve().parents[3]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=True)
    assert float(found.stdout) < 100  # 1,700 where memory is given back
