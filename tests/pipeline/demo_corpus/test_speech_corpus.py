import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipeline.corpora.detect import find_layout
from pipeline.demo_corpus.speech import SPEAKERS, STYLES, SpeechCorpusConfig, make_speech_corpus, phrases
from pipeline.errors import OccupiedError
from pipeline.items import AudioItem
from pipeline.storage import Location, locate

SMALL = SpeechCorpusConfig(num_colours=1, num_digits=2)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speech")
    assert make_speech_corpus(locate(str(folder)), SMALL) == 2 * len(SPEAKERS) * len(STYLES)
    return folder


def lines(corpus: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (corpus / "manifest.jsonl").read_text().splitlines()]


def test_two_makings_give_equal_bytes(corpus: Path, tmp_path: Path) -> None:
    make_speech_corpus(locate(str(tmp_path)), SMALL)
    assert files(tmp_path) == files(corpus)


def test_making_it_again_touches_nothing(corpus: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    make_speech_corpus(locate(str(corpus)), SMALL)
    assert {path: path.stat().st_mtime_ns for path in corpus.rglob("*")} == before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OccupiedError, match=r"thesis\.tex"):
        make_speech_corpus(locate(str(tmp_path)), SMALL)
    assert files(tmp_path) == {"thesis.tex": b"years of work"}


def test_an_interrupted_making_goes_on(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "made.json.begun").write_text("")
    (tmp_path / "wavs").mkdir()
    (tmp_path / "wavs" / "high-1-calm-red-zero.wav").write_bytes(b"half")
    make_speech_corpus(locate(str(tmp_path)), SMALL)
    assert files(tmp_path) == files(corpus)


def test_the_manifest_reader_takes_every_line(corpus: Path) -> None:
    location = Location(str(corpus))
    items = [item for item in find_layout(location).items(location) if isinstance(item, AudioItem)]
    assert len(items) == len(lines(corpus))
    assert {item.speaker for item in items} == set(SPEAKERS)
    assert {item.emotion for item in items} == set(STYLES)
    assert all(item.text and item.phones and item.licence and item.language == "en-us" for item in items)


def test_phone_times_cover_the_file(corpus: Path) -> None:
    for line in lines(corpus):
        info = soundfile.info(io.BytesIO((corpus / line["audio_filepath"]).read_bytes()))
        assert info.samplerate == 16_000
        assert info.channels == 1
        assert info.subtype == "PCM_16"
        assert line["phones"][0][1] == 0
        assert line["phones"][-1][2] == pytest.approx(info.duration, abs=1 / 16_000)


def test_excited_speech_is_shorter_than_calm(corpus: Path) -> None:
    spoken = {line["item_id"]: line["phones"][-1][2] for line in lines(corpus)}
    for speaker in SPEAKERS:
        assert spoken[f"{speaker}-excited-red-one"] < spoken[f"{speaker}-calm-red-one"]


def test_no_two_voices_sound_the_same(corpus: Path) -> None:
    spectra = []
    for speaker in SPEAKERS:
        waveform, _ = soundfile.read(corpus / "wavs" / f"{speaker}-calm-red-one.wav")
        spectrum = np.log(np.abs(np.fft.rfft(waveform, 16_384))[:8000].reshape(100, -1).mean(1) + 1e-6)
        spectra.append(spectrum - spectrum.mean())
    for i, left in enumerate(spectra):
        for right in spectra[i + 1 :]:
            assert np.corrcoef(left, right)[0, 1] < 0.97


def test_held_out_phrases_are_new_but_their_words_are_not() -> None:
    by_split: dict[str, set[str]] = {}
    for phrase in phrases(SpeechCorpusConfig()):
        by_split.setdefault(phrase.split, set()).add(phrase.text)
    assert {split: len(texts) for split, texts in by_split.items()} == {"train": 32, "validation": 4, "test": 4}
    words = {word for text in by_split["train"] for word in text.split()}
    for split in ("validation", "test"):
        assert by_split[split].isdisjoint(by_split["train"])
        assert {word for text in by_split[split] for word in text.split()} <= words
