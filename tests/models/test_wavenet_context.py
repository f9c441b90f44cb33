"""Context stacks: what a block may condition, how far back they see, what they cost, and where windows may begin."""

import re
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from models import wavenet_context
from models.conditioning import Condition, ConditionConfig
from models.layers.causal_conv import delay
from models.wavenet import WaveNet, WaveNetConfig
from models.wavenet_context import ContextStackConfig
from pipeline.batches import Cut, cut_windows
from tests.models.contract_checks import influence, stepped
from tests.models.tiny import perturb

POOL = 4
CONTEXT = ContextStackConfig(POOL, 3, 6, 5, dilations=(1, 2))
OTHER = ContextStackConfig(6, 2, 4, 8, kernel_size=3, dilations=(2, 1))


def with_contexts(*contexts: ContextStackConfig, **settings: Any) -> WaveNet:
    torch.manual_seed(0)
    shape: dict[str, Any] = {"dilations": (1, 2), "num_stacks": 1, **settings}
    model = WaveNet(WaveNetConfig(5, 3, 8, 6, 7, contexts=contexts, **shape)).double()
    perturb(model, seed=0)
    return model


def levels(num_timesteps: int, batch_size: int = 1) -> Tensor:
    return torch.randint(0, 5, (batch_size, num_timesteps), generator=torch.Generator().manual_seed(3))


def seen_through_the_context(num_timesteps: int) -> Tensor:
    """[T, T] bool: t sees t' where the network's own first convolution is given nothing."""
    model = with_contexts(CONTEXT)
    own = model.first.width
    inputs = model.encode(levels(num_timesteps, 2))[..., own:]

    def predict(inputs: Tensor, condition: Condition | None) -> Tensor:
        return model.predict(torch.nn.functional.pad(inputs, (own, 0)), condition)

    return influence(model, predict, inputs, None) != 0


def block_faults(num_timesteps: int = 15) -> list[str]:
    """Inputs whose first effect is not at the beginning of the next block."""
    seen = seen_through_the_context(num_timesteps)
    faults = []
    for t in range(num_timesteps):
        effects, expected = seen[:, t].nonzero().flatten().tolist(), (t // POOL + 1) * POOL
        first = effects[0] if effects else num_timesteps
        if first != min(expected, num_timesteps):
            faults.append(f"input {t} is first felt at {first}, and not at {expected}")
    return faults


def test_a_block_conditions_later_blocks_alone() -> None:
    assert block_faults() == []


@pytest.mark.parametrize(
    ("num_blocks", "fault"),
    [(0, "input 5 is first felt at 4, and not at 8"), (2, "input 5 is first felt at 12, and not at 8")],
)
def test_no_shift_and_a_second_shift_are_caught(num_blocks: int, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wavenet_context, "shift", partial(delay, num_timesteps=num_blocks))
    assert fault in block_faults()


@pytest.mark.parametrize("contexts", [(CONTEXT,), (OTHER,), (CONTEXT, OTHER)])
@pytest.mark.parametrize("settings", [{}, {"dilations": (3, 1)}, {"kernel_size": 3}, {"dilations": (2,)}])
def test_what_every_timestep_sees(contexts: tuple[ContextStackConfig, ...], settings: dict[str, Any]) -> None:
    """By gradient, at every phase: as far back as through the layers and the blocks, and no further."""
    model = with_contexts(*contexts, **settings)
    field = model.receptive_field
    times = range(field, field + model.alignment)
    seen = influence(model, model.predict, model.encode(levels(times.stop, 2)), None) != 0
    edges = [int(seen[t].nonzero()[0]) for t in times]
    assert edges == [far_edge(model.config, t) for t in times]
    assert max(t - edge for t, edge in zip(times, edges, strict=True)) == field
    assert not seen.triu().any()


def far_edge(config: WaveNetConfig, t: int) -> int:
    """The earliest input that t sees: its own layers', or the first of the blocks that its first layer is given."""
    reach = (config.kernel_size - 1) * sum(config.layer_dilations)
    earliest = [t - reach - config.input_kernel_size]
    after_first = reach - (config.kernel_size - 1) * config.dilations[0]
    for context in config.contexts:
        blocks = 1 + (context.kernel_size - 1) * sum(context.dilations) * context.num_stacks
        earliest.append(((t - after_first) // context.pool - blocks) * context.pool)
    return min(earliest)


def test_receptive_field_and_alignment_by_hand() -> None:
    # The last timestep of a block: 3 more, its own block; then 1 + 1 + 2 blocks of 4. The second layer looks 2 back.
    assert with_contexts(CONTEXT).receptive_field == 2 + 3 + 4 * 4
    assert with_contexts(OTHER).receptive_field == 2 + 5 + 7 * 6
    assert with_contexts(CONTEXT, OTHER).alignment == 12
    local = ConditionConfig(num_features=1, hop=5)
    assert WaveNet(WaveNetConfig(condition=local, contexts=(CONTEXT,))).alignment == 20
    assert WaveNetConfig(dilations=(512,), contexts=(CONTEXT,)).receptive_field == 3 * 512 + 1  # more than the context
    assert ContextStackConfig().furthest == 63 + 64 * 64


@pytest.mark.parametrize("hop", [2, 5])
def test_windows_that_begin_where_blocks_and_frames_do_give_the_whole_items_parameters(hop: int) -> None:
    model = with_contexts(CONTEXT, OTHER, condition=ConditionConfig(num_features=1, hop=hop, channels=2))
    num_timesteps = 2 * (model.receptive_field // 60 + 2) * 60
    x, features = levels(num_timesteps), torch.randn(1, num_timesteps // hop, 1, dtype=torch.float64)
    with torch.no_grad():
        whole = model(x, Condition(features=features))
        for window in cut_windows(num_timesteps, Cut(7, model.receptive_field, model.alignment))[-20:]:
            begin = window.context_start
            end = -(-window.stop // hop) * hop
            cut = model(x[:, begin:end], Condition(features=features[:, begin // hop : end // hop]))
            found = cut[:, window.start - begin : window.stop - begin]
            torch.testing.assert_close(found, whole[:, window.start : window.stop], rtol=0, atol=1e-12)


def test_a_window_that_begins_within_a_block_gives_others() -> None:
    model = with_contexts(CONTEXT)
    x = levels(80)
    with torch.no_grad():
        whole, cut = model(x), model(x[:, 42:])
    assert (whole[:, 42 + model.receptive_field :] != cut[:, model.receptive_field :]).any()


@pytest.mark.parametrize("scalar", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_steps_equal_forward_beyond_the_receptive_field(scalar: bool, batch_size: int) -> None:
    settings = {"input": "scalar"} if scalar else {}
    model = with_contexts(CONTEXT, OTHER, **settings)
    x = levels(model.receptive_field + 15, batch_size)
    with torch.no_grad():
        torch.testing.assert_close(stepped(model, x, None), model(x), rtol=0, atol=1e-10)


def test_one_low_rate_step_for_a_block() -> None:
    model = with_contexts(CONTEXT)
    cache = model.init_cache(2, None, (11,))
    low_rate = cache.contexts[0].cache
    for t in range(11):
        _, cache = model.step(None if t == 0 else torch.tensor([1, 2]), cache)
        assert low_rate.position == 1 + t // POOL
    assert [len(layer.ring) for layer in low_rate.layers] == [2, 3]  # over blocks
    assert cache.contexts[0].block.shape == (2, POOL, 3)


def test_work_and_weights_by_hand() -> None:
    plain, model = with_contexts(), with_contexts(CONTEXT)
    pooling, gates, residual, skip, to_layers = 4 * 3 * 3, 2 * (2 * 3 * 6), 3 * 3, 2 * 3 * 5, 5 * 2 * 8
    biases, embedding = 3 + 2 * 6 + 5, 5 * 3
    weights = pooling + gates + residual + skip + to_layers
    assert model.num_parameters() - plain.num_parameters() == weights + biases + embedding
    assert model.flops_per_draw((8,)) - plain.flops_per_draw((8,)) == 2 * weights / POOL


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pool": 0}, "pool must be at least 1, got 0"),
        ({"gate_channels": 5}, "gate_channels holds two equal halves, so it must be even, got 5"),
        ({"dilations": ()}, "dilations and num_stacks must be at least 1"),
        ({"kernel_size": 1}, "kernel_size must be at least 2"),
        ({"skip_channels": 0}, "skip_channels must be at least 1, got (32, 64, 0)"),
    ],
)
def test_a_config_that_makes_no_stack_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ContextStackConfig(**settings)
