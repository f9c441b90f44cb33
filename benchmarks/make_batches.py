"""Rows to batches with all that a frame can be told, in timesteps a CPU second: no training may wait for it.

    python -m benchmarks.make_batches [--rounds N] [--record]

Eight windows of 4096 timesteps from utterances of 10 s with 100 phones and F0. The training step is that of recipe
`wavenet-small` on the same batches. The plain way to rows is pyarrow's own; that both give one batch is checked first.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from benchmarks.harness import Case, Contestant, main
from models.wavenet import WaveNet, WaveNetConfig
from pipeline.batches import Batch, Cut, audio_batch, cut_windows
from pipeline.conditions import Conditioning
from pipeline.frames import F0_COLUMNS, LINGUISTIC_COLUMNS, PHONE_COLUMNS
from pipeline.rows import Rows
from pipeline.shards.schema import AUDIO_SCHEMA, AudioConventions

CONVENTIONS = AudioConventions(16_000)
DURATION_S, NUM_PHONES, NUM_ROWS = 10, 100, 64
BATCH_SIZE, WINDOW = 8, 4096
INVENTORY = tuple(f"p{number}" for number in range(50))
PHONES = Conditioning({}, INVENTORY, 80)
EVERYTHING = Conditioning({}, INVENTORY, 80, LINGUISTIC_COLUMNS, True)

WAVENET = WaveNetConfig(
    residual_channels=32,
    gate_channels=64,
    skip_channels=128,
    head_channels=128,
    dilations=(1, 2, 4, 8, 16, 32, 64, 128),
    num_stacks=2,
    condition=EVERYTHING.model_config(32),
)
"""Recipe `wavenet-small`, told of everything."""


def shard() -> pa.Table:
    """Rows at random, with the columns that a training reads."""
    rng = np.random.default_rng(0)
    names = ["item_id", "levels", "num_timesteps", *PHONE_COLUMNS, *LINGUISTIC_COLUMNS, *F0_COLUMNS]
    fields = pa.schema([AUDIO_SCHEMA.field(name) for name in names])
    return pa.Table.from_pylist([random_row(rng, number) for number in range(NUM_ROWS)], schema=fields)


def random_row(rng: np.random.Generator, number: int) -> dict[str, Any]:
    """One utterance."""
    length, num_values = DURATION_S * CONVENTIONS.sample_rate_hz, DURATION_S * 200 + 1
    ends = [*np.sort(rng.choice(np.arange(1, length), NUM_PHONES - 1, replace=False)).tolist(), length]
    return {
        "item_id": f"item-{number}",
        "levels": rng.integers(0, 256, length).astype(np.uint8).tobytes(),
        "num_timesteps": length,
        "phone": rng.choice(INVENTORY, NUM_PHONES).tolist(),
        "phone_start": [0, *ends[:-1]],
        "phone_end": ends,
        **{column: rng.integers(0, 3, NUM_PHONES).tolist() for column in LINGUISTIC_COLUMNS},
        "log_f0": rng.normal(5, 0.5, num_values).tolist(),
        "voiced": (rng.random(num_values) < 0.5).tolist(),
    }


def batch_of(row_at: Callable[[int], dict[str, Any]], numbers: Sequence[int], conditioning: Conditioning) -> Batch:
    """One window of each of these rows, from the middle of it: all of one length."""
    rows = [row_at(number) for number in numbers]
    cuts = [cut_windows(row["num_timesteps"], Cut(WINDOW, WAVENET.receptive_field, conditioning.hop)) for row in rows]
    return audio_batch(rows, [windows[len(windows) // 2] for windows in cuts], CONVENTIONS, conditioning)


def plain_row(table: pa.Table, number: int) -> dict[str, Any]:
    """A row as pyarrow has it: an object for each value of a list."""
    return dict(table.slice(number, 1).to_pylist()[0])


def check_agreement(one: Batch, other: Batch) -> None:
    """AssertionError unless both batches say the same."""
    assert torch.equal(one.x, other.x), "levels differ"
    for field in ("phones", "features"):
        assert torch.equal(getattr(one.condition, field), getattr(other.condition, field)), f"{field} differ"


def training_step(model: WaveNet, batch: Batch) -> None:
    """The likelihood of a batch and its gradient."""
    nats = model.nll_nats(batch.x, batch.condition)[batch.scored].mean()
    nats.backward()


def cases() -> Iterator[Case]:
    table = shard()
    numbers = np.random.default_rng(1).permutation(NUM_ROWS)[:BATCH_SIZE].tolist()
    cut, plain = Rows(table).__getitem__, partial(plain_row, table)
    batch = batch_of(cut, numbers, EVERYTHING)
    check_agreement(batch, batch_of(plain, numbers, EVERYTHING))
    amount = batch.num_scored
    contestants = [
        Contestant("phones, linguistic, F0", "ours", partial(batch_of, cut, numbers, EVERYTHING), amount),
        Contestant("the same, rows by pyarrow", "peer", partial(batch_of, plain, numbers, EVERYTHING), amount),
        Contestant("phones alone", "peer", partial(batch_of, cut, numbers, PHONES), amount),
        Contestant("a training step of it", "peer", partial(training_step, WaveNet(WAVENET), batch), amount),
    ]
    yield Case(f"batches of {BATCH_SIZE} windows of {WINDOW}", "timesteps", contestants)


if __name__ == "__main__":
    main("make_batches", cases)
