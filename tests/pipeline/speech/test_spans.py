import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from pipeline.generation.timing import uniform_phones
from pipeline.preparation.phones import uniform_spans
from pipeline.speech.spans import uniform_ends


def test_an_end_between_two_timesteps_is_rounded_down() -> None:
    assert uniform_ends(4, 10) == [2, 5, 7, 10]


@given(num_phones=st.integers(1, 60), num_timesteps=st.integers(60, 5000))
def test_a_request_s_phones_lie_as_a_recording_s(num_phones: int, num_timesteps: int) -> None:
    phones = [f"p{number}" for number in range(num_phones)]
    prepared, requested = uniform_spans(phones, num_timesteps), uniform_phones(phones, num_timesteps, "x")
    assert (prepared.phone, prepared.start, prepared.end) == (requested.phone, requested.start, requested.end)


def test_preparation_s_rule_needs_no_torch() -> None:
    code = "import sys, pipeline.speech.spans; raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
