"""ImageFolder: one folder of pictures per class, as torchvision and many data sets have it.

Source and licence: whoever made the folder; neither is recorded in it.
Layout: {class}/*.png (or jpg, ...), or {split}/{class}/*.png with folders train, validation (val, valid, dev) and test.
Class names are the labels; models number them in sorted order. Pictures in folders below a class are of that class.
Traps: a folder that holds pictures deeper down alone is not taken for a class, since its folders may be the classes;
a folder may hold one split alone, or none for validation. What is the corpus's own is kept, with one exception
that `splits.py` explains.
What is not taken and may have been meant is a failure: a picture beside the classes (it has none), a picture of a kind
that is not read (.heic, .avif, ...), and, once a folder, what lies beside the splits or is named as one and has no
classes. Files of other kinds (texts, tables, Thumbs.db) and hidden ones are passed over.
"""

from collections.abc import Iterator

from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import IMAGE_ENDINGS, listed
from pipeline.corpora.splits import SPLIT_NAMES, own_splits
from pipeline.items import BadItem, ImageItem, Item
from pipeline.storage import Location

OTHER_PICTURES = (".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".tga", ".psd", ".dng", ".cr2", ".nef")
"""Endings of pictures that are not read."""


def has_classes(folder: Location) -> bool:
    """Whether a folder right below holds a picture itself; folders are listed up to the first that does."""
    names = (name for name in folder.folder_names() if not name.startswith("."))
    return any(is_image(below) for name in names for below in (folder / name).names())


def is_image(name: str) -> bool:
    """Whether the name ends as a picture's does."""
    return name.lower().endswith(IMAGE_ENDINGS)


def split_folders(folder: Location) -> list[str]:
    """Folders right below that are named as splits are and hold class folders."""
    return [name for name in folder.folder_names() if name.lower() in SPLIT_NAMES and has_classes(folder / name)]


def detect(folder: Location) -> bool:
    """Whether folders of pictures stand here, or below a folder named as a split is."""
    return bool(split_folders(folder)) or has_classes(folder)


def items(folder: Location) -> Iterator[Item]:
    """One item a picture, by split, class and name."""
    splits = split_folders(folder)
    if not splits:
        yield from items_below(folder, "", "")
        return
    yield from beside(folder, splits)
    names = own_splits(splits)
    for split in splits:
        yield from items_below(folder / split, f"{split}/", names[split])


def items_below(place: Location, prefix: str, split: str) -> Iterator[Item]:
    """The pictures in the class folders of one place; `prefix` begins their ids."""
    for entry in listed(place, IMAGE_ENDINGS + OTHER_PICTURES):
        if isinstance(entry, BadItem):
            yield BadItem(prefix + entry.item_id, entry.source, entry.reason)
        elif reason := fault_of(entry.path):
            yield BadItem(prefix + entry.path, str(place / entry.path), reason)
        else:
            yield ImageItem(
                item_id=prefix + entry.path,
                source=str(place / entry.path),
                fingerprint=entry.fingerprint,
                label=entry.path.split("/")[0],
                split=split,
                num_bytes=entry.size_bytes,
            )


def fault_of(path: str) -> str:
    """Why a picture at this place is no item, "" where it is one."""
    if not is_image(path):
        return f"pictures of this kind are not read; expected one of {' '.join(IMAGE_ENDINGS)}: convert it"
    return "" if "/" in path else "lies beside the folders of classes, so that it has none; move it into one"


def beside(folder: Location, splits: list[str]) -> Iterator[BadItem]:
    """Pictures and folders of pictures that lie beside the splits, and are in none."""
    for name in folder.names():
        if name in splits or name.startswith("."):
            continue
        if is_image(name):
            yield BadItem(name, str(folder / name), "lies beside the folders of splits; move it into a class of one")
        elif any(True for _ in listed(folder / name, IMAGE_ENDINGS)):
            reason = f"pictures in {name}/ are not read, as it is no folder of classes in a split as {splits[0]}/ is"
            yield BadItem(f"{name}/", str(folder / name), reason)


LAYOUT = Layout(
    "image_folder", "image", "a folder of pictures per class, or such below train/ and test/", detect, items
)
