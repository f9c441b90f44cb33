"""What is told elsewhere: a sink that fails is left out, one run there is one run here."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.errors import MissingExtra
from pipeline.storage import Location
from pipeline.training.sinks import Sinks, as_picture, open_sink, plain_name


class Failing:
    """A sink whose server is gone."""

    def __init__(self) -> None:
        self.num_calls = 0

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self.num_calls += 1
        raise ConnectionError("no route to host")


def test_a_sink_that_fails_is_left_out_and_said_once() -> None:
    notes: list[str] = []
    failing: Any = Failing()
    heard: list[int] = []
    sound: Any = SimpleNamespace(scalars=lambda step, values: heard.append(step))
    sinks = Sinks({"wandb": failing, "tensorboard": sound}, notes.append)
    for step in (1, 2, 3):
        sinks.tell(lambda sink, step=step: sink.scalars(step, {}))  # type: ignore[misc]
    assert failing.num_calls == 1
    assert heard == [1, 2, 3]
    assert notes == ["wandb takes nothing any more (ConnectionError: no route to host); the training goes on."]


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_sink_whose_package_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"pipeline.training.sinks.{name}", raising=False)
    with pytest.raises(MissingExtra, match=rf"telling.sinks names '{name}'.*pip install 'ancestral\[{name}\]'"):
        open_sink(name, Location(str(tmp_path)), 0, {}, "0" * 64)


class FakeMLflow(ModuleType):
    """Remembers runs by their tags, as a tracking server does; `active` is the one that is told."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.runs: list[dict[str, str]] = []
        self.active = -1

    def search_runs(self, filter_string: str, output_format: str) -> list[Any]:
        name, wanted = filter_string.removeprefix("tags.").split(" = ")
        found = [number for number, tags in enumerate(self.runs) if tags[name] == wanted.strip("'")]
        return [SimpleNamespace(info=SimpleNamespace(run_id=str(number))) for number in found]

    def start_run(self, run_id: str = "", run_name: str = "", tags: Mapping[str, str] | None = None) -> None:
        self.active = int(run_id) if run_id else len(self.runs)
        self.runs += [] if run_id else [dict(tags or {})]

    def log_params(self, params: Mapping[str, str]) -> None:
        pass


class FakeWandB(ModuleType):
    """Makes a run for an id that it does not know."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.runs: list[str] = []
        self.active = -1

    def init(self, name: str, id: str, resume: str, config: Mapping[str, Any]) -> None:
        assert resume == "allow"
        self.runs += [] if id in self.runs else [id]
        self.active = self.runs.index(id)


@pytest.mark.parametrize("make", [FakeMLflow, FakeWandB])
def test_a_run_there_is_of_one_plan_in_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any]
) -> None:
    peer = make()
    monkeypatch.setitem(sys.modules, peer.__name__, peer)
    monkeypatch.delitem(sys.modules, f"pipeline.training.sinks.{peer.__name__}", raising=False)

    def run_of(folder: str, digest: str) -> int:
        open_sink(peer.__name__, Location(str(tmp_path / folder)), 0, {}, digest)
        return int(peer.active)

    try:
        assert [run_of("one", "0" * 64), run_of("other", "0" * 64), run_of("one", "1" * 64)] == [0, 1, 2]
        assert [run_of("one", "0" * 64), run_of("other", "0" * 64)] == [0, 1]
    finally:
        del sys.modules[f"pipeline.training.sinks.{peer.__name__}"]  # it holds the fake


def test_events_reach_a_storage_that_is_elsewhere() -> None:
    folder = Location("memory://telling-test")
    sink = open_sink("tensorboard", folder, 0, {}, "0" * 64)
    sink.scalars(1, {"train_bits": 2.5})
    sink.flush()
    (name,) = (folder / "tensorboard").names()
    flushed = (folder / "tensorboard" / name).read_bytes()
    sink.scalars(2, {"train_bits": 2.0})
    sink.close()
    assert len((folder / "tensorboard" / name).read_bytes()) > len(flushed) > 0
    folder.remove_folder()


def test_a_name_becomes_no_path() -> None:
    assert plain_name("../../etc/passwd, drawn/held out") == "-etc-passwd-drawn-held-out"


def test_a_picture_takes_the_whole_range() -> None:
    picture = as_picture(np.array([[[0, 1], [2, 3]]]), 4)
    assert picture.tolist() == [[[0], [85]], [[170], [255]]]
