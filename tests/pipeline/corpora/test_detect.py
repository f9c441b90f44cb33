from pathlib import Path

import pytest

from pipeline.corpora.detect import LAYOUTS, find_layout
from pipeline.errors import CorpusError
from pipeline.storage import locate
from tests.corpus_builders import fsdd_corpus, idx_corpus, manifest_corpus, write_png, write_wav


def a_corpus(layout: str, folder: Path) -> Path:
    """A tiny corpus of the layout."""
    match layout:
        case "fsdd":
            return fsdd_corpus(folder)
        case "idx":
            return idx_corpus(folder, {"train": 3})
        case "jsonl_manifest":
            return manifest_corpus(folder, [{"audio_filepath": "a.wav"}])
        case "image_folder":
            write_png(folder / "cat" / "1.png")
        case "ljspeech":
            write_wav(folder / "wavs" / "a.wav")
            (folder / "metadata.csv").write_text("a|A.|a.\n")
    return folder


@pytest.mark.parametrize("layout", ["fsdd", "idx", "image_folder", "jsonl_manifest", "ljspeech"])
def test_each_layout_is_found_and_no_other_claims_it(layout: str, tmp_path: Path) -> None:
    folder = locate(str(a_corpus(layout, tmp_path / "corpus")))
    assert [name for name, one in LAYOUTS.items() if not one.is_fallback and one.detect(folder)] == [layout]
    assert find_layout(folder).name == find_layout(folder, layout).name == layout
    items = list(find_layout(folder).items(folder))
    assert items
    assert items == list(find_layout(folder).items(folder))
    assert len({item.item_id for item in items}) == len(items)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_layout_stumbles_over_another_folder(layout: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing of use")
    (tmp_path / "sub").mkdir()
    assert not LAYOUTS[layout].detect(locate(str(tmp_path)))
    assert not LAYOUTS[layout].detect(locate(str(tmp_path / "missing")))


def test_an_unknown_layout_names_those_known_and_what_each_looks_for(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing of use")
    with pytest.raises(CorpusError) as caught:
        find_layout(locate(str(tmp_path)))
    message = str(caught.value)
    assert "notes.txt" in message
    assert all(f"{one.name}: {one.looks_for}" in message for one in LAYOUTS.values())


def test_a_missing_corpus_an_empty_one_and_a_file_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.wav").write_bytes(b"x")
    for name, expected in [("missing", "does not exist"), ("empty", "is empty"), ("file.wav", "is a file")]:
        with pytest.raises(CorpusError, match=expected):
            find_layout(locate(str(tmp_path / name)))


def test_two_layouts_in_one_folder_are_the_users_to_decide(tmp_path: Path) -> None:
    folder = locate(str(manifest_corpus(fsdd_corpus(tmp_path), [{"audio_filepath": "recordings/0_ann_0.wav"}])))
    with pytest.raises(CorpusError, match="could be read as fsdd and jsonl_manifest; say which with --set layout="):
        find_layout(folder)
    assert find_layout(folder, "fsdd").name == "fsdd"


def test_a_layout_that_was_asked_for_has_to_be_there(tmp_path: Path) -> None:
    folder = locate(str(fsdd_corpus(tmp_path)))
    with pytest.raises(CorpusError, match=r"not laid out as ljspeech: expected metadata\.csv"):
        find_layout(folder, "ljspeech")
    with pytest.raises(CorpusError, match="layout 'voxceleb' is not known"):
        find_layout(folder, "voxceleb")


@pytest.mark.parametrize(
    ("corpus", "layout", "count"),
    [
        ("fsdd", "fsdd", 600),
        ("LJSpeech-1.1", "ljspeech", 40),
        ("mnist", "idx", 5000),
        ("cifar10-png", "image_folder", 3000),
    ],
)
def test_real_corpora_are_read_whole(shared_data: Path, corpus: str, layout: str, count: int) -> None:
    folder = locate(str(shared_data / corpus))
    found = find_layout(folder)
    assert (found.name, sum(1 for _ in found.items(folder))) == (layout, count)


@pytest.mark.parametrize("layout", ["fsdd", "ljspeech", "idx"])
def test_a_corpus_one_folder_below_is_named_and_not_read_as_plain_audio(layout: str, tmp_path: Path) -> None:
    a_corpus(layout, tmp_path / "downloads" / "unpacked")
    (tmp_path / "downloads" / "unpacked.tar.gz").write_bytes(b"x")
    with pytest.raises(CorpusError, match=rf"downloads/unpacked \({layout}\).*Give that folder") as caught:
        find_layout(locate(str(tmp_path / "downloads")))
    assert "--set layout=audio_folder" in str(caught.value)


def test_plain_audio_may_still_be_read_from_above_a_corpus(tmp_path: Path) -> None:
    a_corpus("ljspeech", tmp_path / "unpacked")
    assert find_layout(locate(str(tmp_path)), "audio_folder").name == "audio_folder"


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_is_told_how_it_is_named(kind: str, tmp_path: Path) -> None:
    file = tmp_path / f"corpus.{kind}"
    file.write_bytes(b"x")
    for named in (str(file), f"{kind}://{file}"):
        with pytest.raises(CorpusError, match=f"{kind}://::{file}"):
            find_layout(locate(named))
