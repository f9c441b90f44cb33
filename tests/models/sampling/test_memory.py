"""What a lane takes, for every model; what the tensors of a batch take, counted by hand."""

import pytest
import torch
from torch import nn

from models.native import best
from models.sampling.fused import why_not_fused
from models.sampling.memory import BYTES_PER_LEVEL, held_bytes, lane_bytes
from models.wavenet import WaveNet, WaveNetConfig
from tests.models.tiny import CASES, TINY, tiny_model


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if "dropped" not in case[1]])
def test_every_model_tells_what_a_lane_takes(name: str, kind: str) -> None:
    model = tiny_model(name, kind).float()
    assert lane_bytes(model, TINY[name].shape) > 0
    if not why_not_fused(model):
        assert lane_bytes(model, TINY[name].shape, torch.float32) > 0


@pytest.mark.parametrize("dtype", [None, torch.float32, torch.bfloat16])
def test_a_wavenets_lane_is_its_rings_and_little_else(dtype: torch.dtype | None) -> None:
    library = best()
    if dtype is not None and (library is None or (dtype == torch.bfloat16 and not library.has_bfloat16)):
        pytest.skip("no kernel for this here")
    config = WaveNetConfig(16, 16, 32, 16, 16, dilations=(1, 2, 512), num_stacks=1)
    found = lane_bytes(WaveNet(config), (1000,), dtype)
    rings = sum(dilation + 1 for dilation in config.dilations) * 16 * (2 if dtype == torch.bfloat16 else 4)
    assert rings + 1000 * BYTES_PER_LEVEL < found < rings + 1000 * BYTES_PER_LEVEL + 5000


def test_a_tensor_is_counted_once_and_weights_are_not() -> None:
    class Holder:
        def __init__(self) -> None:
            self.wide = torch.zeros(10)
            self.parts = list(self.wide.chunk(2))
            self.by_name = {"other": torch.zeros(3, dtype=torch.float64), "itself": self}
            self.network = nn.Linear(100, 100)

    assert held_bytes(Holder(), set()) == 40 + 24
