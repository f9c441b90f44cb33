"""ImageFolder: one folder of pictures per class, as torchvision and many data sets have it.

Source and licence: whoever made the folder; neither is recorded in it.
Layout: {class}/*.png (or jpg, ...), or {split}/{class}/*.png with folders train, validation (val, valid, dev) and test.
Class names are the labels; models number them in sorted order. Pictures in folders below a class are of that class.
Traps: a folder that holds pictures deeper down alone is not taken for a class, since its folders may be the classes;
a folder may hold one split alone, or none for validation. What is the corpus's own is kept, with one exception
that `splits.py` explains.
"""

from collections.abc import Iterator

from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import IMAGE_ENDINGS, listed
from pipeline.corpora.splits import SPLIT_NAMES, own_splits
from pipeline.items import BadItem, ImageItem, Item
from pipeline.storage import Location


def has_classes(folder: Location) -> bool:
    """Whether a folder right below holds a picture itself; folders are listed up to the first that does."""
    names = (name for name in folder.names() if not name.startswith("."))
    return any(is_image(below) for name in names for below in (folder / name).names())


def is_image(name: str) -> bool:
    """Whether the name ends as a picture's does."""
    return name.lower().endswith(IMAGE_ENDINGS)


def split_folders(folder: Location) -> list[str]:
    """Folders right below that are named as splits are and hold class folders."""
    return [name for name in folder.names() if name.lower() in SPLIT_NAMES and has_classes(folder / name)]


def detect(folder: Location) -> bool:
    """Whether folders of pictures stand here, or below a folder named as a split is."""
    return bool(split_folders(folder)) or has_classes(folder)


def items(folder: Location) -> Iterator[Item]:
    """One item a picture, by split, class and name."""
    splits = split_folders(folder)
    names = own_splits(splits)
    for split in splits or [""]:
        place = folder / split if split else folder
        for entry in listed(place, IMAGE_ENDINGS):
            path = f"{split}/{entry.item_id if isinstance(entry, BadItem) else entry.path}".lstrip("/")
            if isinstance(entry, BadItem):
                yield BadItem(path, entry.source, entry.reason)
            elif "/" in entry.path:
                yield ImageItem(
                    item_id=path,
                    source=str(place / entry.path),
                    fingerprint=entry.fingerprint,
                    label=entry.path.split("/")[0],
                    split=names.get(split, ""),
                )


LAYOUT = Layout(
    "image_folder", "image", "a folder of pictures per class, or such below train/ and test/", detect, items
)
