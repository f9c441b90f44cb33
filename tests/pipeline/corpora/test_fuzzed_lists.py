"""Lists of a corpus that are damaged in any way: no crash, ids that stay distinct, sources that stay below."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpora.detect import LAYOUTS
from pipeline.corpora.layout import Layout
from pipeline.storage import locate
from tests.corpus_builders import write_wav
from tests.speech_corpora_builders import (
    arctic_voice,
    common_voice_corpus,
    librispeech_corpus,
    vctk_corpus,
    write_text,
)


def ljspeech_corpus(folder: Path) -> Path:
    """Lines of ids and a line of a path."""
    write_wav(folder / "wavs" / "a.wav")
    write_text(folder / "metadata.csv", "a|Hello.|hello\nb|There.\nwavs/a.wav|Hello.|ann\n")
    return folder


LISTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "ljspeech": (ljspeech_corpus, "metadata.csv"),
    "cmu_arctic": (arctic_voice, "etc/txt.done.data"),
    "librispeech": (librispeech_corpus, "dev-clean/84/7/84-7.trans.txt"),
    "common_voice": (lambda at: common_voice_corpus(at, {"train": (("ann", "c1"), ("bob", "c2"))}), "train.tsv"),
    "vctk": (vctk_corpus, "speaker-info.txt"),
    "libritts": (librispeech_corpus, "SPEAKERS.TXT"),
}

PIECES = st.sampled_from(
    [b"|", b"\t", b"\n", b"\r\n", b'"', b"../", b"/", b"::", b"\0", b"\xff", b"\xef\xbb\xbf", b"( ", b"-"]
)

EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), PIECES | st.binary(max_size=12)), min_size=1, max_size=6
)


@pytest.fixture(scope="module", params=LISTS)
def corpus(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Layout, Path, Path, bytes]:
    """A layout, a corpus of it, the list that is to be damaged and what it holds."""
    build, name = LISTS[request.param]
    folder = build(tmp_path_factory.mktemp("corpus"))
    return LAYOUTS[request.param], folder, folder / name, (folder / name).read_bytes()


@settings(max_examples=150, deadline=None)
@given(edits=EDITS)
def test_a_damaged_list_is_read_to_its_end(
    corpus: tuple[Layout, Path, Path, bytes], edits: list[tuple[float, int, bytes]]
) -> None:
    layout, folder, file, whole = corpus
    data = whole
    for place, length, piece in edits:
        start = int(place * len(data))
        data = data[:start] + piece + data[start + length :]
    file.write_bytes(data)
    layout.detect(locate(str(folder)))
    items = list(layout.items(locate(str(folder))))
    assert len({item.item_id for item in items}) == len(items)
    for item in items:
        below = item.source.removeprefix(f"{folder}/")
        assert below != item.source
        assert ".." not in below.split("/")
        assert "::" not in below
        assert item.item_id.encode("utf-8")
