"""Every corpus of speech is found as what it is, and as nothing else, whatever other layouts there are."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from pipeline.corpora.detect import LAYOUTS, find_layout
from pipeline.errors import CorpusError
from pipeline.items import AudioItem
from pipeline.storage import Location, locate
from tests.corpus_builders import fsdd_corpus, write_wav
from tests.speech_corpora_builders import (
    arctic_corpus,
    arctic_voice,
    common_voice_corpus,
    emodb_corpus,
    librispeech_corpus,
    libritts_corpus,
    ravdess_corpus,
    timit_corpus,
    timit_speaker,
    vctk_corpus,
    vctk_like_corpus,
    write_audio,
    write_text,
    yesno_corpus,
)


def ljspeech_corpus(folder: Path) -> Path:
    """Ids and normalised texts, one recording."""
    write_wav(folder / "wavs" / "LJ001-0001.wav")
    write_text(folder / "metadata.csv", "LJ001-0001|Printing|Printing\n")
    return folder


def filelist_corpus(folder: Path) -> Path:
    """Paths, texts and speakers."""
    write_wav(folder / "clips" / "a.wav")
    write_text(folder / "metadata.csv", "clips/a.wav|Hello.|ann\n")
    return folder


def bare_vctk(folder: Path) -> Path:
    """Recordings by speaker and nothing else."""
    write_audio(folder / "p225" / "p225_001.wav")
    return folder


def plain_folder(folder: Path) -> Path:
    """Recordings of two speakers with texts and labels."""
    for name in ("ann/one", "bob/two"):
        write_audio(folder / f"{name}.flac")
        write_text(folder / f"{name}.txt", "Hello.")
        write_text(folder / f"{name}.lab", "0 500000 h\n500000 1000000 sil\n")
    return folder


CORPORA: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "a plain folder": ("audio_folder", plain_folder),
    "arctic voices": ("cmu_arctic", arctic_corpus),
    "an arctic voice": ("cmu_arctic", arctic_voice),
    "common voice": ("common_voice", lambda at: common_voice_corpus(at, {"train": (("ann", "c1"),)})),
    "emodb": ("emodb", emodb_corpus),
    "fsdd": ("fsdd", fsdd_corpus),
    "librispeech": ("librispeech", librispeech_corpus),
    "a subset of librispeech": ("librispeech", lambda at: librispeech_corpus(at) / "dev-clean"),
    "libritts": ("libritts", libritts_corpus),
    "ljspeech": ("ljspeech", ljspeech_corpus),
    "a list of files": ("ljspeech", filelist_corpus),
    "ravdess": ("ravdess", ravdess_corpus),
    "an actor of ravdess": ("ravdess", lambda at: ravdess_corpus(at) / "Actor_01"),
    "timit": ("timit", timit_corpus),
    "half of timit": ("timit", lambda at: timit_corpus(at) / "TRAIN"),
    "nltk's timit": ("timit", lambda at: timit_speaker(at / "dr1-fvmh0", upper=False).parent),
    "vctk 0.92": ("vctk", vctk_corpus),
    "vctk 0.80": ("vctk", lambda at: vctk_corpus(at, "0.80")),
    "an excerpt of vctk": ("vctk", bare_vctk),
    "like vctk": ("vctk_like", vctk_like_corpus),
    "yesno": ("yesno", yesno_corpus),
    "yesno, from above": ("yesno", lambda at: yesno_corpus(at / "waves_yesno").parent),
}

ITSELF = {layout for layout, _ in CORPORA.values()}


def found(folder: Location) -> list[str]:
    """Every layout that claims the folder, fallbacks aside."""
    return [name for name, layout in LAYOUTS.items() if not layout.is_fallback and layout.detect(folder)]


@pytest.mark.parametrize("corpus", CORPORA)
def test_exactly_one_layout_is_found_and_its_items_are_the_same_twice(corpus: str, tmp_path: Path) -> None:
    layout, build = CORPORA[corpus]
    folder = locate(str(build(tmp_path / "corpus")))
    assert found(folder) == ([] if LAYOUTS[layout].is_fallback else [layout])
    assert find_layout(folder).name == layout
    items = list(LAYOUTS[layout].items(folder))
    assert items == list(LAYOUTS[layout].items(folder))
    assert len({item.item_id for item in items}) == len(items) > 0
    assert all(item.item_id.isprintable() and ".." not in item.item_id.split("/") for item in items)


@pytest.mark.parametrize("corpus", CORPORA)
def test_sources_lie_below_the_corpus_and_are_there(corpus: str, tmp_path: Path) -> None:
    layout, build = CORPORA[corpus]
    folder = build(tmp_path / "corpus")
    items = [item for item in LAYOUTS[layout].items(locate(str(folder))) if isinstance(item, AudioItem)]
    for item in items:
        for source in filter(None, (item.source, item.text_source, item.times_source)):
            assert Path(source).is_relative_to(folder)
            assert Path(source).is_file() or item.item_id == "p362_002"
        assert item.num_bytes in (0, Path(item.source).stat().st_size if Path(item.source).is_file() else 0)
        assert bool(item.num_bytes) == bool(item.fingerprint)


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_corpus_is_read_from_an_object_store_as_from_a_disk(corpus: str, tmp_path: Path) -> None:
    layout, build = CORPORA[corpus]
    folder = build(tmp_path / "corpus")
    here, there = locate(str(folder)), Location(f"memory://{tmp_path.name}/{folder.name}")
    for entry in here.files():
        (there / entry.path).write_bytes((here / entry.path).read_bytes())
    assert find_layout(there).name == layout
    assert [item.item_id for item in LAYOUTS[layout].items(there)] == [
        item.item_id for item in LAYOUTS[layout].items(here)
    ]
    there.remove_folder()


@pytest.fixture(scope="module")
def nothing_but_names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All corpora in one folder, and the same bytes in every file."""
    folder = tmp_path_factory.mktemp("mixed")
    for _, build in CORPORA.values():
        build(folder)
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xff\x00|\t\n" * 3)
    return folder


@pytest.mark.parametrize("layout", sorted(ITSELF))
def test_files_that_hold_something_else_are_no_crash(layout: str, nothing_but_names: Path) -> None:
    items = list(LAYOUTS[layout].items(locate(str(nothing_but_names))))
    assert len({item.item_id for item in items}) == len(items) > 0


@pytest.mark.parametrize(
    ("corpus", "layout", "count"),
    [
        ("LJSpeech-1.1", "ljspeech", 40),
        ("RAVDESS", "ravdess", 16),
        ("fsdd", "fsdd", 600),
        ("fsdd/recordings", "fsdd", 600),
        ("hts-arctic", "audio_folder", 1),
        ("odd-formats", "audio_folder", 7),
        ("timit-sample", "timit", 40),
        ("vctk-excerpt", "vctk", 10),
        ("waves_yesno", "yesno", 10),
        ("LJSpeech-1.1/wavs", "audio_folder", 40),
        ("vctk-excerpt/p225", "audio_folder", 5),
    ],
)
def test_each_real_folder_is_one_layout_and_every_file_of_audio_an_item(
    shared_data: Path, corpus: str, layout: str, count: int
) -> None:
    folder = locate(str(shared_data / corpus))
    assert found(folder) == ([] if LAYOUTS[layout].is_fallback else [layout])
    assert find_layout(folder).name == layout
    items = [item for item in LAYOUTS[layout].items(folder) if isinstance(item, AudioItem)]
    sounds = {str(path) for path in Path(str(folder)).rglob("*") if path.suffix in (".wav", ".flac", ".mp3", ".opus")}
    assert {item.source for item in items} == sounds
    assert len(items) == len(sounds) == count


@pytest.mark.parametrize(("corpus", "layout"), [("mnist", "idx"), ("cifar10-png", "image_folder")])
def test_pictures_are_no_speech(shared_data: Path, corpus: str, layout: str) -> None:
    assert found(locate(str(shared_data / corpus))) == [layout]


def test_a_folder_whose_name_is_no_text_is_told_before_its_rows_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"corpus \xff")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this disk takes no such name")
    write_wav(tmp_path / "a.wav").rename(folder / "a.wav")
    with pytest.raises(CorpusError, match=r"corpus \ufffd: the folder's path is not UTF-8") as caught:
        find_layout(locate(str(folder)))
    assert str(caught.value).isprintable()


def test_a_folder_is_listed_once_for_all_layouts(monkeypatch: pytest.MonkeyPatch) -> None:
    store, listed = fsspec.filesystem("memory"), Counter[str]()
    for number in range(3):
        store.pipe_file(f"/flat/{number}.wav", b"x")
    ls = type(store).ls

    def counted(self: object, path: str, *given: object, **named: object) -> object:
        listed[path] += 1
        return ls(self, path, *given, **named)

    monkeypatch.setattr(type(store), "ls", counted)
    assert find_layout(locate("memory://flat")).name == "audio_folder"
    assert listed["/flat"] <= 4  # names, folders, and up to the first file of audio
    store.rm("/flat", recursive=True)
