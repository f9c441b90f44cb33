"""Preparing speech with texts and no times: an aligner is trained, kept, and part of the dataset."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from jobs.cluster import connect
from jobs.prepare import prepare
from pipeline.preparation.aligner import aligner_file, reader, training_config, wants_alignment
from pipeline.preparation.config import PrepareConfig, ShardConfig, SpeechConfig
from pipeline.preparation.plan import survey
from pipeline.shards.dataset import Dataset, DatasetInfo, open_dataset
from pipeline.shards.verify import verify_folder
from pipeline.speech.alignment.acoustic_model import model_bytes
from pipeline.speech.alignment.config import AlignmentConfig
from pipeline.speech.alignment.passes import train_on
from pipeline.storage import Location, locate
from tests.alignment_builders import write_spoken_corpus
from tests.corpus_builders import write_wav

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_local")]

CONFIG = PrepareConfig(
    speech=SpeechConfig(phones="text", aligner=AlignmentConfig(num_passes=(4, 2), shard_minutes=0.5)),
    shards=ShardConfig(8),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_spoken_corpus(tmp_path_factory.mktemp("spoken") / "corpus", 8)


def prepared(corpus: Path, out: Path, config: PrepareConfig = CONFIG) -> tuple[DatasetInfo, str]:
    console = Console(file=io.StringIO(), width=200)
    with connect() as cluster:
        info = prepare(locate(str(corpus)), locate(str(out)), config, cluster, console)
    assert isinstance(console.file, io.StringIO)
    assert list(verify_folder(locate(str(out)))) == []
    return info, console.file.getvalue()


def rows_of(dataset: Dataset) -> dict[str, dict[str, Any]]:
    return {row["item_id"]: row for table in dataset.tables() for row in table.to_pylist()}


def aligners(out: Path) -> list[Path]:
    return sorted(out.glob("aligner-*"))


def test_phones_are_aligned_and_the_model_is_the_same_whoever_trains_it(corpus: Path, tmp_path: Path) -> None:
    info, _ = prepared(corpus, tmp_path / "out")
    (file,) = aligners(tmp_path / "out")
    assert file.name == aligner_file(CONFIG)
    assert set(info.files) == {file.name}
    rows = rows_of(open_dataset(locate(str(tmp_path / "out"))))
    assert {row["align_method"] for row in rows.values()} == {"hmm"}
    errors = [abs(found - exact) for row in rows.values() for found, exact in onsets(corpus, row)]
    assert len(errors) > 500
    assert np.mean(np.array(errors) < 0.03) > 0.6, "phones lie where they are not said"
    assert model_trained_alone(corpus, tmp_path / "alone") == file.read_bytes()


def onsets(corpus: Path, row: dict[str, Any]) -> list[tuple[float, float]]:
    """The first phone of each word, as found and as espeak-ng said it, where both name the same one."""
    lines = map(json.loads, (corpus / "manifest.jsonl").read_text().splitlines())
    line = next(line for line in lines if line["audio_filepath"].removesuffix(".wav") == row["item_id"])
    exact = [(phone, start) for phone, start, _ in line["phones"] if phone != "sil"]
    found = [
        (phone, start / row["sample_rate_hz"])
        for phone, start, word in zip(row["phone"], row["phone_start"], row["word_index"], strict=True)
        if word
    ]
    if len(exact) != len(found):
        return []
    return [(at, start) for (name, at), (other, start) in zip(found, exact, strict=True) if name == other]


def model_trained_alone(corpus: Path, scratch: Path) -> bytes:
    """The model that one process trains, item after item."""
    found = survey(locate(str(corpus)), CONFIG)

    def items() -> Any:
        return (item for item in found.layout.items(found.corpus) if wants_alignment(item, CONFIG.speech))

    over: Any = lambda function, plans: map(function, plans)  # noqa: E731
    place = Location(str(scratch))
    return model_bytes(train_on(items, place, reader(CONFIG), training_config(CONFIG), over))


def test_a_corpus_that_has_grown_keeps_its_aligner_and_its_shards(corpus: Path, tmp_path: Path) -> None:
    lines = (corpus / "manifest.jsonl").read_text().splitlines(keepends=True)
    grown = tmp_path / "corpus"
    grown.mkdir()
    (grown / "wavs").symlink_to(corpus / "wavs")
    (grown / "manifest.jsonl").write_text("".join(lines[:-2]))
    before, _ = prepared(grown, tmp_path / "out")
    (file,) = aligners(tmp_path / "out")
    model, times = file.read_bytes(), {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/shards/*")}
    (grown / "manifest.jsonl").write_text("".join(lines))
    after, printed = prepared(grown, tmp_path / "out")
    assert file.read_bytes() == model
    assert after.num_rows == before.num_rows + 2
    kept = [path for path, at in times.items() if path.exists() and path.stat().st_mtime_ns == at]
    assert len(kept) >= len(times) - 2
    assert "stood already" in printed


def test_other_settings_train_another_one_and_the_old_one_goes(corpus: Path, tmp_path: Path) -> None:
    prepared(corpus, tmp_path / "out")
    (before,) = aligners(tmp_path / "out")
    leftover = tmp_path / "out" / "aligner-0000.safetensors.features"
    leftover.mkdir()
    (leftover / "000000.npy").write_bytes(b"left by a killed run")
    speech = replace(CONFIG.speech, aligner=replace(CONFIG.speech.aligner, num_passes=(3,)))
    prepared(corpus, tmp_path / "out", replace(CONFIG, speech=speech))
    (after,) = aligners(tmp_path / "out")
    assert after.name != before.name


def test_verify_finds_an_aligner_that_has_changed(corpus: Path, tmp_path: Path) -> None:
    prepared(corpus, tmp_path / "out")
    (file,) = aligners(tmp_path / "out")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    (problem,) = verify_folder(locate(str(tmp_path / "out")))
    assert (problem.file, problem.what) == (file.name, "its checksum is not the one on record: bytes have changed")
    assert problem.mend.startswith("remove it and run the command")
    file.unlink()
    (problem,) = verify_folder(locate(str(tmp_path / "out")))
    assert (problem.file, problem.what) == (file.name, "missing")
    prepared(corpus, tmp_path / "out")


def test_a_corpus_that_no_aligner_can_be_trained_on_is_prepared_all_the_same(tmp_path: Path) -> None:
    write_wav(tmp_path / "corpus" / "a.wav")
    line = {"audio_filepath": "a.wav", "text": "far more than can be said in a fifth of a second"}
    (tmp_path / "corpus" / "manifest.jsonl").write_text(json.dumps(line))
    info, printed = prepared(tmp_path / "corpus", tmp_path / "out")
    assert "phones are spread evenly: the aligner finds no utterance to be trained on" in printed
    assert (info.num_rows, info.files) == (1, {})
    (row,) = rows_of(open_dataset(locate(str(tmp_path / "out")))).values()
    assert row["align_method"] == "uniform"


def test_texts_with_times_train_nothing(corpus: Path, tmp_path: Path) -> None:
    auto = replace(CONFIG, speech=replace(CONFIG.speech, phones="auto"))
    info, _ = prepared(corpus, tmp_path / "out", auto)
    assert not aligners(tmp_path / "out")
    rows = rows_of(open_dataset(locate(str(tmp_path / "out"))))
    assert {row["align_method"] for row in rows.values()} == {"corpus"}
    assert info.files == {}


@pytest.mark.parametrize("ending", [".lab", ".TextGrid"])
def test_labels_that_hold_no_phones_are_texts_to_be_aligned(corpus: Path, tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    for line in map(json.loads, (corpus / "manifest.jsonl").read_text().splitlines()):
        copy = folder / Path(line["audio_filepath"]).name
        copy.symlink_to(corpus / line["audio_filepath"])
        copy.with_suffix(ending).write_text(line["text"] if ending == ".lab" else words_alone(line["text"]))
    auto = replace(CONFIG, speech=replace(CONFIG.speech, phones="auto"))
    prepared(folder, tmp_path / "out", auto)
    rows = rows_of(open_dataset(locate(str(tmp_path / "out"))))
    assert {row["align_method"] for row in rows.values()} == {"hmm"}


def words_alone(text: str) -> str:
    """A TextGrid in its short form, without a tier of phones."""
    words = [f'{place / 10}\n{(place + 1) / 10}\n"{word}"' for place, word in enumerate(text.split())]
    end_s = len(words) / 10
    head = ['"ooTextFile"', '"TextGrid"', 0, end_s, "<exists>", 1, '"IntervalTier"', '"words"', 0, end_s, len(words)]
    return "\n".join(map(str, [*head, *words]))
