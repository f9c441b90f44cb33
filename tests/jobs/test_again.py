import io
from pathlib import Path

import pytest
from rich.console import Console

from jobs.again import make_again
from jobs.generation_work import Work, checked_work
from models.native import best
from pipeline.errors import ConfigError, DatasetError, RequestError
from pipeline.generation.accept.config import AcceptConfig
from pipeline.generation.config import GenerateConfig
from pipeline.generation.shard import generate_shard, read_rows
from pipeline.storage import Location
from tests.pipeline.generation.tiny_models import SPEECH, save_tiny

REQUESTS = """\
{"count": 5, "speaker": "ann", "emotion": "glad", "phones": [["a", 0.02], ["sil", 0.002]]}
{"id": "two", "count": 4, "speaker": "bob", "emotion": "calm", "phones": [["b", 0.03]], "top_k": 5}
"""

ACCEPT = AcceptConfig(bits=(0, 3.85), max_attempts=30)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """A dataset as it is made in shards of 4, some items by a kernel, others by torch, some after a few attempts."""
    folder = tmp_path_factory.mktemp("again")
    model = save_tiny(Location(str(folder / "model")), "audio", SPEECH)
    (folder / "requests.jsonl").write_text(REQUESTS)
    made = checked(folder, GenerateConfig(items_per_shard=4, accept=ACCEPT))
    for plan in made.plans():
        generate_shard(made.out, plan, model, made.config)
    return made


def checked(folder: Path, config: GenerateConfig) -> Work:
    model, out, requests = (Location(str(folder / name)) for name in ("model", "out", "requests.jsonl"))
    return checked_work(model, out, requests, config, Console(file=io.StringIO()))


def again(work: Work, item_id: str) -> tuple[bool, str]:
    said = io.StringIO()
    return make_again(work, item_id, Console(file=said, width=500)), said.getvalue()


def accepted_ids(work: Work) -> list[str]:
    return [row["item_id"] for plan in work.plans() for row in read_rows(work.out, plan.name)]


def test_every_item_is_the_same_alone(work: Work) -> None:
    found = accepted_ids(work)
    assert len(found) == 9
    assert any("." in item_id for item_id in found), "some were drawn more than once"
    for item_id in found[::2]:
        is_equal, said = again(work, item_id)
        assert is_equal, said
        assert "equal in every byte" in said


@pytest.mark.skipif(best() is None, reason="built without a compiler")
def test_another_path_is_told(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.sampling.fused.best", lambda: None)
    is_equal, said = again(work, accepted_ids(work)[0])
    assert not is_equal
    assert "sampling_path was 'fused" in said
    assert "It was drawn by another path" in said


def test_a_byte_that_differs_is_found(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(folder: Location, name: str) -> list[dict[str, object]]:
        return [{**row, "levels": bytes([7]) + row["levels"][1:]} for row in read_rows(folder, name)]

    monkeypatch.setattr("jobs.again.read_rows", damaged)
    is_equal, said = again(work, accepted_ids(work)[0])
    assert not is_equal
    assert "levels was" in said
    assert "computes something else" in said


def test_an_item_that_no_one_asked_for_is_told(work: Work) -> None:
    with pytest.raises(RequestError, match=r"no request makes an item 'eve-0000'.*as in 000001-0000"):
        again(work, "eve-0000")


def test_a_gpu_that_is_not_here_is_told(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("jobs.again.standing_row", lambda work, plan, item_id: {})
    on_gpu = Work(**{**work.__dict__, "config": GenerateConfig(items_per_shard=4, device="cuda")})
    with pytest.raises(ConfigError, match="this machine has no GPU"):
        again(on_gpu, "000001-0000")


def test_a_dataset_of_other_settings_is_told(work: Work) -> None:
    folder = Path(work.out.uri).parent
    with pytest.raises(DatasetError, match="drawn for other requests or settings"):
        again(checked(folder, GenerateConfig(items_per_shard=4)), "000001-0000")
    (folder / "elsewhere").mkdir()
    other = Work(**{**work.__dict__, "out": Location(str(folder / "elsewhere"))})
    with pytest.raises(DatasetError, match="is not drawn yet; run without --only"):
        again(other, "000001-0000")
