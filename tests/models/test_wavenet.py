"""WaveNet against a reference written in loops from the paper's equations, and the facts about its shape."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from models.conditioning import Condition, ConditionConfig, Upsampling
from models.sampling import LaneRequest, sample_lanes
from models.wavenet import WaveNet, WaveNetConfig
from models.wavenet_context import ContextStackConfig
from pipeline.batches import Batch, Cut, audio_batch, cut_windows
from pipeline.conditions import Conditioning
from pipeline.shards.schema import AudioConventions, AudioFeatures
from tests.models.contract_checks import influence, stepped
from tests.models.tiny import perturb
from tests.models.wavenet_reference import Reference, mixture_nll

BLOCK_OF_TEN = tuple(2**i for i in range(10))
SMALL: dict[str, Any] = {
    "num_levels": 5,
    "residual_channels": 3,
    "gate_channels": 8,
    "skip_channels": 6,
    "head_channels": 7,
}
BOTH = ConditionConfig({"speaker": 3, "emotion": 2}, num_phones=4, num_features=2, hop=3, channels=4)
LOCAL = ConditionConfig(num_features=2, hop=3, channels=4)


def small(**settings: Any) -> WaveNet:
    torch.manual_seed(0)
    model = WaveNet(WaveNetConfig(**{**SMALL, "dilations": (1, 2), "num_stacks": 2, **settings})).double()
    perturb(model, seed=0)
    return model


def given(num_frames: int) -> Condition:
    generator = torch.Generator().manual_seed(1)
    return Condition(
        torch.tensor([[2, 1]]),
        torch.randint(0, 4, (1, num_frames), generator=generator),
        torch.randn(1, num_frames, 2, generator=generator, dtype=torch.float64),
    )


@pytest.mark.parametrize("kernel_size", [2, 3])
@pytest.mark.parametrize("input_kernel_size", [1, 2, 3])
@pytest.mark.parametrize("is_conditional", [False, True])
def test_equals_the_equations(kernel_size: int, input_kernel_size: int, is_conditional: bool) -> None:
    condition_config = BOTH if is_conditional else ConditionConfig()
    model = small(kernel_size=kernel_size, input_kernel_size=input_kernel_size, condition=condition_config)
    assert_equals_the_equations(model, given(5) if is_conditional else None)


CONTEXTS = (
    ContextStackConfig(4, 3, 6, 5, dilations=(1, 2)),
    ContextStackConfig(3, 2, 4, 3, kernel_size=3, dilations=(1,), num_stacks=2),
)
SCALAR: dict[str, Any] = {"input": "scalar", "output": "logistic_mixture", "num_components": 2}
FEATURES = Condition(features=torch.randn(1, 5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
VECTOR = Condition(vector=torch.tensor([[0.5, -1.0]], dtype=torch.float64))


@pytest.mark.parametrize(
    ("settings", "condition"),
    [
        ({"contexts": CONTEXTS[:1]}, None),
        ({"contexts": CONTEXTS, "input_kernel_size": 2, "condition": BOTH}, given(5)),
        ({"contexts": CONTEXTS, **SCALAR}, None),
        ({"input_kernel_size": 2, **SCALAR, "condition": replace(BOTH, upsampling="linear")}, given(5)),
        ({"condition": replace(BOTH, upsampling="transposed")}, given(5)),
        ({"condition": replace(LOCAL, upsampling="transposed", upsampling_factors=(3, 1))}, FEATURES),
        ({"condition": replace(LOCAL, upsampling="linear")}, FEATURES),
        ({"condition": LOCAL}, FEATURES),
        ({"condition": ConditionConfig(vector_size=2, channels=4)}, VECTOR),
    ],
    ids=["context", "contexts, both", "contexts, scalar", "linear, scalar", "one stage", "stages", "lines", "f", "v"],
)
def test_every_part_equals_the_equations(settings: dict[str, Any], condition: Condition | None) -> None:
    assert_equals_the_equations(small(**settings), condition)


def assert_equals_the_equations(model: WaveNet, condition: Condition | None) -> None:
    x = torch.randint(0, 5, (1, 15), generator=torch.Generator().manual_seed(2))
    expected = Reference(model, condition).parameters(x[0].tolist())
    with torch.no_grad():
        np.testing.assert_allclose(model(x, condition)[0].numpy(), expected, rtol=0, atol=1e-12)
        if model.config.output == "logistic_mixture":
            nll_nats = mixture_nll(expected, x[0].tolist(), model.config.num_levels)
            np.testing.assert_allclose(model.nll_nats(x, condition)[0].numpy(), nll_nats, rtol=0, atol=1e-10)
    np.testing.assert_allclose(stepped(model, x, condition)[0].numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("num_stacks", "field"), [(1, 1024), (2, 2047), (3, 3070), (4, 4093), (5, 5116)])
def test_receptive_fields_of_blocks_of_ten(num_stacks: int, field: int) -> None:
    assert WaveNetConfig(dilations=BLOCK_OF_TEN, num_stacks=num_stacks).receptive_field == field
    assert WaveNetConfig(num_stacks=num_stacks, input_kernel_size=2).receptive_field == field + 1
    assert WaveNetConfig(num_stacks=num_stacks, kernel_size=3).receptive_field == 2 * field - 1


@pytest.mark.parametrize("kernel_size", [2, 3])
@pytest.mark.parametrize("input_kernel_size", [1, 2])
@pytest.mark.parametrize(("dilations", "num_stacks"), [((1, 2, 4, 8), 1), ((1, 2), 2), ((3, 1), 1)])
def test_receptive_field_is_exact(
    kernel_size: int, input_kernel_size: int, dilations: tuple[int, ...], num_stacks: int
) -> None:
    model = small(
        kernel_size=kernel_size, input_kernel_size=input_kernel_size, dilations=dilations, num_stacks=num_stacks
    )
    field = model.receptive_field
    seen = influence(model, model.predict, model.encode(torch.randint(0, 5, (1, field + 3))), None)[-1]
    # Input i of the last position, field + 2: those from 2 on are within the field, and every one is seen for k > 1.
    assert (seen[:2] == 0).all()
    assert seen[2] > 0
    assert seen[field + 1] > 0
    assert seen[field + 2] == 0


def test_a_step_keeps_no_more_than_the_rings() -> None:
    cache = small(kernel_size=3, dilations=(1, 4), num_stacks=1).init_cache(2, None, (10,))
    assert [len(layer.ring) for layer in cache.stack.layers] == [3, 9]  # d(k - 1) + 1


def test_parameters_counted_by_hand() -> None:
    model = small(kernel_size=3, input_kernel_size=2, condition=BOTH)
    embedding = 5 * 2 * 3
    gates = 4 * (3 * 3 * 8 + 8)
    residuals = 3 * 4 * 3  # none after the last layer
    skips = 4 * 4 * 6 + 6
    head = 6 * 7 + 7 + 7 * 5 + 5
    item = 3 * 4 + 2 * 4 + 4 * 4 * 8
    frames = 4 * 4 + 2 * 4 + 4 * 4 * 8
    assert model.num_parameters() == embedding + gates + residuals + skips + head + item + frames


ALL_GATES = 4 * 8


@pytest.mark.parametrize(
    ("condition", "number"),
    [
        (ConditionConfig({"speaker": 3, "emotion": 2}, channels=4), 3 * 4 + 2 * 4 + 4 * ALL_GATES),
        (ConditionConfig({"speaker": 3}, vector_size=5, channels=4), 3 * 4 + 5 * 4 + 4 * ALL_GATES),
        (LOCAL, 2 * 4 + 4 * ALL_GATES),
        (replace(LOCAL, hop=6, upsampling="linear"), 2 * 4 + 4 * ALL_GATES),
        (replace(LOCAL, hop=6, upsampling="transposed"), 2 * 4 + 6 * 4 * 4 + 4 * ALL_GATES),
        (
            replace(LOCAL, hop=6, upsampling="transposed", upsampling_factors=(2, 3)),
            2 * 4 + (2 + 3) * 4 * 4 + 4 * ALL_GATES,
        ),
    ],
)
def test_parameters_of_a_condition_counted_by_hand(condition: ConditionConfig, number: int) -> None:
    assert small(condition=condition).num_parameters() - small().num_parameters() == number


def test_planes_are_refused() -> None:
    with pytest.raises(ValueError, match="frames for a waveform, got num_planes=2"):
        small(condition=ConditionConfig(num_planes=2))


def test_what_stands_before_the_first_timestep_is_zeros_in_every_layer() -> None:
    """Not what a layer makes of zeros, which its bias changes: that differs as far as the later layers look back."""
    model = small()
    inputs, field = model.encode(torch.randint(0, 5, (2, 12))), model.receptive_field
    with torch.no_grad():
        expected = model.predict(inputs)
        padded = model.predict(torch.nn.functional.pad(inputs, (0, 0, field, 0)))[:, field:]
    differs = (expected - padded).abs().amax((0, 2)) > 1e-12
    assert differs.tolist() == [t < 2 + 1 + 2 for t in range(12)]


def test_the_first_loss_is_that_of_the_uniform_distribution() -> None:
    torch.manual_seed(0)
    model = WaveNet(WaveNetConfig(num_stacks=1))
    with torch.no_grad():
        nll_nats = model.nll_nats(torch.randint(0, 256, (2, 500))).mean().item()
    assert nll_nats == pytest.approx(math.log(256), abs=0.02)


def test_a_frame_reaches_its_span_and_nothing_before() -> None:
    config = ConditionConfig(num_phones=4, num_features=1, hop=4, channels=4)
    one_layer = small(dilations=(1,), num_stacks=1, condition=config)
    deep = small(dilations=(1, 2), num_stacks=1, condition=config)
    x, phones = torch.randint(0, 5, (1, 20)), torch.zeros(1, 5, dtype=torch.int64)
    quiet = torch.zeros(1, 5, 1, dtype=torch.float64)
    impulse = quiet.clone()
    impulse[0, 2] = 1.0
    with torch.no_grad():
        changed = [
            (m(x, Condition(phones=phones, features=impulse)) != m(x, Condition(phones=phones, features=quiet))).any(
                -1
            )[0]
            for m in (one_layer, deep)
        ]
    assert changed[0].nonzero().flatten().tolist() == [8, 9, 10, 11]
    # In a deeper net the span's activations are seen from later on, through the second layer's taps (2 timesteps back).
    assert changed[1].nonzero().flatten().tolist() == list(range(8, 14))


SPOKEN = Conditioning({}, ("a", "b", "c", "d"), hop=5)


def spoken_row(seed: int, num_phones: int = 30) -> dict[str, Any]:
    """An utterance whose phones, each one or two frames long, decide each level up to one fair bit of noise."""
    rng = np.random.default_rng(seed)
    phones = rng.integers(1, 4, num_phones).cumsum() % 4  # never the same twice in a row
    ends = (rng.integers(1, 3, num_phones) * SPOKEN.hop).cumsum()
    starts = np.concatenate([[0], ends[:-1]])
    levels = np.repeat(phones * 2, ends - starts) + rng.integers(0, 2, ends[-1])
    return {
        "item_id": f"spoken-{seed}",
        "levels": levels.astype(np.uint8).tobytes(),
        "num_timesteps": int(ends[-1]),
        "phone": [SPOKEN.phones[phone] for phone in phones],
        "phone_start": starts.tolist(),
        "phone_end": ends.tolist(),
    }


SUNG = Conditioning({}, ("a",), hop=5, f0=True)


def sung_row(seed: int, num_notes: int = 30) -> dict[str, Any]:
    """The same of one phone: pitch and voicing tell the notes apart. Values of F0 stand a timestep apart."""
    row = spoken_row(seed, num_notes)
    length = row["num_timesteps"]
    notes = np.append(np.frombuffer(row["levels"], np.uint8) // 2, 0)
    sung = {"log_f0": 4.5 + notes // 2, "voiced": notes % 2 == 1}
    return {**row, "phone": ["a"], "phone_start": [0], "phone_end": [length], **sung}


def spoken_batch(conditioning: Conditioning, seeds: range, receptive_field: int) -> Batch:
    """The second window of each utterance, so that there is context before what is scored."""
    rows = [(sung_row if conditioning.f0 else spoken_row)(seed) for seed in seeds]
    windows = [cut_windows(row["num_timesteps"], Cut(53, receptive_field, conditioning.hop))[1] for row in rows]
    conventions = AudioConventions(8000, num_levels=8, features=AudioFeatures(frame_period_s=1 / 8000))
    return audio_batch(rows, windows, conventions, conditioning)


def bits_of(model: WaveNet, batch: Batch, num_frames_late: int = 0) -> torch.Tensor:
    assert batch.condition is not None
    assert batch.condition.phones is not None
    assert batch.condition.features is not None
    phones, features = (field.roll(num_frames_late, 1) for field in (batch.condition.phones, batch.condition.features))
    return model.nll_nats(batch.x, Condition(phones=phones, features=features))[batch.scored].mean() / math.log(2)


@pytest.mark.parametrize(
    ("conditioning", "upsampling"), [(SPOKEN, "repeat"), (SUNG, "repeat"), (SUNG, "linear"), (SUNG, "transposed")]
)
def test_a_condition_that_is_a_frame_off_costs_bits(conditioning: Conditioning, upsampling: Upsampling) -> None:
    torch.manual_seed(0)
    model = WaveNet(
        WaveNetConfig(
            num_levels=8,
            residual_channels=16,
            gate_channels=32,
            skip_channels=32,
            head_channels=32,
            dilations=(1, 2),
            num_stacks=1,
            condition=replace(conditioning.model_config(channels=8), upsampling=upsampling),
        )
    )
    batch = spoken_batch(conditioning, range(40), model.receptive_field)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(80):
        optimiser.zero_grad()
        bits_of(model, batch).backward()
        optimiser.step()
    with torch.no_grad():
        held_out = spoken_batch(conditioning, range(100, 120), model.receptive_field)
        right, late, early = (bits_of(model, held_out, by).item() for by in (0, 1, -1))
    assert right < 1.2  # one bit is noise; not to know the next phone would cost a third of a bit more
    assert min(late, early) > right + 1


def test_each_item_has_its_own_condition() -> None:
    model, x = small(condition=BOTH), torch.randint(0, 5, (2, 6))
    one, other = given(2), Condition(torch.tensor([[0, 0]]), torch.tensor([[3, 1]]), torch.ones(1, 2, 2).double())
    pairs = zip(
        (one.attributes, one.phones, one.features), (other.attributes, other.phones, other.features), strict=True
    )
    together = Condition(*(torch.cat([a, b]) for a, b in pairs if a is not None and b is not None))
    expected = torch.cat([model(x[:1], one), model(x[1:], other)])
    torch.testing.assert_close(model(x, together), expected, rtol=0, atol=1e-12)


def test_an_item_of_another_length_after_the_first() -> None:
    model = small(condition=BOTH)
    for num_frames in (5, 2, 7):
        x, condition = torch.randint(0, 5, (1, 3 * num_frames)), given(num_frames)
        with torch.no_grad():
            torch.testing.assert_close(stepped(model, x, condition), model(x, condition), rtol=0, atol=1e-12)


@pytest.mark.parametrize("upsampling", ["repeat", "linear", "transposed"])
def test_an_items_end_does_not_depend_on_a_longer_one_beside_it(upsampling: Upsampling) -> None:
    model = small(condition=replace(BOTH, upsampling=upsampling))
    short, long = (LaneRequest((3 * num_frames,), (0, num_frames), given(num_frames)) for num_frames in (2, 5))
    alone, beside = (sample_lanes(model, requests, 8)[0] for requests in ([short], [short, long]))
    assert torch.equal(alone.levels, beside.levels)
    assert alone.nll_nats == pytest.approx(beside.nll_nats, abs=1e-12)


def test_drawing_past_the_condition_is_refused() -> None:
    model = small(condition=BOTH)
    cache = model.init_cache(1, given(1), (3,))
    for _ in range(3):
        _, cache = model.step(None if cache.stack.position == 0 else torch.tensor([0]), cache)
    with pytest.raises(ValueError, match="covers 3 timesteps, and they have all been drawn"):
        model.step(torch.tensor([0]), cache)


def test_training_in_bfloat16_gives_a_loss_close_by() -> None:
    torch.manual_seed(0)
    model = WaveNet(WaveNetConfig(**SMALL, dilations=(1, 2, 4), num_stacks=1))
    x = torch.randint(0, 5, (2, 64))
    expected = model.nll_nats(x).mean()
    with torch.autocast("cpu", torch.bfloat16):
        nll_nats = model.nll_nats(x).mean()
    assert nll_nats.dtype == torch.float32
    assert nll_nats.item() == pytest.approx(expected.item(), abs=0.02)


def test_it_learns_a_periodic_waveform_by_heart() -> None:
    torch.manual_seed(0)
    model = WaveNet(
        WaveNetConfig(
            num_levels=8,
            residual_channels=16,
            gate_channels=32,
            skip_channels=32,
            head_channels=32,
            dilations=(1, 2, 4),
            num_stacks=1,
        )
    )
    x = torch.tensor([[0, 3, 5, 7, 5, 3, 0, 2] * 8])
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(80):
        optimiser.zero_grad()
        model.nll_nats(x)[:, 8:].mean().backward()
        optimiser.step()
    assert model.nll_nats(x)[:, 8:].mean().item() < 0.05


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gate_channels": 7}, "gate_channels holds two equal halves, so it must be even, got 7"),
        ({"dilations": ()}, "dilations and num_stacks must be at least 1"),
        ({"dilations": (1, 0)}, "must be at least 1"),
        ({"num_stacks": 0}, "must be at least 1"),
        ({"kernel_size": 1}, "kernel_size must be at least 2"),
        ({"residual_channels": 0}, "residual_channels, gate_channels and skip_channels must be at least 1"),
        ({"gate_channels": -2}, "residual_channels, gate_channels and skip_channels must be at least 1"),
        ({"skip_channels": 0}, "residual_channels, gate_channels and skip_channels must be at least 1"),
        ({"input_kernel_size": 0}, "input_kernel_size and head_channels must be at least 1, got 0 and 256"),
        ({"head_channels": 0}, "input_kernel_size and head_channels must be at least 1, got 1 and 0"),
    ],
)
def test_a_config_that_makes_no_network_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WaveNetConfig(**settings)
