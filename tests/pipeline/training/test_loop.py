"""A run from start to end, stopped and gone on with, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from pipeline.errors import ConfigError, OccupiedError
from pipeline.model_folder import load_model, read_model_info
from pipeline.shards.dataset import Dataset
from pipeline.storage import PARTIAL_PREFIX, Location
from pipeline.training.checkpoint import Position, save_checkpoint
from pipeline.training.loop import Run, run
from pipeline.training.plan import exported, finished, make_plan
from pipeline.training.prefetch import Ahead, Taken
from pipeline.training.step import Learner
from pipeline.training.world import Alone
from tests.pipeline.training.datasets import audio_dataset, image_dataset
from tests.pipeline.training.runs import TRAINING, Watcher, figures, small_plan


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return audio_dataset(tmp_path_factory.mktemp("data") / "audio")


@pytest.fixture(scope="module")
def undisturbed(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    assert run(small_plan(dataset, out))
    return out


def test_a_run_lowers_the_bits_and_exports_its_best_weights(dataset: Dataset, tmp_path: Path) -> None:
    out, watcher = tmp_path / "out", Watcher()
    assert run(
        small_plan(dataset, out, num_steps=60, ema_decay=0.5, validate_every=20, learning_rate=0.03), observer=watcher
    )
    measured = [line.validation_bits for line in watcher.lines if line.validation_bits is not None]
    assert len(measured) == 3
    assert min(measured) < measured[0] - 0.3
    model = load_model(Location(str(out)))
    assert model.info.figures["validation_bits"] == min(measured)
    assert model.info.lineage["licences"] == ["CC0-1.0"]
    card = (out / "README.md").read_text()
    assert "CC0-1.0" in card
    assert "speaker: ann, bob" in card
    assert f"{min(measured):.4f}" in card


def test_the_exported_weights_give_the_bits_that_the_figures_tell(dataset: Dataset, undisturbed: Path) -> None:
    plan = small_plan(dataset, undisturbed)
    loaded = load_model(Location(str(undisturbed)))
    runner = Run(plan, dataset, Alone(), Watcher())
    runner.learner.average.load_state_dict(loaded.model.state_dict())
    assert runner.validate() == pytest.approx(loaded.info.figures["validation_bits"], rel=1e-6)


def test_held_out_bits_of_a_bfloat16_training_are_those_of_the_float32_model(dataset: Dataset, tmp_path: Path) -> None:
    """Models are evaluated and drawn from in float32."""
    plan = small_plan(dataset, tmp_path / "rough", precision="bfloat16", num_steps=4)
    assert run(plan)
    loaded = load_model(plan.out)
    runner = Run(small_plan(dataset, tmp_path / "fine", precision="float32"), dataset, Alone(), Watcher())
    runner.learner.average.load_state_dict(loaded.model.state_dict())
    assert runner.validate() == pytest.approx(loaded.info.figures["validation_bits"], rel=1e-7)


@pytest.mark.parametrize("stop_after", [1, 3, 4, 5, 7])
def test_a_stopped_run_goes_on_to_the_same_losses_and_weights(
    dataset: Dataset, undisturbed: Path, tmp_path: Path, stop_after: int
) -> None:
    out, watcher = tmp_path / "out", Watcher()
    assert not run(small_plan(dataset, out), observer=Watcher(stop_after))
    assert not (out / "model.json").exists()
    assert run(small_plan(dataset, out), observer=watcher)
    assert watcher.notes == [f"Going on from step {stop_after} of 8."]
    assert figures(out) == figures(undisturbed)
    assert (out / "weights.safetensors").read_bytes() == (undisturbed / "weights.safetensors").read_bytes()


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint(
    dataset: Dataset, undisturbed: Path, tmp_path: Path
) -> None:
    class Killer(Watcher):
        def stop_asked(self, step: int) -> bool:
            if step == 4:
                raise Killed
            return False

    out, watcher = tmp_path / "out", Watcher()
    with pytest.raises(Killed):
        run(small_plan(dataset, out, log_every=2), observer=Killer())
    assert run(small_plan(dataset, out, log_every=2), observer=watcher)
    assert watcher.notes == ["Going on from step 3 of 8."]
    assert (out / "weights.safetensors").read_bytes() == (undisturbed / "weights.safetensors").read_bytes()
    straight = tmp_path / "straight"
    run(small_plan(dataset, straight, log_every=2))
    assert figures(out) == figures(straight)  # a line that spans the restart is the same, too


def test_what_was_waited_for_batches_is_told_of_the_whole_run(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a second before each of its steps, also of those before a restart."""
    take = Ahead.take
    monkeypatch.setattr(Ahead, "take", lambda ahead: replace(take(ahead), waited_s=0.5))
    assert not run(small_plan(dataset, tmp_path / "out"), observer=Watcher(3))
    assert run(small_plan(dataset, tmp_path / "out"))
    figures = read_model_info(Location(str(tmp_path / "out"))).figures
    assert figures["seconds"] >= 8 * 0.5
    assert figures["waiting_share"] * figures["seconds"] == pytest.approx(8 * 0.5, rel=0.05)


def test_what_a_killed_process_left_half_written_beside_the_model_is_gone_at_the_end(
    dataset: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert not run(small_plan(dataset, out), observer=Watcher(4))
    (out / f"{PARTIAL_PREFIX}x").write_bytes(b"half of a page")
    assert run(small_plan(dataset, out), observer=Watcher())
    assert not list(out.rglob(PARTIAL_PREFIX + "*"))


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("checkpoint_every", [3, 100])  # 100: the one checkpoint is that of the last step
@pytest.mark.parametrize("is_written", [False, True])
def test_killed_around_a_checkpoint_no_line_of_metrics_is_lost(
    dataset: Dataset,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_written: bool,
    checkpoint_every: int,
) -> None:
    def killed(run_folder: Location, position: Position, *rest: Any) -> None:
        if position.step <= 3 or is_written:
            save_checkpoint(run_folder, position, *rest)
        if position.step > 3:
            raise Killed

    plan = small_plan(dataset, tmp_path / "out", checkpoint_every=checkpoint_every)
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.training.store.save_checkpoint", killed)
        with pytest.raises(Killed):
            run(plan)
    assert run(plan)
    assert figures(tmp_path / "out") == figures(undisturbed)
    kept, straight = (read_model_info(Location(str(folder))) for folder in (tmp_path / "out", undisturbed))
    assert kept.figures["train_bits"] == straight.figures["train_bits"]


@pytest.mark.parametrize("damage", [b"", b"\xff{", b'{"step": 1}\n[]\n{"step": "x"}\n'])
@pytest.mark.parametrize("stop_after", [6, 8])
def test_a_damaged_page_of_metrics_ends_no_run(
    dataset: Dataset, undisturbed: Path, tmp_path: Path, damage: bytes, stop_after: int
) -> None:
    plan, watcher = small_plan(dataset, tmp_path / "out"), Watcher()
    run(plan, observer=Watcher(stop_after))
    (tmp_path / "out/model.json").unlink(missing_ok=True)
    page = tmp_path / "out/metrics.jsonl"
    page.write_bytes(damage) if damage else page.unlink()
    assert run(plan, observer=watcher)
    assert watcher.notes[1].startswith(f"{page} has lost lines that were written before step {stop_after}")
    figures_of = [read_model_info(Location(str(folder))).figures for folder in (tmp_path / "out", undisturbed)]
    assert figures_of[0]["train_bits"] == figures_of[1]["train_bits"]


def test_a_damaged_checkpoint_is_passed_over_and_said(dataset: Dataset, undisturbed: Path, tmp_path: Path) -> None:
    out, watcher = tmp_path / "out", Watcher()
    run(small_plan(dataset, out), observer=Watcher(7))
    flip(out / "run/checkpoints/000000007-00000.safetensors")
    assert run(small_plan(dataset, out), observer=watcher)
    assert "000000007-00000.safetensors: this checkpoint is damaged" in watcher.notes[0]
    assert watcher.notes[1] == "Going on from step 6 of 8."
    assert figures(out) == figures(undisturbed)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_run_reads_the_index_of_each_shard_once(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, without_levels = small_plan(dataset, tmp_path / "out"), []
    read_shard = Dataset.read_shard

    def noted(dataset: Dataset, number: int, columns: list[str] | None = None) -> pa.Table:
        if columns and not {"levels", "phone"} & set(columns):  # nor what prosody is learned from
            without_levels.append(number)
        return read_shard(dataset, number, columns)

    monkeypatch.setattr(Dataset, "read_shard", noted)
    assert run(plan)
    assert without_levels == list(range(len(dataset.info.shards)))
    assert read_model_info(plan.out).lineage["licences"] == ["CC0-1.0"]


def test_a_finished_run_is_left_as_it_is(dataset: Dataset, undisturbed: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*")}
    assert run(small_plan(dataset, undisturbed))
    assert {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*")} == before


def test_other_settings_are_refused_by_name(dataset: Dataset, undisturbed: Path) -> None:
    with pytest.raises(OccupiedError, match=r"training.learning_rate was 0.005, now 0.1; training.seed was 0, now 7"):
        run(small_plan(dataset, undisturbed, seed=7, learning_rate=0.1))


def test_another_dataset_is_refused(undisturbed: Path, tmp_path: Path) -> None:
    other = audio_dataset(tmp_path / "other", seed=1)
    with pytest.raises(OccupiedError, match=r"dataset.digest was"):
        run(small_plan(other, undisturbed))


def test_a_folder_with_something_else_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/holiday.jpg").write_text("")
    with pytest.raises(OccupiedError, match=r"holiday.jpg"):
        run(small_plan(dataset, tmp_path / "out"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OccupiedError, match="is a file"):
        run(small_plan(dataset, tmp_path / "file"))


def test_a_dataset_made_again_under_the_run_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    plan = replace(small_plan(dataset, tmp_path / "out"), dataset_digest="0" * 64)
    with pytest.raises(ConfigError, match="was made again"):
        run(plan)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_divergence_names_step_and_items_and_leaves_the_weights(dataset: Dataset, tmp_path: Path, where: str) -> None:
    runner = Run(small_plan(dataset, tmp_path / "out"), dataset, Alone(), Watcher())
    runner.initialise()
    weights = {name: value.clone() for name, value in runner.learner.model.state_dict().items()}
    spoil(runner.learner, where)
    with pytest.raises(ConfigError, match=r"diverged at step 0.*scored: item-0.*learning_rate"):
        runner.take_step(runner.learner.model, Taken(runner.supply.part(0, 0, 1), 0.0))
    if where == "gradient":
        after = runner.learner.model.state_dict()
        assert all(torch.equal(after[name], value) for name, value in weights.items())


def test_a_run_that_diverges_leaves_its_metrics_up_to_there(dataset: Dataset, tmp_path: Path) -> None:
    plan = small_plan(dataset, tmp_path / "out", log_every=3, checkpoint_every=100, validate_every=100)

    class Spoiling(Watcher):
        def stop_asked(self, step: int) -> bool:
            if step == 4:
                spoil(runner.learner, "loss")
            return False

    runner = Run(plan, dataset, Alone(), Spoiling())
    with pytest.raises(ConfigError, match="diverged at step 5"):
        runner.go()
    assert [line[0] for line in figures(tmp_path / "out")] == [3, 5]
    assert json.loads((tmp_path / "out/run/diverged.json").read_text())["step"] == 5


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_model_without_its_weights_is_written_again(dataset: Dataset, tmp_path: Path, how: str) -> None:
    plan = small_plan(dataset, tmp_path / "out")
    assert run(plan)
    weights = tmp_path / "out/weights.safetensors"
    data = weights.read_bytes()
    assert finished(plan)
    if how == "missing":
        weights.unlink()
    else:
        weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert exported(plan)
    assert not finished(plan)
    watcher = Watcher()
    assert run(plan, observer=watcher)
    assert watcher.notes == ["Going on from step 8 of 8."]
    assert weights.read_bytes() == data
    assert finished(plan)


def spoil(learner: Learner, where: str) -> None:
    parameter = next(iter(learner.model.parameters()))
    if where == "loss":
        parameter.data.fill_(float("nan"))
    else:
        parameter.register_hook(lambda gradient: gradient * float("inf"))


def test_without_held_out_rows_the_last_weights_are_kept_and_it_is_said(tmp_path: Path) -> None:
    dataset, watcher = audio_dataset(tmp_path / "data", num_held_out=0), Watcher()
    run(small_plan(dataset, tmp_path / "out", early_stop_validations=1), observer=watcher)
    assert "no rows of split 'validation'" in watcher.notes[0]
    assert watcher.notes[0].endswith("instead of the best, and the training does not end early.")
    info = read_model_info(Location(str(tmp_path / "out")))
    assert info.figures["best_step"] == 8
    assert info.figures["validation_bits"] is None
    assert info.figures["train_bits"] > 0


def test_images_are_trained_on_as_well(tmp_path: Path) -> None:
    dataset = image_dataset(tmp_path / "data")
    config = replace(TRAINING, condition_on=("label",), num_steps=40, learning_rate=0.02, validate_every=20)
    model = {"name": "pixelcnn", "hidden": 4, "num_layers": 1, "head_channels": 8, "first_kernel": 3}
    assert run(make_plan(dataset, Location(str(tmp_path / "out")), model, config))
    bits = [line[2] for line in figures(tmp_path / "out") if line[2] is not None]
    assert bits[-1] < 1.7  # two bits to begin with, one bit of noise at the end


def test_metrics_are_one_object_a_line(undisturbed: Path) -> None:
    lines = [json.loads(line) for line in (undisturbed / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 9))
    assert [line["step"] for line in lines if "validation_bits" in line] == [4, 8]
    assert set(lines[0]) == {
        "step",
        "train_bits",
        "learning_rate",
        "seconds",
        "levels_per_s",
        "gradient_norm",
        "waiting_share",
        "peak_share",
    }
    assert all(line["levels_per_s"] > 0 for line in lines)


def test_a_linear_model_starts_at_its_least_squares_fit(tmp_path: Path) -> None:
    dataset = audio_dataset(tmp_path / "data")
    config = replace(TRAINING, condition_on=(), num_steps=1, learning_rate=1e-9)
    run(make_plan(dataset, Location(str(tmp_path / "out")), {"name": "linear_ar", "order": 4}, config))
    assert figures(tmp_path / "out")[0][1] < 2.8  # 3.6 without the fit
