"""What a frame reaches, and with which weight: against loops over timesteps, and against torch's own convolution."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from models.conditioning import ConditionConfig, Upsampling
from models.layers.upsampling import Interpolation, TransposedConvolutions, interpolated, repeated, upsampling_of
from tests.models.wavenet_reference import upsampled

FRAMES = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def learned(factors: tuple[int, ...]) -> TransposedConvolutions:
    """One whose weights are no longer those of its start."""
    torch.manual_seed(1)
    upsampling = TransposedConvolutions(3, factors).double()
    with torch.no_grad():
        for stage in upsampling.stages:
            stage.weight.normal_()
    return upsampling


def config(kind: Upsampling, hop: int, factors: tuple[int, ...] = ()) -> ConditionConfig:
    return ConditionConfig(num_features=3, hop=hop, channels=3, upsampling=kind, upsampling_factors=factors)


@pytest.mark.parametrize("hop", [1, 2, 5, 6])
def test_repetition_and_lines_equal_the_loops(hop: int) -> None:
    outcomes: dict[Upsampling, Tensor] = {"repeat": repeated(FRAMES, hop), "linear": interpolated(FRAMES, hop)}
    for kind, found in outcomes.items():
        for item, y in zip(FRAMES.numpy(), found.numpy(), strict=True):
            np.testing.assert_allclose(y, upsampled(item, config(kind, hop), {}, ""), rtol=0, atol=1e-12)


@pytest.mark.parametrize("factors", [(1,), (6,), (2, 3), (3, 2), (5, 1, 2)])
def test_learned_stages_equal_the_loops_and_torch(factors: tuple[int, ...]) -> None:
    upsampling = learned(factors)
    weights = {name: value.numpy() for name, value in upsampling.state_dict().items()}
    found, y = upsampling(FRAMES), FRAMES.transpose(1, 2)
    expected = upsampled(FRAMES[1].numpy(), config("transposed", math.prod(factors), factors), weights, "")
    np.testing.assert_allclose(found[1].detach().numpy(), expected, rtol=0, atol=1e-12)
    for stage, factor in zip(upsampling.stages, factors, strict=True):
        kernel = stage.weight.unflatten(0, (factor, 3)).permute(2, 1, 0)  # torch's is [in, out, tap]
        y = torch.nn.functional.conv_transpose1d(y, kernel, stride=factor)
    torch.testing.assert_close(found, y.transpose(1, 2), rtol=0, atol=1e-12)


def touched(upsampled_frames: Tensor) -> list[int]:
    """The timesteps at which there is something."""
    return upsampled_frames[0].ne(0).any(-1).nonzero().flatten().tolist()


@pytest.mark.parametrize("hop", [4, 6])
@pytest.mark.parametrize("frame", range(5))
def test_an_impulse_reaches_its_span_or_its_support(frame: int, hop: int) -> None:
    impulse = torch.zeros(1, 5, 3, dtype=torch.float64)
    impulse[0, frame] = 1
    span = range(frame * hop, (frame + 1) * hop)
    assert touched(repeated(impulse, hop)) == list(span)
    assert touched(learned((2, hop // 2))(impulse)) == list(span)
    support = range(max(0, span.start - hop // 2), min(5 * hop, span.stop + hop // 2))
    assert touched(interpolated(impulse, hop)) == list(support)


@pytest.mark.parametrize("factors", [(), (4, 2), (2, 2, 2)])
def test_the_learned_one_starts_as_repetition(factors: tuple[int, ...]) -> None:
    start = upsampling_of(config("transposed", 8, factors))
    assert isinstance(start, TransposedConvolutions)
    assert len(start.stages) == max(1, len(factors))
    torch.testing.assert_close(start.double()(FRAMES), repeated(FRAMES, 8), rtol=0, atol=0)


def test_what_brings_frames_to_timesteps() -> None:
    assert upsampling_of(config("repeat", 4)) is None
    assert isinstance(upsampling_of(config("linear", 4)), Interpolation)


def test_lines_between_equal_values_have_their_very_bits() -> None:
    held = torch.full((1, 3, 2), 0.1)
    assert torch.equal(interpolated(held, 7), held[:, :1].expand(1, 21, 2))


def test_work_of_a_frame() -> None:
    assert learned((2, 3)).multiplications_per_frame() == 2 * 9 + 2 * 3 * 9
    assert learned((6,)).multiplications_per_frame() == 6 * 9
    assert Interpolation(6).multiplications_per_frame() == 0
