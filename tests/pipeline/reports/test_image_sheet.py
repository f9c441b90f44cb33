import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.reports.image_sheet import GAP, MOST_CLASSES, Strip, sheet_rows
from pipeline.storage import Location
from tests.pipeline.reports.subject_builders import PICTURES, Made, picture_row, write_dataset


def pixels(strip: Strip | None) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    assert strip is not None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(strip.uri.split(",")[1]))))


def place(folder: Path, name: str) -> Location:
    return Location(str(folder / name))


def test_classes_stand_in_reading_order_side_by_side(tmp_path: Path) -> None:
    rows = [picture_row(f"c{label}", label) for label in ("10", "9", "2")]
    corpus = write_dataset(place(tmp_path, "c"), rows, PICTURES)
    made_rows = [picture_row("g", label) for label in ("2", "10")]
    made = write_dataset(place(tmp_path, "g"), made_rows, PICTURES, Made("generate"))
    rows_shown = sheet_rows(corpus, made, 8)
    assert [row.label for row in rows_shown] == ["2", "10"]
    assert all(row.corpus and row.generated for row in rows_shown)
    assert [row.label for row in sheet_rows(corpus, None, 8)] == ["2", "9", "10"]


def test_pixels_are_enlarged_and_nothing_between_them_is_made_up(tmp_path: Path) -> None:
    corpus = write_dataset(place(tmp_path, "c"), [picture_row(f"c{n}", "1") for n in range(3)], PICTURES)
    (row,) = sheet_rows(corpus, None, 2)
    shown = pixels(row.corpus)
    assert shown.shape == (40, 2 * 40 + GAP, 4)
    assert (shown[:5, :5, :3] == 0).all()
    assert (shown[5:, :40, :3] == 255).all()
    assert (shown[:, 40 : 40 + GAP, 3] == 0).all()
    assert set(np.unique(shown[..., :3])) == {0, 255}


def test_colour_keeps_its_channels(tmp_path: Path) -> None:
    from pipeline.shards.schema import ImageConventions

    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 255
    row = {"item_id": "r", "split": "train", "levels": red.tobytes(), "height": 2, "width": 2, "channels": 3}
    corpus = write_dataset(place(tmp_path, "c"), [row], ImageConventions(2, 2, 3))
    (shown,) = sheet_rows(corpus, None, 8)
    assert shown.label == ""
    assert (pixels(shown.corpus)[..., :3] == [255, 0, 0]).all()


def test_many_classes_are_cut(tmp_path: Path) -> None:
    rows = [picture_row(f"c{n}", str(n)) for n in range(20)]
    assert len(sheet_rows(write_dataset(place(tmp_path, "c"), rows, PICTURES), None, 8)) == MOST_CLASSES


def test_a_picture_larger_than_the_sheet_is_not_enlarged(tmp_path: Path) -> None:
    from pipeline.shards.schema import ImageConventions

    shape = {"height": 50, "width": 60, "channels": 1}
    row = {"item_id": "b", "split": "train", "levels": bytes(3000), **shape}
    (shown,) = sheet_rows(write_dataset(place(tmp_path, "c"), [row], ImageConventions(50, 60, 1)), None, 8)
    assert pixels(shown.corpus).shape == (50, 60, 4)
