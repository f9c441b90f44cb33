"""The aligner over Ray: the same model as in one process, kept where it stands; its comparison with labels."""

import io
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from jobs.align import train_aligner
from jobs.align_compare import CompareConfig, Tally, cells, compare, remarks, scratch_folder, table_of
from jobs.cluster import RunningCluster, connect
from jobs.config import parse_config
from pipeline.corpora.detect import find_layout
from pipeline.errors import ConfigError, CorpusError, ModelError
from pipeline.items import Item
from pipeline.preparation.aligner import read_spoken
from pipeline.preparation.config import AudioConfig, SpeechConfig
from pipeline.speech.alignment.acoustic_model import model_bytes
from pipeline.speech.alignment.compare import NO_ONSETS, Onsets, figures
from pipeline.speech.alignment.config import AlignmentConfig
from pipeline.speech.alignment.passes import train_on
from pipeline.storage import locate
from tests.alignment_builders import write_spoken_corpus
from tests.corpus_builders import write_png

QUICK = AlignmentConfig(num_passes=(1, 1), shard_minutes=0.4)
SPEECH = SpeechConfig(aligner=QUICK)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sentences in three voices, with the times of all phones."""
    return write_spoken_corpus(tmp_path_factory.mktemp("spoken") / "corpus", 4)


def items_of(corpus: Path) -> Iterator[Item]:
    place = locate(str(corpus))
    return find_layout(place).items(place)


def quiet() -> Console:
    return Console(file=io.StringIO(), width=100)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


READ = partial(read_spoken, audio=AudioConfig(), speech=SPEECH)


@pytest.mark.ray
@pytest.mark.usefixtures("ray_local")
def test_a_cluster_trains_the_model_that_one_process_trains(corpus: Path, tmp_path: Path) -> None:
    place = locate(str(tmp_path / "aligner.safetensors"))
    with connect() as cluster:
        model = train_aligner(partial(items_of, corpus), place, READ, QUICK, cluster, quiet())
    alone = train_on(partial(items_of, corpus), locate(str(tmp_path / "scratch")), READ, QUICK, map)
    assert place.read_bytes() == model_bytes(model) == model_bytes(alone)
    assert [path.name for path in tmp_path.iterdir()] == ["aligner.safetensors"]


def no_items() -> Iterator[Item]:
    raise AssertionError("nothing is to be trained")


def test_a_model_that_is_there_is_kept(corpus: Path, tmp_path: Path) -> None:
    place = locate(str(tmp_path / "aligner.safetensors"))
    nowhere = RunningCluster("nowhere", 1, 0)
    model = train_on(partial(items_of, corpus), locate(str(tmp_path / "scratch")), READ, QUICK, map)
    place.write_bytes(model_bytes(model))
    assert train_aligner(no_items, place, READ, QUICK, nowhere, quiet()).digest == model.digest
    place.write_bytes(b"damaged")
    with pytest.raises(ModelError, match=r"aligner.safetensors: no aligner of this release"):
        train_aligner(no_items, place, READ, QUICK, nowhere, quiet())


@pytest.mark.ray
@pytest.mark.usefixtures("ray_local")
def test_a_comparison_prints_the_figures_of_each_corpus_and_of_all(corpus: Path) -> None:
    console = quiet()
    place = locate(str(corpus))
    config = CompareConfig(speech=SpeechConfig(aligner=replace(QUICK, start="even", num_passes=(4,))))
    with connect() as cluster:
        tallies = compare([place, place], config, cluster, console)
    assert [tally.num_aligned for tally in tallies] == [12, 12, 24]
    assert figures(tallies[0].phones).shares_within[50] > 0.5
    assert figures(tallies[0].phones) == figures(tallies[1].phones)
    text = printed(console)
    assert "corpus: 12 items aligned, 0 not" in text
    assert f"{figures(tallies[2].phones).shares_within[20]:.1%}" in text
    assert "all" in text
    assert "bias" in text


def test_the_table_fits_a_terminal_whatever_a_corpus_is_called() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(table_of(["[x]-a-corpus-with-a-long-name", "b"], [Tally(), Tally()]))
    assert "…" not in printed(console)
    assert "[x]-a-corpus" in printed(console)
    assert cells(figures(NO_ONSETS))[2:] == ["-"] * 7


def test_a_corpus_without_labels_is_told() -> None:
    assert "no times of phones or words" in remarks("fsdd", Tally(num_aligned=3))
    labelled = Tally(phones=Onsets(np.zeros(0), 2), num_aligned=3, failures=("a: decode: truncated",) * 9)
    assert "no times" not in remarks("x", labelled)
    assert remarks("x", labelled).count("a: decode: truncated") == 5


def test_pictures_are_no_speech(tmp_path: Path) -> None:
    write_png(tmp_path / "cats" / "1.png")
    write_png(tmp_path / "dogs" / "1.png")
    with pytest.raises(CorpusError, match="a corpus of pictures; expected one of speech"):
        compare([locate(str(tmp_path))], CompareConfig(), RunningCluster("local", 1, 0), quiet())


def test_another_machine_s_ray_needs_a_folder_that_it_reaches(tmp_path: Path) -> None:
    far = RunningCluster("head:6379", 8, 0)
    with pytest.raises(ConfigError, match=r"--set scratch=FOLDER"), scratch_folder(CompareConfig(), far):
        pass
    with scratch_folder(CompareConfig(scratch=str(tmp_path)), far) as folder:
        assert str(folder).startswith(str(tmp_path))


def test_settings_are_those_of_preparation_and_checked() -> None:
    config = parse_config(CompareConfig, {"speech": {"aligner": {"num_passes": [2, 2]}}}, "x")
    assert config.speech.aligner.num_passes == (2, 2)
    wrongs: tuple[dict[str, Any], ...] = ({"num_passes": []}, {"training_minutes": 0.0}, {"longest_s": 0.1})
    for wrong in wrongs:
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            parse_config(CompareConfig, {"speech": {"aligner": wrong}}, "x")


def test_the_command_shows_its_settings_without_a_corpus() -> None:
    from jobs.cli_align import app

    shown = CliRunner().invoke(app, ["compare", "--show-config"], obj=str(Path.cwd()))
    assert shown.exit_code == 0
    assert "training_minutes: 90.0" in shown.output
