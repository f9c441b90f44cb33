"""What `doctor` finds where there is a GPU, its kernels in Triton's interpreter."""

import pytest
import torch

from jobs import doctor
from jobs.doctor import drawing_on
from models.sampling import DrawnItem
from tests.models.interpreter import interpreted, needs_triton  # noqa: F401 (a fixture of the whole module)


@needs_triton
def test_the_kernels_of_a_gpu_are_compared_with_torch() -> None:
    assert drawing_on(torch.device("cpu")) == ("drawing on cpu", "by its kernels, which draw what torch draws", True)


@needs_triton
def test_kernels_that_draw_something_else_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = [DrawnItem(torch.zeros(12, dtype=torch.int64), 0.0)] * doctor.NUM_LANES
    monkeypatch.setattr(doctor, "sample_on_gpu", lambda model, requests, num_lanes: drawn)
    finding = drawing_on(torch.device("cpu"))
    assert (finding.is_well, "from a WaveNet: set sampler=torch" in finding.found) == (False, True)


def test_a_gpu_without_kernels_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "why_not_on_gpu", lambda model: "triton is not installed")
    assert drawing_on(torch.device("cpu")) == ("drawing on cpu", "by torch: triton is not installed", True)
