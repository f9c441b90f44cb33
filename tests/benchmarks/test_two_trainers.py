"""Both parts are the batch, and both kinds of workers learn."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import two_trainers
from benchmarks.one_and_two import Best
from benchmarks.two_trainers import TRAININGS, Training, figure, train_share, trainer
from models.wavenet import WaveNetConfig

TINY = Training("wavenet", WaveNetConfig(256, 2, 4, 2, 2, dilations=(1, 2)), (12,), 4, 4)


@pytest.mark.parametrize("name", TRAININGS)
def test_two_parts_are_the_batch(name: str) -> None:
    training = TRAININGS[name]
    whole, halves = training.part(0, 1), [training.part(rank, 2) for rank in range(2)]
    assert len(whole.batches[0].x) == training.batch_size
    assert torch.equal(torch.cat([half.batches[0].x for half in halves]).sort(0)[0], whole.batches[0].x.sort(0)[0])
    assert whole.num_levels == sum(half.batches[0].num_scored for half in halves) == halves[0].num_levels


def test_a_worker_alone_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRAININGS, "tiny", TINY)
    monkeypatch.setattr(two_trainers, "keep_freed_memory", lambda: None)
    trainer.cache_clear()
    model = trainer("tiny", "float32", 0, 1, "").learner.model
    before = [p.clone() for p in model.parameters()]
    assert train_share("tiny", "float32", 2, "", Path(), 0, 1) > 0
    trainer.cache_clear()
    assert any((p != q).any() for p, q in zip(model.parameters(), before, strict=True))


def test_a_figure_says_both_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRAININGS, "tiny", TINY)
    together, apart = Best({1: 4.0, 2: 2.5}, {1: 4.0, 2: 5.0}), Best({1: 4.0, 2: 2.0}, {1: 4.0, 2: 4.0})
    found = figure("tiny", "float32", together, apart)
    assert (found.ratio, found.ratio_by_cpu_time, found.ceiling, found.ceiling_by_cpu_time) == (1.6, 1.6, 2.0, 2.0)


def test_only_what_was_asked_for_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_trainers, "measured", lambda name, precision, _: (name, precision))
    found: list[Any] = list(two_trainers.figures(Namespace(only="wavenet-small, b")))
    assert found == [("wavenet-small", "bfloat16")]
