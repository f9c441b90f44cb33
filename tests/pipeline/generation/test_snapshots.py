"""A shard that is interrupted goes on from its last snapshot, and its bytes are those of one that was not."""

import pickle
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import safetensors.torch
import torch

from models.sampling.state import State
from pipeline.errors import StorageError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawing import draw_items
from pipeline.generation.plan import PlannedItem, shard_plans
from pipeline.generation.shard import generate_shard
from pipeline.generation.snapshots import FOLDER, Snapshots, drop_snapshots, packed, snapshots_of
from pipeline.model_folder import ExportedModel
from pipeline.shards.commit import Commit, shard_file
from pipeline.shards.dataset import claim, finish
from pipeline.shards.plan import ShardPlan, numbered
from pipeline.shards.verify import verify_folder
from pipeline.storage import Location
from tests.pipeline.generation.test_shard import DRAWN, SPOKEN, TRUNCATED, requests_of

ALWAYS = GenerateConfig(snapshot_every_s=1e-9, num_lanes=8, items_per_shard=100)
SPEECH = [SPOKEN[0].replace('"count": 2', '"count": 9'), *SPOKEN[1:], TRUNCATED.replace('"count": 2', '"count": 9')]
PICTURES = [DRAWN[0].replace('"count": 2', '"count": 9'), *DRAWN[1:]]


class Killed(Exception):
    """In place of SIGKILL: nothing that it passes on its way is there to clear up."""


class Watch:
    """Keeps what it is told, and kills at the call of this number."""

    def __init__(self, kill_at: int = -1) -> None:
        self.told: list[int] = []
        self.kill_at = kill_at

    def __call__(self, num_levels: int) -> None:
        self.told.append(num_levels)
        if len(self.told) == self.kill_at:
            raise Killed


@pytest.fixture(autouse=True)
def short_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.sampling.fused_waveforms.LONGEST_SPAN", 7)
    for module in ("cached", "draws"):
        monkeypatch.setattr(f"models.sampling.{module}.PROGRESS_EVERY", 7)


def plan_of(lines: list[str], exported: ExportedModel, config: GenerateConfig = ALWAYS) -> ShardPlan[PlannedItem]:
    return next(shard_plans(requests_of(lines, exported), exported.info.digest, config))


CASES = {
    "speech": (SPEECH, ALWAYS),
    "speech by torch": (SPEECH, replace(ALWAYS, sampler="torch")),
    "pictures": (PICTURES, ALWAYS),
    "pictures by torch": (PICTURES, replace(ALWAYS, sampler="torch")),
}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
@pytest.mark.parametrize("name", CASES)
def test_killed_again_and_again_it_ends_with_the_same_bytes(
    folder: Location, speech_model: ExportedModel, digit_model: ExportedModel, name: str, seed: int
) -> None:
    lines, config = CASES[name]
    exported = speech_model if lines == SPEECH else digit_model
    plan, calm = plan_of(lines, exported, config), Watch()
    whole = generate_shard(folder / "calm", plan, exported, replace(config, snapshot_every_s=1e9), calm)
    chance, done = random.Random(seed), 0
    while len(calm.told) - done > 3:
        watch = Watch(chance.randint(2, (len(calm.told) - done) // 2 + 1))
        with pytest.raises(Killed):
            generate_shard(folder / "killed", plan, exported, config, watch)
        assert watch.told == calm.told[done:][: watch.kill_at]
        done += watch.kill_at - 1  # the span that it was killed after was not written any more
    again = generate_shard(folder / "killed", plan, exported, config, watch := Watch())
    assert watch.told == calm.told[done:]
    assert again.run["went_on_from_levels"] == calm.told[done - 1]
    assert again.sha256 == whole.sha256
    assert (folder / "killed" / shard_file(plan.name)).read_bytes() == (
        folder / "calm" / shard_file(plan.name)
    ).read_bytes()
    assert "went_on_from_levels" not in whole.run
    assert (folder / "killed" / FOLDER).names() == []


@pytest.mark.parametrize(("kill_at", "every_s", "kept"), [(15, 4, 12), (16, 4, 12), (17, 4, 16), (9, 100, 0)])
def test_no_more_is_lost_than_was_drawn_within_the_interval(
    folder: Location, speech_model: ExportedModel, kill_at: int, every_s: float, kept: int
) -> None:
    """By a clock that goes a second a span."""
    items, config = plan_of(SPEECH, speech_model).entries, replace(ALWAYS, sampler="torch")
    watch, again, calm = Watch(kill_at), Watch(), Watch()
    first = Snapshots(folder, "a", {}, every_s, lambda: float(len(watch.told)))
    with pytest.raises(Killed):
        draw_items(items, speech_model, config, watch, first)
    draw_items(items, speech_model, config, again, Snapshots(folder, "a", {}, every_s))
    draw_items(items, speech_model, config, calm)
    assert kill_at - kept <= every_s
    assert again.told == calm.told[kept:]


def flipped(place: int) -> Callable[[bytes], bytes]:
    def flip(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[place] ^= 1
        return bytes(changed)

    return flip


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "a bit of the header": flipped(40),
    "a bit of the tensors": flipped(-1),
    "a pickle": lambda data: pickle.dumps({"lanes": 3}),
    "another safetensors": lambda data: safetensors.torch.save({"a": torch.zeros(2)}),
}


@pytest.fixture(scope="module")
def killed(speech_model: ExportedModel, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str, int]:
    """A snapshot, and the checksum and the number of levels of the shard that it is of."""
    folder, plan = Location(str(tmp_path_factory.mktemp("killed"))), plan_of(SPOKEN, speech_model)
    with pytest.raises(Killed):
        generate_shard(folder, plan, speech_model, ALWAYS, Watch(4))
    commit = generate_shard(folder / "calm", plan, speech_model, ALWAYS)
    return place_in(folder).read_bytes(), commit.sha256, commit.tally.num_levels["train"]


def place_in(folder: Location) -> Location:
    """Where the first shard's snapshot lies."""
    return folder / FOLDER / f"{numbered(0)}.safetensors"


def gone_on_with(data: bytes, folder: Location, exported: ExportedModel) -> tuple[Commit, int]:
    """The shard made beside a snapshot; and how far it was when it first told."""
    place_in(folder).write_bytes(data)
    watch = Watch()
    commit = generate_shard(folder, plan_of(SPOKEN, exported), exported, ALWAYS, watch)
    assert (folder / FOLDER).names() == []
    return commit, watch.told[0]


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_one_is_passed_over(
    folder: Location, speech_model: ExportedModel, killed: tuple[bytes, str, int], name: str
) -> None:
    commit, _ = gone_on_with(DAMAGE[name](killed[0]), folder, speech_model)
    assert commit.sha256 == killed[1]
    assert commit.run["snapshot_passed_over"].startswith("damaged")
    assert "went_on_from_levels" not in commit.run


@pytest.mark.parametrize("name", ["format_version", "plan_digest", "model_digest", "code_digest", "torch", "paths"])
def test_one_of_another_run_is_passed_over(
    folder: Location, speech_model: ExportedModel, killed: tuple[bytes, str, int], name: str
) -> None:
    snapshots = snapshots_of(folder, plan_of(SPOKEN, speech_model), speech_model.info, ALWAYS)
    place_in(folder).write_bytes(killed[0])
    state = snapshots.find()
    assert state is not None
    commit, _ = gone_on_with(packed(state, snapshots.identity | {name: "other"}), folder, speech_model)
    assert commit.sha256 == killed[1]
    assert commit.run["snapshot_passed_over"] == f"of another run: its {name} differs"


def of_nothing(state: State) -> State:
    return State()


def of_other_lanes(state: State) -> State:
    return State({name: tensor[:1] for name, tensor in state.tensors.items()}, state.facts)


def of_a_later_part(state: State) -> State:
    return State(state.tensors, state.facts | {"part": 7})


@pytest.mark.parametrize("change", [of_nothing, of_other_lanes, of_a_later_part])
def test_a_state_of_something_else_is_passed_over(
    folder: Location,
    speech_model: ExportedModel,
    killed: tuple[bytes, str, int],
    change: Callable[[State], State],
) -> None:
    snapshots = snapshots_of(folder, plan_of(SPOKEN, speech_model), speech_model.info, ALWAYS)
    place_in(folder).write_bytes(killed[0])
    state = snapshots.find()
    assert state is not None
    commit, _ = gone_on_with(packed(change(state), snapshots.identity), folder, speech_model)
    assert commit.sha256 == killed[1]
    assert commit.run["snapshot_passed_over"].startswith("it is not a state of these items")


def test_where_storage_refuses_the_run_goes_on_without(
    folder: Location, speech_model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(place: Location, data: bytes, plain: Any = Location.write_bytes) -> None:
        if FOLDER in place.uri:
            raise StorageError("the disk is full")
        plain(place, data)

    monkeypatch.setattr(Location, "write_bytes", refuse)
    commit = generate_shard(folder, plan_of(SPOKEN, speech_model), speech_model, ALWAYS)
    assert commit.run["snapshot_not_written"] == "the disk is full"


def test_of_a_shard_that_another_actor_has_made_none_is_written(folder: Location, speech_model: ExportedModel) -> None:
    plan, other = plan_of(SPOKEN, speech_model), plan_of(SPOKEN[:1], speech_model)
    assert generate_shard(folder, plan, speech_model, ALWAYS).run["num_snapshots"] > 1

    def looked(num_levels: int) -> None:
        assert not place_in(folder).exists()

    generate_shard(folder, plan, speech_model, ALWAYS, looked)
    assert generate_shard(folder, other, speech_model, ALWAYS).run["num_snapshots"] > 1


def test_what_is_left_over_is_no_part_of_a_dataset(folder: Location, speech_model: ExportedModel) -> None:
    claim(folder, "generate", {})
    plan = plan_of(SPOKEN, speech_model)
    commit = generate_shard(folder, plan, speech_model, replace(ALWAYS, snapshot_every_s=60))
    assert "num_snapshots" not in commit.run
    place_in(folder).write_bytes(b"of a worker that was lost")
    finish(folder, [plan.name], speech_model.info.conventions, {})
    assert list(verify_folder(folder)) == []
    drop_snapshots(folder)
    drop_snapshots(folder)
    assert not (folder / FOLDER).exists()


def test_the_interval_is_checked() -> None:
    with pytest.raises(ValueError, match="snapshot_every_s must be above 0, got 0"):
        GenerateConfig(snapshot_every_s=0)
