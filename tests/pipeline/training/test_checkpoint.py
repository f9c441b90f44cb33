"""Checkpoints: what is written comes back to the bit, and what is damaged is never taken for whole."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from models.linear_ar import LinearARConfig
from pipeline.errors import ModelError
from pipeline.storage import Location
from pipeline.training.checkpoint import (
    FOLDER,
    Best,
    Checkpoint,
    Position,
    Tally,
    find_checkpoint,
    save_checkpoint,
)
from pipeline.training.config import TrainingConfig
from pipeline.training.sharded_files import load_tensors
from pipeline.training.step import Learner
from pipeline.training.store import below, blank_state, set_optimiser_state, state_of
from pipeline.training.world import Alone

PLAN = "plan"


def learner(optimiser: str = "adam") -> Learner:
    config = TrainingConfig(optimiser=optimiser)  # type: ignore[arg-type]
    return Learner("linear_ar", LinearARConfig(order=3), config, torch.device("cpu"))


def taught(optimiser: str = "adam", steps: int = 3) -> Learner:
    it = learner(optimiser)
    for step in range(steps):
        x = torch.arange(40).remainder(7 + step).unsqueeze(0)
        it.model.nll_nats(x).mean().backward()
        it.update(step)
    return it


def position(step: int) -> Position:
    return Position(step, 100 * step, 3, PLAN, Best(step, 1.25), Tally(0.1 + step, 7, 0.5), 12.5)


def save(run: Path, step: int, keep: int = 10) -> None:
    save_checkpoint(Location(str(run)), position(step), {"model.w": torch.full((3,), float(step))}, keep, Alone())


def load(run: Path) -> tuple[int, list[str]]:
    found, notes = find_checkpoint(Location(str(run)), PLAN, Alone())
    return (found.position.step if found else 0), notes


def restored(run: Location, checkpoint: Checkpoint, learner: Learner) -> dict[str, torch.Tensor]:
    state = blank_state(learner, checkpoint.tensors.tensors)
    load_tensors(run / FOLDER, checkpoint.tensors, state, Alone())
    set_optimiser_state(learner, below("optimiser.", state))
    return below("best.", state)


@pytest.mark.parametrize(("optimiser", "device"), [("adam", "meta"), ("rmsprop", "cpu")])
def test_steps_are_counted_where_the_optimiser_looks_for_them(optimiser: str, device: str) -> None:
    it = learner(optimiser)
    it.model.to("meta")  # as on a GPU: what Adam's one call is given must all be there
    it.optimiser.param_groups[0]["params"] = list(it.model.parameters())
    name = next(name for name, _ in it.model.named_parameters())
    set_optimiser_state(it, {f"step.{name}": torch.tensor(3.0)})
    assert [state["step"].device.type for state in it.optimiser.state.values()] == [device]


@pytest.mark.parametrize("optimiser", ["adam", "rmsprop"])
def test_weights_average_and_optimiser_come_back_to_the_bit(tmp_path: Path, optimiser: str) -> None:
    before = taught(optimiser)
    best = {"coefficients": torch.tensor([1.0, 2.0, 3.0])}
    run = Location(str(tmp_path))
    save_checkpoint(run, position(3), state_of(before, best), 1, Alone())
    found, notes = find_checkpoint(run, PLAN, Alone())
    assert found is not None
    assert notes == []
    assert found.position == position(3)
    after = learner(optimiser)
    assert torch.equal(restored(run, found, after)["coefficients"], best["coefficients"])
    one, two = state_of(before, {}), state_of(after, {})
    assert one.keys() == two.keys()
    assert any(name.startswith("optimiser.") for name in one)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert all(one[name].dtype == two[name].dtype for name in one)


def test_the_last_ones_are_kept(tmp_path: Path) -> None:
    for step in (5, 10, 15):
        save(tmp_path, step, keep=2)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == [
        "000000010-00000.safetensors",
        "000000010.json",
        "000000015-00000.safetensors",
        "000000015.json",
    ]
    assert load(tmp_path) == (15, [])


def test_a_sound_one_is_never_dropped_for_a_later_one_that_is_damaged(tmp_path: Path) -> None:
    """With no whole one the run starts anew: what it writes then is all that it has."""
    save(tmp_path, 10, keep=1)
    cut_page(tmp_path / "checkpoints")
    assert load(tmp_path)[0] == 0
    save(tmp_path, 5, keep=1)
    assert load(tmp_path) == (5, [])


def test_a_page_goes_before_its_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other way round, a kill in between would leave a page that counts and has nothing to go on from."""
    for step in (5, 10):
        save(tmp_path, step)
    gone: list[str] = []
    remove = Location.remove

    def noted(place: Location) -> None:
        gone.append(place.name)
        remove(place)

    monkeypatch.setattr(Location, "remove", noted)
    save(tmp_path, 15, keep=1)
    for step in (5, 10):
        assert gone.index(f"{step:09d}.json") < gone.index(f"{step:09d}-00000.safetensors")


def cut_page(folder: Path) -> None:
    page = folder / "000000010.json"
    page.write_bytes(page.read_bytes()[:40])


def flip_page(folder: Path) -> None:
    page = folder / "000000010.json"
    data = json.loads(page.read_text())
    data["position"]["step"] = 11
    page.write_text(json.dumps(data))


def unreadable_page(folder: Path) -> None:
    (folder / "000000010.json").write_bytes(b"\xff\xfe\x00")


def cut_tensors(folder: Path) -> None:
    tensors = folder / "000000010-00000.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1])


def flip_tensors(folder: Path) -> None:
    tensors = folder / "000000010-00000.safetensors"
    data = bytearray(tensors.read_bytes())
    data[-2] ^= 4
    tensors.write_bytes(data)


def lose_tensors(folder: Path) -> None:
    (folder / "000000010-00000.safetensors").unlink()


@pytest.mark.parametrize(
    "damage", [cut_page, flip_page, unreadable_page, cut_tensors, flip_tensors, lose_tensors], ids=lambda f: f.__name__
)
def test_a_damaged_one_is_passed_over_for_the_one_before(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    save(tmp_path, 5)
    save(tmp_path, 10)
    damage(tmp_path / "checkpoints")
    step, notes = load(tmp_path)
    assert step == 5
    assert len(notes) == 1
    assert "000000010" in notes[0]


def test_tensors_without_their_page_do_not_count_and_are_cleared(tmp_path: Path) -> None:
    save(tmp_path, 5)
    (tmp_path / "checkpoints/000000010-00000.safetensors").write_bytes(b"killed between the two writes")
    assert load(tmp_path) == (5, [])
    save(tmp_path, 6)
    assert not (tmp_path / "checkpoints/000000010-00000.safetensors").exists()


def test_a_checkpoint_of_another_run_is_not_taken(tmp_path: Path) -> None:
    save(tmp_path, 5)
    found, notes = find_checkpoint(Location(str(tmp_path)), "another plan", Alone())
    assert found is None
    assert "another run" in notes[0]


class Scripted(Alone):
    """The first of two workers, whose other one adds what is written down: to each sum, in turn."""

    size = 2

    def __init__(self, *others: list[float]) -> None:
        super().__init__()
        self.others = iter(others)

    def sum(self, values: list[float]) -> list[float]:
        other = next(self.others, [0.0] * len(values))
        return [one + more for one, more in zip(values, other, strict=True)]


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.training.checkpoint.SECONDS_BETWEEN_LOOKS", 0.0)


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize("lost", ["000000010.json", "000000010-00000.safetensors"])
def test_what_is_dropped_while_it_is_found_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Another command drops it, and has written a later one: that is gone on from, and no one is told of damage."""
    save(tmp_path, 5)
    save(tmp_path, 10)
    read = Location.read_bytes

    def drop_then_read(place: Location) -> bytes:
        if place.name == lost:
            monkeypatch.undo()
            save(tmp_path, 15, keep=1)
        return read(place)

    monkeypatch.setattr(Location, "read_bytes", drop_then_read)
    assert load(tmp_path) == (15, [])


@pytest.mark.usefixtures("no_pause")
def test_workers_that_do_not_find_the_same_are_told(tmp_path: Path) -> None:
    """The other one finds no page at all, each time."""
    save(tmp_path, 5)
    with pytest.raises(ModelError, match="the workers found different checkpoints"):
        find_checkpoint(Location(str(tmp_path)), PLAN, Scripted())


@pytest.mark.usefixtures("no_pause")
def test_a_page_that_another_worker_never_finds_is_told_and_the_one_before_is_not_taken(tmp_path: Path) -> None:
    """Both have pages; the other one finds nothing of the last, at every look."""
    save(tmp_path, 5)
    save(tmp_path, 10)
    is_wrong, is_gone = [[1.0]], [[1.0]]
    a_look = [[1.0], [0.0], [0.0] * 2, [0.0], [0.0], *is_wrong, *is_gone]
    with pytest.raises(ModelError, match="the workers found different checkpoints"):
        find_checkpoint(Location(str(tmp_path)), PLAN, Scripted(*a_look * 100))


@pytest.mark.usefixtures("no_pause")
def test_one_that_another_worker_finds_otherwise_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    """Two commands with other numbers of workers have written it, one after the other."""
    save(tmp_path, 5)
    save(tmp_path, 10)
    is_wrong, is_gone = [[1.0]], [[0.0]]
    a_look = [[1.0], [0.0], [0.0] * 2, [0.0], [0.0], *is_wrong, *is_gone]
    found, notes = find_checkpoint(Location(str(tmp_path)), PLAN, Scripted(*a_look))
    assert found is not None
    assert found.position.step == 5
    assert len(notes) == 1
    assert "another worker found this checkpoint otherwise" in notes[0]


def test_nothing_there_is_no_error(tmp_path: Path) -> None:
    assert load(tmp_path) == (0, [])


def test_checkpoints_stand_wherever_fsspec_reaches() -> None:
    run = Location("memory://checkpoints-test")
    save_checkpoint(run, position(4), {"model.w": torch.ones(2)}, 1, Alone())
    found, _ = find_checkpoint(run, PLAN, Alone())
    assert found is not None
    into = {"model.w": torch.zeros(2)}
    load_tensors(run / FOLDER, found.tensors, into, Alone())
    assert torch.equal(into["model.w"], torch.ones(2))
    run.remove_folder()
