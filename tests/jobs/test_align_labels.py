"""Labels of a dataset's rows: read back by the reader of corpora's labels, they are the rows' phones and times."""

import io
import json
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from jobs.align_labels import LabelsConfig, labels, lines_of, remarks
from jobs.config import parse_config
from pipeline.corpora.labels.times import read_times
from pipeline.errors import ConfigError, DatasetError, ItemError, OccupiedError
from pipeline.file_names import file_stem
from pipeline.preparation.config import AudioConfig, PrepareConfig, ShardConfig, SpeechConfig
from pipeline.preparation.make import make_shard
from pipeline.preparation.plan import shard_plans, survey
from pipeline.shards.dataset import claim, finish, open_dataset
from pipeline.speech.hts_label import Label, parse_label
from pipeline.storage import locate
from tests.corpus_builders import manifest_corpus, write_png

RATE_HZ = 8000

SPOKEN = (
    {"item_id": "red", "text": "red water, now"},
    {"item_id": "Red", "text": "another one"},
    {"item_id": "../up/ö:1", "text": "hello there"},
    {
        "item_id": "timed",
        "phones": [["HH", 0.0, 0.05], ["AY1", 0.05, 0.1], ["sil", 0.1, 0.15], ["N", 0.15, 0.17], ["OW1", 0.17, 0.2]],
        "words": [["hi", 0.0, 0.1], ["no", 0.15, 0.2]],
    },
)
WITHOUT_WORDS = {"item_id": "wordless", "phones": [["a", 0.0, 0.1], ["b", 0.1, 0.2]]}
UNWRITABLE = {"item_id": "odd", "phones": [["a+b", 0.0, 0.2]], "words": [["odd", 0.0, 0.2]]}
SILENT = {"item_id": "silent"}


def spoken_dataset(folder: Path, lines: Any = SPOKEN) -> Path:
    """Tones of 0.2 s under these lines of a manifest, prepared in one process, to a few shards."""
    named = [{"audio_filepath": f"{number}.wav", **line} for number, line in enumerate(lines)]
    corpus = locate(str(manifest_corpus(folder / "corpus", named)))
    config = PrepareConfig(
        audio=AudioConfig(sample_rate_hz=RATE_HZ),
        speech=SpeechConfig(alignment="uniform"),
        shards=ShardConfig(items_per_shard=1),
    )
    return prepared(corpus, folder / "dataset", config)


def prepared(corpus: Any, out: Path, config: PrepareConfig) -> Path:
    found, folder = survey(corpus, config), locate(str(out))
    claim(folder, "prepare", {})
    plans = list(shard_plans(found, config))
    for plan in plans:
        make_shard(folder, plan, config, found.conventions)
    finish(folder, [plan.name for plan in plans], found.conventions, {})
    return out


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four rows that have all that labels need, in more shards than one."""
    made = spoken_dataset(tmp_path_factory.mktemp("spoken"))
    assert len(open_dataset(locate(str(made))).info.shards) > 1
    return made


def quiet() -> Console:
    return Console(file=io.StringIO(), width=300)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def write(dataset: Path, out: Path, console: Console | None = None, num_states: int = 0) -> int:
    return labels(locate(str(dataset)), locate(str(out)), LabelsConfig(num_states), console or quiet())


def rows_of(dataset: Path) -> list[dict[str, Any]]:
    return [row for table in open_dataset(locate(str(dataset))).tables() for row in table.to_pylist()]


def labels_in(file: Path) -> list[Label]:
    lines = file.read_text("utf-8").splitlines()
    found = [parse_label(line) for line in lines]
    assert [str(label) for label in found] == lines
    return found


@pytest.mark.parametrize("num_states", [0, 1, 3, 5])
def test_labels_are_the_rows_phones_and_times(dataset: Path, tmp_path: Path, num_states: int) -> None:
    console = quiet()
    assert write(dataset, tmp_path / "labels", console, num_states) == 4
    assert "labels of 4 rows" in printed(console)
    assert "no labels" not in printed(console)
    for row in rows_of(dataset):
        file = tmp_path / "labels" / f"{file_stem(row['item_id'])}.lab"
        phones, words = read_times(str(file), RATE_HZ)
        assert words == ()
        assert [one.phone for one in phones] == row["phone"]
        for one, start, end in zip(phones, row["phone_start"], row["phone_end"], strict=True):
            assert one.start_s == pytest.approx(start / RATE_HZ, abs=1e-7)
            assert one.end_s == pytest.approx(end / RATE_HZ, abs=1e-7)
        assert len(labels_in(file)) == len(row["phone"]) * max(num_states, 1)


def test_labels_have_the_rows_positions(dataset: Path, tmp_path: Path) -> None:
    """What both name, counted by both in the same way."""
    write(dataset, tmp_path / "labels")
    names = {
        **{"p6": "phone_in_syllable_forward", "p7": "phone_in_syllable_backward", "b3": "phones_in_syllable"},
        **{"b4": "syllable_in_word_forward", "b5": "syllable_in_word_backward", "e2": "syllables_in_word"},
        **{"b6": "syllable_in_phrase_forward", "b7": "syllable_in_phrase_backward", "h1": "syllables_in_phrase"},
        **{"e3": "word_in_phrase_forward", "e4": "word_in_phrase_backward", "h2": "words_in_phrase"},
        **{"h3": "phrase_in_utterance_forward", "h4": "phrase_in_utterance_backward"},
    }
    for row in rows_of(dataset):
        found = labels_in(tmp_path / "labels" / f"{file_stem(row['item_id'])}.lab")
        for place, label in enumerate(found):
            fields = asdict(label.context)
            for field, name in names.items():
                assert fields[field] == (str(row[name][place]) if row["word_index"][place] else "x"), (field, name)
        assert all(left.end == right.start for left, right in pairwise(found))


def test_the_second_word_s_label_by_hand(dataset: Path, tmp_path: Path) -> None:
    """The n of "hi, no" after a pause: times in units of 100 ns."""
    write(dataset, tmp_path / "labels")
    assert (tmp_path / "labels" / "timed.lab").read_text().splitlines()[3] == (
        "1500000 1700000 AY^sil-N+OW=x@1_2/A:1_x_2/B:1-x-2@1-1&1-1#0-0$x-x!0-0;x-x|OW/C:0+0+0/D:x_1/E:x+1@1+1&x+x#x+x/"
        "F:0_0/G:1_1/H:1=1@2=1|x/I:0=0/J:2+2-2"
    )


def test_no_id_leads_out_of_the_folder_and_no_two_share_a_file(dataset: Path, tmp_path: Path) -> None:
    write(dataset, tmp_path / "labels")
    files = [path.name for path in (tmp_path / "labels").iterdir() if path.name != "plan.json"]
    assert len({name.lower() for name in files}) == 4
    assert {"red.lab", "timed.lab"} < set(files)
    assert [path.name for path in tmp_path.iterdir()] == ["labels"]


def test_rows_that_have_none_are_counted_with_their_reasons(tmp_path: Path) -> None:
    made = spoken_dataset(tmp_path, [SPOKEN[0], WITHOUT_WORDS, SILENT, UNWRITABLE, {**SILENT, "item_id": "too"}])
    console = quiet()
    assert write(made, tmp_path / "labels", console) == 1
    assert "labels of 1 row\n" in printed(console)
    assert "no labels of 2 rows: the row has no phone" in printed(console)
    assert "no labels of 1 row: the row has no word_index" in printed(console)
    assert "no labels of 1 row: the phone 'a+b' cannot stand in an HTS label" in printed(console)
    assert sorted(path.name for path in (tmp_path / "labels").iterdir()) == ["plan.json", "red.lab"]


@pytest.mark.parametrize("change", [{"phone_start": None}, {"phone_end": [800, 1600]}])
def test_phones_without_times_are_an_item_error(dataset: Path, change: dict[str, Any]) -> None:
    row = next(row for row in rows_of(dataset) if row["item_id"] == "red")
    assert len(lines_of(row, 0)) == len(row["phone"]) > 2
    with pytest.raises(ItemError, match=next(iter(change))):
        lines_of(row | change, 0)


def test_many_reasons_are_few_lines() -> None:
    lines = remarks({f"reason {number}": number for number in range(1, 10)})
    assert lines[0] == "  no labels of 9 rows: reason 9"
    assert lines[-1] == "  and of 10 more, for other reasons"
    assert len(lines) == 6


def test_a_dataset_of_which_nothing_can_be_told_is_an_error(tmp_path: Path) -> None:
    made = spoken_dataset(tmp_path, [SILENT, WITHOUT_WORDS])
    with pytest.raises(
        DatasetError, match=r"no row has what labels need; prepare [\s\S]*1 row: the row has no word_in"
    ):
        write(made, tmp_path / "labels")


def test_pictures_have_no_labels(tmp_path: Path) -> None:
    write_png(tmp_path / "corpus" / "cat" / "1.png")
    made = prepared(locate(str(tmp_path / "corpus")), tmp_path / "dataset", PrepareConfig())
    with pytest.raises(DatasetError, match="expected a dataset of kind audio"):
        write(made, tmp_path / "labels")
    assert not (tmp_path / "labels").exists()


def test_a_second_run_writes_the_same_files(dataset: Path, tmp_path: Path) -> None:
    write(dataset, tmp_path / "labels", num_states=5)
    (tmp_path / "labels" / "red.lab").unlink()
    write(dataset, tmp_path / "labels")
    write(dataset, tmp_path / "others")
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("labels", "others")
    )
    assert first == second


def test_labels_of_a_corpus_are_not_overwritten(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "red.lab").write_text("0 100000 r\n")
    with pytest.raises(OccupiedError, match=r"already holds something else \(red.lab\)"):
        write(dataset, tmp_path)
    with pytest.raises(OccupiedError, match="is a file; expected a folder"):
        write(dataset, tmp_path / "red.lab")
    assert (tmp_path / "red.lab").read_text() == "0 100000 r\n"


def test_labels_of_another_dataset_and_datasets_are_not_overwritten(dataset: Path, tmp_path: Path) -> None:
    write(dataset, tmp_path / "labels")
    other = spoken_dataset(tmp_path, SPOKEN[:1])
    with pytest.raises(OccupiedError, match="its dataset is"):
        write(other, tmp_path / "labels")
    with pytest.raises(OccupiedError, match="`prepare` made"):
        write(dataset, other)


@pytest.mark.parametrize("num_states", [-1, 6])
def test_states_that_no_reader_expects_are_refused(num_states: int) -> None:
    with pytest.raises(ConfigError, match=f"num_states: expected 0 to 5, got {num_states}"):
        parse_config(LabelsConfig, {"num_states": num_states}, "--set")


def test_the_command(dataset: Path, tmp_path: Path) -> None:
    from jobs.cli import app

    words = ["-C", str(tmp_path), "align", "labels", str(dataset), "labels", "--set", "num_states=3"]
    ran = CliRunner().invoke(app, words)
    assert ran.exit_code == 0, ran.output
    assert "labels of 4 rows" in ran.output
    assert {label.state for label in labels_in(tmp_path / "labels" / "red.lab")} == {2, 3, 4}
    assert json.loads((tmp_path / "labels" / "plan.json").read_text())["settings"] == {"num_states": 3}


def test_the_command_shows_its_settings_without_a_dataset() -> None:
    from jobs.cli import app

    shown = CliRunner().invoke(app, ["align", "labels", "--show-config"])
    assert (shown.exit_code, shown.output) == (0, "num_states: 0\n")
