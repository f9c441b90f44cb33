"""What a training tells: read back by TensorBoard's own reader; drawing items changes nothing; sinks may fail."""

import itertools
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models.counter_random import item_keys
from models.sampling.naive import sample_naive
from pipeline.shards.dataset import Dataset
from pipeline.storage import Location
from pipeline.training.execution import ExecutionConfig
from pipeline.training.items import draw_items
from pipeline.training.loop import Run, run
from pipeline.training.peak import flops_per_level, probed_peak
from pipeline.training.plan import RunPlan, make_plan
from pipeline.training.telling import TellingConfig
from pipeline.training.world import Alone
from tests.pipeline.training.datasets import audio_dataset, image_dataset
from tests.pipeline.training.runs import TRAINING, Watcher, figures, small_plan

TOLD = TellingConfig(num_items=2, items_every=4, item_s=0.01, histograms_every=4)
AT_ONCE = ExecutionConfig(prefetch=0)
PIXELCNN = {"name": "pixelcnn", "hidden": 4, "num_layers": 1, "head_channels": 8, "first_kernel": 3}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return audio_dataset(tmp_path_factory.mktemp("data") / "audio")


@pytest.fixture(scope="module")
def told(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> RunPlan:
    """A run that was stopped and went on, and told all that there is to tell."""
    plan = replace(small_plan(dataset, tmp_path_factory.mktemp("runs") / "told"), telling=TOLD)
    assert not run(plan, observer=Watcher(5))
    assert run(plan)
    return plan


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={"images": 0, "audio": 0, "scalars": 0, "histograms": 0})
    events.Reload()
    return events


def test_no_second_is_told_twice(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many steps a line is of: by a clock that ticks at every look, steps being all that takes time."""
    ticks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    lines = {}
    for every in (1, 8):
        watcher = Watcher()
        changes = {"log_every": every, "validate_every": 8, "checkpoint_every": 8}
        run(replace(small_plan(dataset, tmp_path / str(every), **changes), execution=AT_ONCE), observer=watcher)
        lines[every] = watcher.lines[-1]
    assert lines[1].seconds == lines[8].seconds


def test_tensorboard_reads_every_line_once(told: RunPlan) -> None:
    events, lines = read(Path(str(told.out)) / "tensorboard"), figures(Path(str(told.out)))
    assert [event.step for event in events.Scalars("train_bits")] == [line[0] for line in lines]
    assert [event.value for event in events.Scalars("train_bits")] == pytest.approx([line[1] for line in lines])
    assert [event.step for event in events.Scalars("validation_bits")] == [4, 8]
    assert {"gradient_norm", "learning_rate", "levels_per_s", "peak_share", "waiting_share"} <= set(
        events.Tags()["scalars"]
    )


def test_steps_that_are_taken_again_are_shown_once(dataset: Dataset, tmp_path: Path) -> None:
    """Killed after step 7, with a checkpoint of step 6: what was told of step 7 is told again."""

    class Killer(Watcher):
        def stop_asked(self, step: int) -> bool:
            if step == 7:
                raise KeyboardInterrupt
            return False

    plan = replace(small_plan(dataset, tmp_path / "out"), telling=TOLD)
    with pytest.raises(KeyboardInterrupt):
        run(plan, observer=Killer())
    assert run(plan)
    events = read(tmp_path / "out/tensorboard")
    assert [event.step for event in events.Scalars("train_bits")] == list(range(1, 9))
    assert "settings/text_summary" in events.Tags()["tensors"]


def test_items_are_drawn_at_the_end_of_a_short_run(dataset: Dataset, tmp_path: Path) -> None:
    plan = replace(small_plan(dataset, tmp_path / "out"), telling=TellingConfig(num_items=1, item_s=0.01))
    assert run(plan)
    events = read(tmp_path / "out/tensorboard")
    assert [sound.step for name in events.Tags()["audio"] for sound in events.Audio(name)] == [8, 8]


def test_what_cannot_be_drawn_ends_no_training(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("pipeline.training.loop.draw_items", fail)
    watcher = Watcher()
    assert run(replace(small_plan(dataset, tmp_path / "out"), telling=TOLD), observer=watcher)
    assert "No items to look at (MemoryError: no room); the training goes on." in watcher.notes


def test_weights_are_told_by_how_they_are_spread(told: RunPlan) -> None:
    events = read(Path(str(told.out)) / "tensorboard")
    names = dict(Run(told, audio(told), Alone(), Watcher()).learner.model.named_parameters())
    assert set(events.Tags()["histograms"]) == set(names)
    (first, last) = events.Histograms("head.weight")
    assert (first.step, last.step) == (4, 8)
    assert last.histogram_value.num == names["head.weight"].numel()


def audio(plan: RunPlan) -> Dataset:
    from pipeline.shards.dataset import open_dataset

    return open_dataset(plan.dataset)


def test_items_are_heard_beside_those_that_they_were_to_be_like(told: RunPlan) -> None:
    events = read(Path(str(told.out)) / "tensorboard")
    names = events.Tags()["audio"]
    assert len(names) == 4
    assert {name.split("/")[1] for name in names} == {"drawn", "held out"}
    for name in names:
        sounds = events.Audio(name)
        assert [sound.step for sound in sounds] == [4, 8]
        assert {sound.sample_rate for sound in sounds} == {audio(told).info.conventions.sample_rate_hz}  # type: ignore[union-attr]
        assert sounds[0].encoded_audio_string[:4] == b"RIFF"


def test_pictures_are_seen_beside_those_that_they_were_to_be_like(tmp_path: Path) -> None:
    training = replace(TRAINING, condition_on=("label",), num_steps=4, validate_every=4)
    plan = make_plan(image_dataset(tmp_path / "data"), Location(str(tmp_path / "out")), PIXELCNN, training)
    assert run(replace(plan, telling=TOLD))
    events = read(tmp_path / "out/tensorboard")
    assert len(events.Tags()["images"]) == 2
    (picture,) = events.Images(events.Tags()["images"][0])
    assert (picture.width, picture.height) == (8, 4)  # two of 4 x 4, side by side


def test_telling_changes_nothing_of_what_is_told(told: RunPlan, dataset: Dataset, tmp_path: Path) -> None:
    quiet = replace(small_plan(dataset, tmp_path / "quiet"), telling=TellingConfig(sinks=()))
    assert run(quiet)
    assert not (tmp_path / "quiet/tensorboard").exists()
    assert figures(tmp_path / "quiet") == figures(Path(str(told.out)))
    weights = [(Path(str(plan.out)) / "weights.safetensors").read_bytes() for plan in (quiet, told)]
    assert weights[0] == weights[1]


def test_items_are_drawn_as_the_slow_reference_draws_them(told: RunPlan) -> None:
    runner = Run(told, audio(told), Alone(), Watcher())
    model, supply = runner.learner.average, runner.supply
    items = draw_items(told, model, supply)
    assert len(items) == 2
    slots = [slot for slot in supply.held_out if slot.window == 0][:2]
    batch = supply.held_out_feed.batch(slots)
    length, hop = len(items[0].drawn), told.conditioning.hop
    assert length % hop == 0
    assert 0 < length <= 0.01 * audio(told).info.conventions.sample_rate_hz + hop  # type: ignore[union-attr]
    assert batch.condition is not None
    keys = item_keys((told.training.seed, item.item_id) for item in items)
    naive = sample_naive(model, (length,), batch.condition.frames(0, length // hop), keys)
    assert np.array_equal(np.stack([item.drawn for item in items]), naive.levels.numpy())
    assert np.array_equal(items[0].original, batch.x[0, :length].numpy())


def test_without_held_out_rows_nothing_is_drawn(tmp_path: Path) -> None:
    dataset = audio_dataset(tmp_path / "data", num_held_out=0)
    plan = replace(small_plan(dataset, tmp_path / "out"), telling=TOLD)
    assert (
        draw_items(
            plan, Run(plan, dataset, Alone(), Watcher()).learner.average, Run(plan, dataset, Alone(), Watcher()).supply
        )
        == []
    )


def test_a_sink_that_cannot_be_opened_ends_no_training(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("no such\n  tracking server")

    monkeypatch.setattr("pipeline.training.record.open_sink", refuse)
    watcher = Watcher()
    assert run(replace(small_plan(dataset, tmp_path / "out"), telling=TOLD), observer=watcher)
    said = "tensorboard takes nothing any more (RuntimeError: no such tracking server); the training goes on."
    assert watcher.notes == [said]


def test_the_share_of_the_peak_counts_what_a_step_needs(dataset: Dataset, told: RunPlan) -> None:
    model = Run(told, dataset, Alone(), Watcher()).learner.model
    needed = flops_per_level(model, told.conventions, told.training.window)
    assert needed == 3 * model.flops_per_draw((told.training.window,))
    assert 1e8 < probed_peak(Alone().device, "float32") < 1e14


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="items_every and histograms_every at least 1"):
        TellingConfig(items_every=0)
