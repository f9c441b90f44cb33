"""The whole aligner: trained on texts alone, in however many shards, and held to labels that it has not seen."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from pipeline.audio.decode import decode
from pipeline.corpora.detect import find_layout
from pipeline.corpora.labels.texts import read_text
from pipeline.corpora.labels.times import read_times
from pipeline.errors import CorpusError, ItemError
from pipeline.items import AudioItem
from pipeline.speech.alignment.acoustic_model import AcousticModel, model_bytes
from pipeline.speech.alignment.align import align
from pipeline.speech.alignment.cache import Spoken
from pipeline.speech.alignment.compare import NO_ONSETS, Figures, figures, phone_onsets
from pipeline.speech.alignment.config import AlignmentConfig
from pipeline.speech.alignment.gate import GateConfig, suspicion
from pipeline.speech.alignment.passes import num_runs, train_on
from pipeline.speech.pronounce import pronounce
from pipeline.storage import locate
from tests.alignment_builders import write_spoken_corpus

SHORT = AlignmentConfig(num_passes=(5, 3), shard_minutes=1)
"""Fewer passes than the default: enough for these figures in half the time."""


@cache
def read(item: AudioItem) -> Spoken:
    """A recording and how its text is said."""
    recording = decode(Path(item.source), 60)
    text = item.text_normalised or item.text or read_text(item.text_source)
    return Spoken(recording.waveform, recording.sample_rate_hz, pronounce(text, "en-us", "espeak"), "en-us")


def items_of(folder: Path) -> list[AudioItem]:
    place = locate(str(folder))
    return [item for item in find_layout(place).items(place) if isinstance(item, AudioItem)]


def trained(
    items: Sequence[AudioItem], scratch: Path, config: AlignmentConfig, over: Callable[..., Iterable[Any]] = map
) -> AcousticModel:
    return train_on(lambda: items, locate(str(scratch / "features")), read, config, over)


def figures_of(model: AcousticModel, items: Sequence[AudioItem]) -> Figures:
    """How far the onsets of phones lie from the labels."""
    total = NO_ONSETS
    for item in items:
        spoken = read(item)
        labels = item.phones or read_times(item.times_source, spoken.sample_rate_hz)[0]
        alignment = align(model, spoken.waveform, spoken.sample_rate_hz, spoken.utterance)
        total += phone_onsets(labels, spoken.utterance, alignment)
    return figures(total)


@pytest.fixture(scope="module")
def spoken_corpus(tmp_path_factory: pytest.TempPathFactory) -> list[AudioItem]:
    """Ten sentences in three voices of espeak-ng, none of them the one that training starts from."""
    return items_of(write_spoken_corpus(tmp_path_factory.mktemp("spoken") / "corpus", 10))


@pytest.fixture(scope="module")
def spoken_model(spoken_corpus: list[AudioItem], tmp_path_factory: pytest.TempPathFactory) -> AcousticModel:
    return trained(spoken_corpus, tmp_path_factory.mktemp("scratch"), SHORT)


def test_synthetic_speech_is_aligned_with_its_exact_times(
    spoken_corpus: list[AudioItem], spoken_model: AcousticModel
) -> None:
    found = figures_of(spoken_model, spoken_corpus)
    assert found.unmatched_share < 0.02
    assert found.shares_within[20] > 0.85
    assert found.mean_ms < 12


def test_thirty_six_utterances_by_hand(shared_data: Path, tmp_path: Path) -> None:
    """TIMIT's labels, which training has not seen; with the defaults."""
    items = items_of(shared_data / "timit-sample")[:36]
    found = figures_of(trained(items, tmp_path, AlignmentConfig()), items)
    assert found.unmatched_share < 0.05
    assert found.shares_within[20] >= 0.72
    assert found.mean_ms <= 17


@pytest.mark.slow
def test_a_reader_of_books_against_another_aligner(shared_data: Path, tmp_path: Path) -> None:
    """The Montreal Forced Aligner's TextGrids, which are no truth but a good one of its kind."""
    items = items_of(shared_data / "LJSpeech-1.1")[:24]
    found = figures_of(trained(items, tmp_path, replace(SHORT, num_passes=(4, 2), shard_minutes=4)), items)
    assert found.shares_within[20] >= 0.65


def test_the_right_texts_pass_the_gate_and_wrong_ones_do_not(
    spoken_corpus: list[AudioItem], spoken_model: AcousticModel
) -> None:
    def reason(recording: AudioItem, text: AudioItem) -> str:
        heard, utterance = read(recording), read(text).utterance
        try:
            alignment = align(spoken_model, heard.waveform, heard.sample_rate_hz, utterance)
        except ItemError as error:
            return str(error)
        return suspicion(alignment, utterance, spoken_model, len(heard.waveform) / heard.sample_rate_hz, GateConfig())

    assert not any(reason(item, item) for item in spoken_corpus)
    others = [*spoken_corpus[15:], *spoken_corpus[:15]]
    marked = [bool(reason(item, other)) for item, other in zip(spoken_corpus, others, strict=True)]
    assert sum(marked) >= 0.95 * len(marked)


def test_the_order_in_which_shards_finish_changes_no_bit(spoken_corpus: list[AudioItem], tmp_path: Path) -> None:
    def backwards(function: Callable[[Any], Any], plans: Iterable[Any]) -> list[Any]:
        return [function(plan) for plan in reversed(list(plans))]

    few = replace(SHORT, num_passes=(2,), start="even", shard_minutes=0.3)
    models = [trained(spoken_corpus, tmp_path, few, over) for over in (map, backwards)]
    assert model_bytes(models[0]) == model_bytes(models[1])


def test_fresh_processes_train_the_same_model(spoken_corpus: list[AudioItem], tmp_path: Path) -> None:
    """Whatever espeak-ng has said in them before."""
    root = Path(__file__).parents[4]
    folder = Path(spoken_corpus[0].source).parents[1]
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "from tests.pipeline.speech.alignment.test_passes import SHORT, items_of, replace, trained\n"
        "from pipeline.speech.espeak import Voice, speak\n"
        "if __name__ == '__main__':\n"
        "    for word in sys.argv[4:]: speak(word, Voice())\n"
        "    items = items_of(pathlib.Path(sys.argv[2]))[:6]\n"
        "    print(trained(items, pathlib.Path(sys.argv[3]), replace(SHORT, num_passes=(1,))).digest)\n"
    )
    script = tmp_path / "train.py"
    script.write_text(code)
    digests = {
        subprocess.run(
            [sys.executable, script, root, folder, tmp_path / f"{number}", *words],
            capture_output=True, text=True, check=True, cwd=root,
        ).stdout
        for number, words in enumerate(([], ["red", "a hundred horses"]))
    }  # fmt: skip
    assert len(digests) == 1


def test_every_run_over_the_shards_is_counted_and_nothing_stays(spoken_corpus: list[AudioItem], tmp_path: Path) -> None:
    runs = []

    def counted(function: Callable[[Any], Any], plans: Iterable[Any]) -> list[Any]:
        runs.append(function)
        return [function(plan) for plan in plans]

    config = replace(SHORT, num_passes=(1, 1), start="even")
    trained(spoken_corpus[:5], tmp_path, config, counted)
    assert len(runs) == num_runs(config)
    assert list(tmp_path.iterdir()) == []


def test_a_corpus_without_a_usable_item_is_told(spoken_corpus: list[AudioItem], tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no utterance to be trained on"):
        trained(spoken_corpus[:3], tmp_path, replace(SHORT, longest_s=0.5))
    with pytest.raises(CorpusError, match="no utterance to be trained on"):
        trained([], tmp_path, SHORT)


def test_one_utterance_is_enough_for_a_model_without_a_hole(spoken_corpus: list[AudioItem], tmp_path: Path) -> None:
    starts: tuple[Literal["voice", "even"], ...] = ("voice", "even")
    for start in starts:
        config = AlignmentConfig(num_passes=(2, 2), start=start)
        model = trained(spoken_corpus[:1], tmp_path, config)
        assert all(np.isfinite(getattr(model, name)).all() for name in ("means", "variances", "log_durations", "fit"))
        assert (model.variances > 0).all()
        assert figures_of(model, spoken_corpus[:3]).num_matched > 50


def test_rare_sounds_are_scored_as_their_kin(spoken_corpus: list[AudioItem], tmp_path: Path) -> None:
    config = replace(SHORT, num_passes=(1,), start="even", fewest_occurrences=40)
    model = trained(spoken_corpus, tmp_path, config)
    assert "ʒ" not in model.units
    assert figures_of(model, spoken_corpus[:3]).num_matched > 50
