"""The list of layouts, and finding the one that a folder follows."""

from pipeline.corpora import (
    audio_folder,
    cifar,
    cmu_arctic,
    common_voice,
    emodb,
    fsdd,
    hf_parquet,
    idx,
    image_folder,
    jsonl_manifest,
    kaldi,
    lhotse,
    librispeech,
    libritts,
    ljspeech,
    ravdess,
    timit,
    vctk,
    vctk_like,
    webdataset,
    yesno,
)
from pipeline.corpora.glance import Glance
from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import as_text
from pipeline.errors import CorpusError
from pipeline.storage import Location

AUTO = "auto"

ARCHIVES = ("zip", "tar")
"""Read in place, named as fsspec chains names."""

MOST_INSIDE = 3
"""Folders that are looked into where nothing is found above them: a download and its neighbours, not the speakers."""

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        audio_folder.LAYOUT,
        cifar.LAYOUT,
        cmu_arctic.LAYOUT,
        common_voice.LAYOUT,
        emodb.LAYOUT,
        fsdd.LAYOUT,
        hf_parquet.AUDIO_LAYOUT,
        hf_parquet.IMAGE_LAYOUT,
        idx.LAYOUT,
        image_folder.LAYOUT,
        jsonl_manifest.LAYOUT,
        kaldi.LAYOUT,
        lhotse.LAYOUT,
        librispeech.LAYOUT,
        libritts.LAYOUT,
        ljspeech.LAYOUT,
        ravdess.LAYOUT,
        timit.LAYOUT,
        vctk.LAYOUT,
        vctk_like.LAYOUT,
        webdataset.PICTURES_LAYOUT,
        webdataset.RECORDINGS_LAYOUT,
        yesno.LAYOUT,
    )
}
"""Every layout that can be read, by name. To add one: write its file, put it here, test it."""


def find_layout(folder: Location, name: str = AUTO) -> Layout:
    """The layout of this name, or the only one that the folder follows; CorpusError where that is not clear."""
    folder = Glance(folder.uri)
    check_folder(folder)
    if name != AUTO:
        return named_layout(folder, name)
    found = followed(folder)
    if not found:
        refuse_to_pass_over(folder)
    found = found or [layout for layout in LAYOUTS.values() if layout.is_fallback and layout.detect(folder)]
    if not found:
        raise CorpusError(
            f"{folder}: no layout that is known here. It holds {glimpse(folder)}; expected one of\n{described()}\n"
            "Give the corpus's own folder, or write a manifest.jsonl for it."
        )
    if len(found) > 1:
        names = " and ".join(layout.name for layout in found)
        raise CorpusError(
            f"{folder} could be read as {names}; say which with --set layout={found[0].name} (or another of them)."
        )
    return found[0]


def followed(folder: Location) -> list[Layout]:
    """The layouts that a folder follows, those apart that fit almost any."""
    return [layout for layout in LAYOUTS.values() if not layout.is_fallback and layout.detect(folder)]


def refuse_to_pass_over(folder: Location) -> None:
    """Stop before a corpus that lies one folder below, as archives unpack, is read without its texts and speakers."""
    names = [name for name in folder.folder_names() if not name.startswith(".")]
    below = [(folder / name, followed(folder / name)) for name in names if len(names) <= MOST_INSIDE]
    corpora = [f"{place} ({' or '.join(layout.name for layout in layouts)})" for place, layouts in below if layouts]
    if corpora:
        raise CorpusError(
            f"{folder} follows no layout, but holds {' and '.join(corpora)}. Give that folder, or, to read "
            "what is here as plain audio without its texts and speakers, --set layout=audio_folder."
        )


def check_folder(folder: Location) -> None:
    """A corpus is a folder with something in it, whose name can be written down."""
    if (readable := as_text(folder.uri)) != folder.uri:
        raise CorpusError(f"{readable}: the folder's path is not UTF-8, as rows name their sources; rename it.")
    kind, mark, path = folder.uri.partition("://")
    if mark and kind in ARCHIVES and "::" not in path:
        raise CorpusError(f"{folder} names no archive; expected {kind}://::{path}, or {kind}://FOLDER::{path}.")
    if folder.is_file():
        inside = next((f", or {one}://::{folder} for what is in it" for one in ARCHIVES if ends_as(folder, one)), "")
        raise CorpusError(
            f"{folder} is a file; expected the folder of a corpus. Give the folder that it lies in{inside}."
        )
    if not folder.exists():
        raise CorpusError(f"{folder} does not exist; expected the folder of a corpus. Check the path.")
    if not folder.names():
        raise CorpusError(f"{folder} is empty; expected the folder of a corpus. Check the path, or that it is mounted.")


def ends_as(folder: Location, ending: str) -> bool:
    """Whether a name ends so, in either case."""
    return folder.uri.lower().endswith(f".{ending}")


def named_layout(folder: Location, name: str) -> Layout:
    """The layout that the user asked for, if the folder follows it."""
    if name not in LAYOUTS:
        raise CorpusError(f"layout {name!r} is not known; expected auto or one of\n{described()}")
    layout = LAYOUTS[name]
    if not layout.detect(folder):
        raise CorpusError(
            f"{folder} is not laid out as {name}: expected {layout.looks_for}; it holds {glimpse(folder)}."
        )
    return layout


def described() -> str:
    """Every layout with what it looks for, a line each."""
    return "\n".join(f"  {layout.name}: {layout.looks_for}" for layout in LAYOUTS.values())


def glimpse(folder: Location) -> str:
    """The first few names in a folder."""
    names = folder.names()
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
