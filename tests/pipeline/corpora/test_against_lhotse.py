"""What lhotse's recipes find in a corpus of the published layout, our readers find: ids, speakers, texts, audio."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.corpora.detect import find_layout
from pipeline.corpora.labels.texts import read_text
from pipeline.items import AudioItem
from pipeline.storage import locate
from tests.speech_corpora_builders import arctic_corpus, librispeech_corpus, libritts_corpus, vctk_corpus

SUBSETS = ["train-clean-100", "dev-clean", "test-other"]

Found = dict[str, tuple[str, str, str]]
"""Speaker, text and source, by the item's id."""


@pytest.fixture(scope="module")
def recipes() -> Any:
    """Imported when a test runs, since it takes seconds."""
    return pytest.importorskip("lhotse.recipes")


def theirs(manifests: Mapping[str, Any]) -> Found:
    """What a recipe's manifests say, of one part or of several."""
    if "supervisions" not in manifests:
        return {item_id: said for part in manifests.values() for item_id, said in theirs(part).items()}
    sources = {one.id: str(one.sources[0].source) for one in manifests["recordings"]}
    return {one.id: (one.speaker or "", one.text, sources[one.recording_id]) for one in manifests["supervisions"]}


def ours(folder: Path) -> Found:
    """What our reader says of those items that have audio and a text."""
    place = locate(str(folder))
    items = [item for item in find_layout(place).items(place) if isinstance(item, AudioItem) and item.fingerprint]
    found = {item.item_id: (item.speaker, item.text or text_of(item), item.source) for item in items}
    return {item_id: said for item_id, said in found.items() if said[1]}


def text_of(item: AudioItem) -> str:
    """The text of a file of its own."""
    return read_text(item.text_source) if item.text_source else ""


@pytest.mark.parametrize("version", ["0.92", "0.80"])
def test_vctk(recipes: Any, tmp_path: Path, version: str) -> None:
    folder = vctk_corpus(tmp_path, version)
    found = theirs(recipes.prepare_vctk(folder, use_edinburgh_vctk_url=version == "0.92", mic_id="mic1"))
    assert ours(folder) == {item_id.removesuffix("_mic1"): said for item_id, said in found.items()}
    assert len(found) == 7


@pytest.mark.parametrize(("name", "build"), [("librispeech", librispeech_corpus), ("libritts", libritts_corpus)])
def test_libri(recipes: Any, tmp_path: Path, name: str, build: Callable[[Path], Path]) -> None:
    folder = build(tmp_path)
    found = theirs(getattr(recipes, f"prepare_{name}")(folder, dataset_parts=SUBSETS))
    assert ours(folder) == found
    assert len(found) == 6


def test_cmu_arctic(recipes: Any, tmp_path: Path) -> None:
    found = theirs(recipes.prepare_cmu_arctic(arctic_corpus(tmp_path)))
    assert ours(tmp_path) == {item_id.replace("-", "/", 1): said for item_id, said in found.items()}
    assert len(found) == 4


def test_ljspeech(recipes: Any, shared_data: Path) -> None:
    folder = shared_data / "LJSpeech-1.1"
    found = theirs(recipes.prepare_ljspeech(folder))
    assert {item_id: said[2] for item_id, said in ours(folder).items()} == {key: said[2] for key, said in found.items()}
    assert len(found) == 40
