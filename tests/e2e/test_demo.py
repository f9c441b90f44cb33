"""The demo, whole and tiny: every job, on the shared Ray, twice."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from jobs.demo import DemoConfig, demo
from pipeline.demo_corpus.digits import DigitsCorpusConfig
from pipeline.demo_corpus.speech import SpeechCorpusConfig
from pipeline.shards.dataset import open_dataset
from pipeline.storage import Location

TINY = DemoConfig(
    # Two colours with all digits: phrases of every split, few enough to be said in a second.
    speech_corpus=SpeechCorpusConfig(num_colours=2, num_digits=6),
    digits_corpus=DigitsCorpusConfig(150),
    speech_sets=(
        "model.residual_channels=8",
        "model.gate_channels=16",
        "model.skip_channels=8",
        "model.head_channels=8",
        "model.dilations=[1,2,4,8]",
        "model.num_stacks=1",
        "training.num_steps=6",
        "training.window=512",
        "training.validation_items=2",
        "num_workers=1",
    ),
    digits_sets=(
        "model.hidden=8",
        "model.num_layers=2",
        "training.num_steps=12",
        "training.batch_size=8",
        "training.validation_items=8",
        "num_workers=1",
    ),
    num_utterances=2,
    pictures_per_class=1,
    num_actors=1,
)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.ray
@pytest.mark.timeout(180)
@pytest.mark.usefixtures("ray_local")
def test_the_demo_makes_a_report_and_a_rerun_finds_all_done(tmp_path: Path) -> None:
    out = Location(str(tmp_path / "demo"))
    console = Console(file=io.StringIO(), width=160)
    page = demo(out, console, TINY)

    text = page.read_text()
    assert text.count('class="card pair"') == 2
    assert text.count("<audio") == 4
    for section in ("listen", "look", "training", "likelihood", "timings", "data"):
        assert f'<section id="{section}"' in text
    told = console.file.getvalue() if isinstance(console.file, io.StringIO) else ""
    assert [f"{number} of 6" in told for number in range(1, 7)] == [True] * 6
    assert str(page) in told

    spoken = open_dataset(out / "generated-speech", "audio")
    assert spoken.info.num_rows == 2
    assert spoken.info.num_failures == 0
    asked = [json.loads(line) for line in (out / "requests-speech.jsonl").read_text().splitlines()]
    names = {row["item_id"] for table in spoken.tables(["item_id"]) for row in table.to_pylist()}
    assert names == {f"{line['id']}-0000" for line in asked}
    assert open_dataset(out / "generated-digits", "image").info.vocabulary("label") == tuple("0123456789")

    before = files(tmp_path)
    demo(out, console, TINY)
    changed = {name for name, data in files(tmp_path).items() if before.get(name) != data}
    assert changed <= {"demo/timings.json", "demo/report.html"}
