"""`ancestral plan`: what it prints, what it refuses, and that it leaves nothing behind."""

import io
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

import jobs.plan_generate as subject
from jobs.cluster import RunningCluster
from jobs.generation_work import Work, checked_work
from jobs.plan_page import refuse_full_disk, size
from jobs.plan_prepare import plan_prepare
from jobs.plan_train import Watch, plan_train
from jobs.recipes import Recipe
from jobs.sampler import Sampler
from pipeline.errors import ConfigError, RequestError, StorageError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.memory import measured
from pipeline.generation.probe import Probe
from pipeline.preparation.config import PrepareConfig, SpeechConfig
from pipeline.shards.dataset import claim
from pipeline.shards.writer import write_shard
from pipeline.storage import Location
from tests.jobs.builders import write_tones
from tests.pipeline.generation.tiny_models import SPEECH, save_tiny
from tests.pipeline.generation.tiny_scales import save_multiscale
from tests.pipeline.shards.dataset_builders import audio_row
from tests.pipeline.training.datasets import audio_dataset
from tests.pipeline.training.runs import TRAINING, WAVENET

ROOM = RunningCluster("local", 2, 0)

PROBE = Probe(levels_per_s=50_000, bytes_per_level=0.5, lane_bytes=2**20, levels_at_peak=200_000, load_s=0.1)


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield
    assert list((tmp_path / "temporary").glob("ancestral-plan-*")) == []


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Location:
    return save_tiny(Location(str(tmp_path_factory.mktemp("model"))), "audio", SPEECH).folder


def work(model: Location, folder: Path, count: int = 1000, **settings: Any) -> Work:
    line = f'{{"count": {count}, "speaker": "ann", "emotion": "glad", "phones": [["a", 1.0]]}}\n'
    (folder / "requests.jsonl").write_text(line)
    places = model, Location(str(folder / "out")), Location(str(folder / "requests.jsonl"))
    return checked_work(*places, GenerateConfig(**settings), Console(file=io.StringIO()))


def planned(work: Work, begun: float | None = None) -> tuple[float, str]:
    said = io.StringIO()
    began = time.monotonic() if begun is None else begun
    return subject.plan_generate(work, 0.0, began, ROOM, Console(file=said, width=100)), said.getvalue()


def test_a_generation_is_what_was_measured_times_what_is_asked_for(
    model: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "probe_on_actors", lambda work, num_actors, seconds: [PROBE] * num_actors)
    took_s, said = planned(work(model, tmp_path, price_per_hour=3600.0), time.monotonic() - 5)
    assert took_s == pytest.approx(5 + 1_000_000 / 100_000, abs=0.5)
    for part in (
        "1,000,000",
        "100,000 timesteps/s, 25% of peak",
        "488.3 KiB",
        "15 s (15 s)",
        "15.0",
        "1.0 MiB",
        "16.0 MiB",
    ):
        assert part in said
    assert not (tmp_path / "out").exists()


def test_where_each_scale_has_its_actors_the_plan_says_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "probe_on_actors", lambda work, num_actors, seconds: [PROBE] * num_actors)
    multiscale = save_multiscale(Location(str(tmp_path / "model"))).folder
    (tmp_path / "requests.jsonl").write_text('{"count": 100, "label": "1"}\n')
    places = multiscale, Location(str(tmp_path / "out")), Location(str(tmp_path / "requests.jsonl"))
    for num_actors, shown in ((1, "1"), (2, "1 + 1 + 2, a pool for each scale")):
        config = GenerateConfig(num_actors=num_actors, items_per_shard=10)
        _, said = planned(checked_work(*places, config, Console(file=io.StringIO())))
        (line,) = [line for line in said.splitlines() if line.strip(" │").startswith("actors")]
        assert line.split("actors")[1].strip(" │") == shown


def test_limits_that_end_it_early_are_told(model: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "probe_on_actors", lambda work, num_actors, seconds: [PROBE] * num_actors)
    assert "would stop after 5 s, with about 50% of the items" in planned(work(model, tmp_path, stop_after_s=5.0))[1]
    assert "would stop" not in planned(work(model, tmp_path))[1]


def test_what_does_not_fit_is_refused(model: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Location(str(tmp_path / "not/yet/there"))
    refuse_full_disk(here, 1000)
    with pytest.raises(StorageError, match=r"takes about 931,322,574.6 GiB, and .* are free there"):
        refuse_full_disk(here, 1e18)
    refuse_full_disk(Location("s3://bucket/out"), 1e18)
    monkeypatch.setattr("pipeline.generation.memory.available_bytes", lambda: 100_000)
    wanted = work(model, tmp_path)
    with pytest.raises(ConfigError, match=r"lanes of .* MiB take"):
        Sampler(wanted.model, wanted.out, wanted.config).probe(list(wanted.plans()), 0.1, wanted.longest)


def test_an_item_that_does_not_fit_is_refused_also_where_it_comes_late(
    model: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plans that are probed have short ones alone."""
    (tmp_path / "requests.jsonl").write_text(
        '{"count": 40, "speaker": "ann", "emotion": "glad", "phones": [["a", 0.01]]}\n'
        '{"count": 1, "speaker": "ann", "emotion": "glad", "phones": [["a", 60.0]]}\n'
    )
    places = model, Location(str(tmp_path / "out")), Location(str(tmp_path / "requests.jsonl"))
    config = GenerateConfig(items_per_shard=10, sampler="torch", max_timesteps=10**6)
    wanted = checked_work(*places, config, Console(file=io.StringIO()))
    first, sampler = list(wanted.plans())[:1], Sampler(wanted.model, wanted.out, wanted.config)
    assert wanted.longest == 60_000
    room = 4 * config.num_lanes * measured(sampler.exported.model, (10_000,), None) * (config.num_actors + 1)
    monkeypatch.setattr("pipeline.generation.memory.available_bytes", lambda: room)
    assert sampler.probe(first, 0.0, 10).lane_bytes > 0
    with pytest.raises(ConfigError, match=r"lanes of .* MiB take"):
        sampler.probe(first, 0.0, wanted.longest)


def test_what_stands_already_is_not_planned_again(
    model: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "probe_on_actors", lambda work, num_actors, seconds: [PROBE] * num_actors)
    wanted = work(model, tmp_path, count=96, items_per_shard=8, num_lanes=8)
    took_s, said = planned(wanted)
    assert "stand already" not in said
    claim(wanted.out, "generate", wanted.settings, {})
    plans = list(wanted.plans())
    for plan in plans[: len(plans) // 2]:
        rows = [audio_row(item.item_id, bytes(1000)) for item in plan.entries]
        write_shard(wanted.out, plan, rows, [], wanted.info.conventions)
    less_s, said = planned(wanted)
    assert "48 items" in said
    assert less_s == pytest.approx(took_s / 2, abs=0.2)


@pytest.mark.parametrize("verb", ["prepare", "train"])
def test_what_has_no_room_where_it_would_go_is_refused_by_each_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=10))
    out, console = Location(str(tmp_path / "out")), Console(file=io.StringIO())
    if verb == "train":
        audio_dataset(tmp_path / "corpus")
        planned_with = partial(plan_train, Location(str(tmp_path / "corpus")), Recipe(WAVENET, TRAINING), (0.3, 0.0))
    else:
        write_tones(tmp_path / "corpus", 20)
        config = PrepareConfig(speech=SpeechConfig(phones="off"))
        planned_with = partial(plan_prepare, Location(str(tmp_path / "corpus")), config, (10.0, 0.0), ROOM)
    with pytest.raises(StorageError, match=r"takes about .* and 10 bytes are free there"):
        planned_with(console, out)


def test_a_preparation_is_measured_on_items_of_its_own(tmp_path: Path) -> None:
    write_tones(tmp_path / "corpus", 20)
    said = io.StringIO()
    config = PrepareConfig(speech=SpeechConfig(phones="off"))
    corpus = Location(str(tmp_path / "corpus"))
    took_s = plan_prepare(corpus, config, (10.0, 0.0), ROOM, Console(file=said, width=100))
    assert 0 < took_s < 10
    for part in ("items", "20", "fsdd", "4 s", "workers"):
        assert part in said.getvalue()
    assert "cost" not in said.getvalue()


def test_a_training_is_measured_by_its_own_steps(tmp_path: Path) -> None:
    audio_dataset(tmp_path / "data")
    said = io.StringIO()
    recipe = Recipe(WAVENET, TRAINING, num_workers=2)
    took_s = plan_train(Location(str(tmp_path / "data")), recipe, (0.3, 2.0), Console(file=said, width=100))
    assert took_s > 0
    for part in ("steps", "8", "a step", "weights", "cost", "2 workers which do not slow"):
        assert part in said.getvalue()


def test_the_first_steps_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two slow steps, then three of 2 s."""
    clock = iter([100.0, 200.0, 202.0, 204.0, 206.0])
    monkeypatch.setattr("jobs.plan_train.time.perf_counter", lambda: next(clock))
    watch = Watch(5.0)
    assert [watch.stop_asked(step) for step in range(1, 6)] == [False] * 4 + [True]
    assert watch.step_s == 2.0


def test_bytes_as_people_say_them() -> None:
    assert [size(number) for number in (12, 2048, 3 * 2**20, 2**33)] == ["12 bytes", "2.0 KiB", "3.0 MiB", "8.0 GiB"]


def test_more_shards_than_a_run_can_count_are_refused_at_once(model: Location, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"9,000,000,000,000,000,000 items, which are .* shards, and a run has"):
        work(model, tmp_path, count=9 * 10**18)
    assert not (tmp_path / "out").exists()
