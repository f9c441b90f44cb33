import subprocess
import sys

import pytest

SCRIPT = """
from resource import RUSAGE_SELF, getrusage
from pipeline.training.allocator import keep_freed_memory

def faults():
    before = getrusage(RUSAGE_SELF).ru_minflt
    for _ in range(4):
        b"x" * (40 << 20)
    return getrusage(RUSAGE_SELF).ru_minflt - before

print(faults(), keep_freed_memory(), faults(), faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_what_is_freed_is_not_taken_from_the_system_again() -> None:
    told = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True).stdout.split()
    assert told[1] == b"True"
    assert int(told[0]) > 60  # 40,960 of pages of 4 KiB, 80 of huge ones
    assert int(told[3]) < 20
