"""A run that is killed within any attempt goes on within it: the same rows, the same failures, little drawn twice."""

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

import pipeline.generation.shard as shard
from models.sampling.state import State
from pipeline.errors import DisagreementError
from pipeline.generation.accept.attempts_snapshots import AttemptsKept
from pipeline.generation.accept.config import AcceptConfig
from pipeline.generation.accept.duplicates import verdicts
from pipeline.generation.canary import Canary
from pipeline.generation.columns import BITS
from pipeline.generation.config import GenerateConfig
from pipeline.generation.plan import PlannedItem
from pipeline.generation.shard import Drawing, generate_shard, read_rows, redraw_shard
from pipeline.generation.snapshots import FOLDER, Snapshots, packed, snapshots_of
from pipeline.model_folder import ExportedModel
from pipeline.shards.commit import Commit, Failure, commit_file, shard_file
from pipeline.shards.plan import ShardPlan
from pipeline.shards.writer import parquet_bytes
from pipeline.storage import Location
from tests.pipeline.generation.test_snapshots import ALWAYS, PICTURES, Killed, Watch, place_in, plan_of
from tests.pipeline.generation.tiny_scales import save_multiscale

TORCH = replace(ALWAYS, sampler="torch")
SPEECH = [
    '{"count": 9, "speaker": "ann", "emotion": "glad", "phones": [["a", 0.021], ["sil", 0.012]]}',
    '{"count": 8, "seed": 1, "speaker": "ann", "emotion": "glad", "phones": [["b", 0.04]]}',
]
SCALES = ['{"label": "1", "count": 9}']

Plan = ShardPlan[PlannedItem]


@pytest.fixture(autouse=True)
def short_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.sampling.fused_waveforms.LONGEST_SPAN", 7)
    for module in ("cached", "draws"):
        monkeypatch.setattr(f"models.sampling.{module}.PROGRESS_EVERY", 7)


@pytest.fixture(scope="module")
def scales_model(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    return save_multiscale(Location(str(tmp_path_factory.mktemp("scales"))))


CASES = {
    "speech": ("speech_model", SPEECH, ALWAYS),
    "speech by torch": ("speech_model", SPEECH, TORCH),
    "pictures": ("digit_model", PICTURES, ALWAYS),
    "pictures by torch": ("digit_model", PICTURES, TORCH),
    "scales": ("scales_model", SCALES, ALWAYS),
}


class Asked:
    """A shard of which half of all draws are rejected: its plan, and the undisturbed run."""

    def __init__(self, folder: Location, lines: list[str], exported: ExportedModel, config: GenerateConfig) -> None:
        rare = replace(config, snapshot_every_s=1e9)
        generate_shard(folder / "open", plan_of(lines, exported, rare), exported, rare)
        bits = sorted(row[BITS[exported.info.conventions.kind]] for row in read_rows(folder / "open", "000000"))
        accept = AcceptConfig(bits=(0, bits[len(bits) // 2]), max_attempts=50)
        self.folder, self.exported, self.config = folder, exported, replace(config, accept=accept)
        self.plan, self.calm = plan_of(lines, exported, self.config), Watch()
        self.whole = self.made("calm", self.calm, replace(self.config, snapshot_every_s=1e9))
        assert max(name.count(".") for name in ids(self.whole.failures)) == 1, "some were drawn again and again"

    def made(self, name: str, watch: Watch, config: GenerateConfig | None = None) -> Commit:
        return generate_shard(self.folder / name, self.plan, self.exported, config or self.config, watch)

    def check(self, name: str, commit: Commit) -> None:
        """It is the undisturbed run's, byte by byte, and nothing is left over."""
        assert commit.failures == self.whole.failures
        assert (commit.sha256, commit.tally, commit.notes) == (self.whole.sha256, self.whole.tally, self.whole.notes)
        file = shard_file(self.plan.name)
        assert (self.folder / name / file).read_bytes() == (self.folder / "calm" / file).read_bytes()
        assert (self.folder / name / FOLDER).names() == []


def ids(failures: tuple[Failure, ...]) -> list[str]:
    return [failure.item_id for failure in failures]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
@pytest.mark.parametrize("name", CASES)
def test_killed_again_and_again_it_ends_with_the_same(
    folder: Location, request: pytest.FixtureRequest, name: str, seed: int
) -> None:
    """Where a snapshot is written after every span, each goes on with the very next one, whichever attempt it is of."""
    model, lines, config = CASES[name]
    asked = Asked(folder, lines, request.getfixturevalue(model), config)
    chance, done = random.Random(seed), 0
    while len(asked.calm.told) - done > 3:
        watch = Watch(chance.randint(2, max(3, (len(asked.calm.told) - done) // 3)))
        with pytest.raises(Killed):
            asked.made("killed", watch)
        assert watch.told == asked.calm.told[done:][: watch.kill_at]
        done += watch.kill_at - 1
    commit = asked.made("killed", watch := Watch())
    assert watch.told == asked.calm.told[done:]
    assert 0 < commit.run["went_on_from_levels"] <= watch.told[0]
    assert "snapshot_passed_over" not in commit.run
    asked.check("killed", commit)


def by_the_clock(watch: Watch, every_s: float) -> Callable[..., Snapshots]:
    """Snapshots by a clock that goes a second a span."""

    def made(*given: Any) -> Snapshots:
        snapshots = snapshots_of(*given)
        snapshots.every_s, snapshots.clock = every_s, lambda: float(len(watch.told))
        snapshots.taken_at = snapshots.asked_at = snapshots.clock()
        return snapshots

    return made


@pytest.mark.parametrize("every_s", [4, 9])
def test_no_more_is_lost_than_was_drawn_within_the_interval_in_any_attempt(
    folder: Location, digit_model: ExportedModel, monkeypatch: pytest.MonkeyPatch, every_s: float
) -> None:
    """Also where each attempt is shorter than the interval."""
    asked = Asked(folder, PICTURES, digit_model, ALWAYS)
    num_spans = len(asked.calm.told)
    assert num_spans > 2 * every_s
    for kill_at in range(1, num_spans + 1, 3):
        name, watch, again = f"killed-{kill_at}", Watch(kill_at), Watch()
        monkeypatch.setattr(shard, "snapshots_of", by_the_clock(watch, every_s))
        with pytest.raises(Killed):
            asked.made(name, watch)
        monkeypatch.setattr(shard, "snapshots_of", by_the_clock(again, every_s))
        commit = asked.made(name, again)
        kept = num_spans - len(again.told)
        assert again.told == asked.calm.told[kept:]
        assert kill_at - kept <= every_s
        asked.check(name, commit)


class Compared:
    """In place of a canary: counts the attempts, and kills after so many."""

    def __init__(self, kill_at: int = -1) -> None:
        self.num_items: list[int] = []
        self.kill_at = kill_at

    def compare(self, items: Sequence[PlannedItem], *_: Any, of_others: bool) -> int:
        if of_others:
            return 0  # what another process had come to
        self.num_items.append(len(items))
        if len(self.num_items) == self.kill_at:
            raise Killed
        return 0


def test_attempts_are_kept_between_them_too(
    folder: Location, digit_model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is only after the last span of each, while its rows are judged, that a snapshot falls due."""
    asked = Asked(folder, PICTURES, digit_model, ALWAYS)
    monkeypatch.setattr(AttemptsKept, "is_due", lambda kept: False)

    def made(name: str, canary: Any) -> Commit:
        drawing = Drawing(folder / name, asked.plan, digit_model, asked.config, canary=canary)
        return shard.draw_from_the_first(drawing)

    made("whole", whole := Compared())
    for kill_at in range(2, len(whole.num_items)):
        with pytest.raises(Killed):
            made(f"killed-{kill_at}", Compared(kill_at))
        commit = made(f"killed-{kill_at}", again := Compared())
        assert again.num_items == whole.num_items[kill_at - 1 :]
        asked.check(f"killed-{kill_at}", commit)


def test_a_redraw_goes_on_too(folder: Location, digit_model: ExportedModel) -> None:
    """Of near-duplicates; the rows that are copied are no levels of its own."""
    config = replace(ALWAYS, accept=AcceptConfig(against="items", same_bits=8, max_attempts=50))
    plan, calm = plan_of(PICTURES, digit_model, config), Watch()
    for name in ("calm", "killed"):
        generate_shard(folder / name, plan, digit_model, config)
    duplicates = verdicts(folder / "calm", [plan.name], config.accept)[plan.name].near
    whole = redraw_shard(Drawing(folder / "calm", plan, digit_model, config, calm), duplicates)
    assert max(calm.told) <= 60 * len(duplicates)
    standing = (folder / "killed" / commit_file(plan.name)).read_bytes()
    for done in range(len(calm.told)):
        (folder / "killed" / commit_file(plan.name)).write_bytes(standing)
        watch = Watch(2)
        if done + 1 < len(calm.told):
            with pytest.raises(Killed):
                redraw_shard(Drawing(folder / "killed", plan, digit_model, config, watch), duplicates)
        else:
            found = redraw_shard(Drawing(folder / "killed", plan, digit_model, config, watch), duplicates)
        assert watch.told == calm.told[done : done + 2]
    assert (found.sha256, found.failures) == (whole.sha256, whole.failures)


@pytest.fixture
def killed_late(folder: Location, digit_model: ExportedModel) -> Asked:
    """A shard that was killed in a later attempt."""
    asked = Asked(folder, PICTURES, digit_model, ALWAYS)
    with pytest.raises(Killed):
        asked.made("killed", Watch(len(asked.calm.told) - 1))
    return asked


def without_rows(state: State) -> State:
    tensors = {name: tensor for name, tensor in state.tensors.items() if name != "before.rows"}
    return State(tensors, state.facts)


def of_cut_rows(state: State) -> State:
    return State(state.tensors | {"before.rows": state.tensors["before.rows"][:50]}, state.facts)


def of_other_places(state: State) -> State:
    return State(state.tensors, state.facts | {"before": state.facts["before"] | {"places": [0]}})


@pytest.mark.parametrize("change", [without_rows, of_cut_rows, of_other_places])
def test_a_state_of_other_attempts_is_passed_over(killed_late: Asked, change: Callable[[State], State]) -> None:
    place = place_in(killed_late.folder / "killed")
    snapshots = snapshots_of(
        killed_late.folder / "killed", killed_late.plan, killed_late.exported.info, killed_late.config
    )
    state = snapshots.find()
    assert state is not None
    assert "before" in state.facts
    place.write_bytes(packed(change(state), snapshots.identity))
    commit = killed_late.made("killed", watch := Watch())
    assert watch.told == killed_late.calm.told
    assert commit.run["snapshot_passed_over"].startswith("it is not a state of these attempts")
    assert "went_on_from_levels" not in commit.run
    killed_late.check("killed", commit)


def test_where_the_sampler_cannot_go_on_the_attempts_before_it_are_kept(killed_late: Asked) -> None:
    place = place_in(killed_late.folder / "killed")
    snapshots = snapshots_of(
        killed_late.folder / "killed", killed_late.plan, killed_late.exported.info, killed_late.config
    )
    state = snapshots.find()
    assert state is not None
    place.write_bytes(packed(State(state.tensors, state.facts | {"underway": {"part": 7}}), snapshots.identity))
    commit = killed_late.made("killed", watch := Watch())
    assert len(watch.told) < len(killed_late.calm.told) / 2
    assert commit.run["snapshot_passed_over"].startswith("it is not a state of these items")
    killed_late.check("killed", commit)


def test_an_actor_that_is_wrong_leaves_nothing_to_go_on_from(killed_late: Asked) -> None:
    class Wrong:
        def compare(self, *_: Any, of_others: bool) -> int:
            raise DisagreementError("2 is not 3")

    assert place_in(killed_late.folder / "killed").exists()
    drawing = Drawing(
        killed_late.folder / "killed",
        killed_late.plan,
        killed_late.exported,
        killed_late.config,
        canary=Wrong(),  # type: ignore[arg-type]
    )
    with pytest.raises(DisagreementError):
        shard.draw_from_the_first(drawing)
    assert (killed_late.folder / "killed" / FOLDER).names() == []


def test_accepted_rows_of_a_wrong_process_are_found_by_the_one_that_takes_them_over(killed_late: Asked) -> None:
    """It has been compared already and would not be again for long; all is drawn anew, and nobody is put out."""
    folder, asked = killed_late.folder / "killed", killed_late
    snapshots = snapshots_of(folder, asked.plan, asked.exported.info, asked.config)
    state = snapshots.find()
    assert state is not None
    table = pq.read_table(io.BytesIO(state.tensors["before.rows"].numpy().tobytes()))
    rows = [{**row, "nll_nats": row["nll_nats"] + 9} for row in table.to_pylist()]
    data = parquet_bytes(rows, asked.exported.info.conventions)
    lies = {"before.rows": torch.frombuffer(bytearray(data), dtype=torch.uint8)}
    place_in(folder).write_bytes(packed(State(state.tensors | lies, state.facts), snapshots.identity))
    canary = Canary(asked.exported, replace(asked.config, canary_one_in=10**9))
    canary.num_unproven = 0
    commit = generate_shard(folder, asked.plan, asked.exported, asked.config, watch := Watch(), canary)
    assert watch.told == asked.calm.told
    assert "is not the model's" in commit.run["snapshot_passed_over"]
    asked.check("killed", commit)
