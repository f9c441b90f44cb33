import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.corpora.detect import find_layout
from pipeline.corpora.language import CODES, NAMES, language_tag
from pipeline.items import AudioItem
from pipeline.speech.espeak import voice_files
from pipeline.storage import locate
from tests.corpus_builders import write_wav


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("English", "en-us"),
        ("Mandarin", "cmn"),
        ("eng", "en-us"),
        ("en_US", "en-us"),
        ("PT-BR", "pt-br"),
        ("de", "de"),
        ("yue", "yue"),
        ("", ""),
        ("Singaporean English", "Singaporean English"),
    ],
)
def test_names_codes_and_spellings_become_tags_and_the_rest_stays(written: str, tag: str) -> None:
    assert language_tag(written) == tag == language_tag(tag)


def test_every_tag_is_a_voice_of_espeak() -> None:
    assert {*NAMES.values(), *CODES.values()} <= voice_files().keys()


def test_a_language_that_lhotse_s_recipes_write_has_a_voice(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav")
    recording: dict[str, Any] = {"id": "r", "duration": 0.1}
    recording |= {"sources": [{"type": "file", "channels": [0], "source": str(tmp_path / "a.wav")}]}
    recording |= {"sampling_rate": 16000, "num_samples": 1600, "channel_ids": [0]}
    supervision: dict[str, Any] = {"id": "s", "recording_id": "r", "start": 0.0, "duration": 0.1}
    supervision |= {"text": "hello", "language": "English"}
    for name, line in (("recordings", recording), ("supervisions", supervision)):
        (tmp_path / f"{name}.jsonl.gz").write_bytes(gzip.compress(json.dumps(line).encode()))
    folder = locate(str(tmp_path))
    (item,) = find_layout(folder).items(folder)
    assert isinstance(item, AudioItem)
    assert item.language == "en-us"


def test_a_manifest_may_write_the_language_as_it_likes(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav")
    line = {"audio_filepath": "a.wav", "text": "hallo", "lang": "German"}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(line) + "\n")
    folder = locate(str(tmp_path))
    (item,) = find_layout(folder).items(folder)
    assert isinstance(item, AudioItem)
    assert item.language == "de"
