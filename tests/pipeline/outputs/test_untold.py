"""What an export leaves its readers in the dark about is told, in one line, and nothing where there is nothing."""

from pathlib import Path

import pytest

from pipeline.outputs.config import ExportConfig
from pipeline.outputs.untold import untold
from tests.pipeline.outputs.small import AUDIO, IMAGE, picture_row, speech, speech_row, write_dataset

ALL = "layout=webdataset or huggingface keeps all."


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (
            ExportConfig("ljspeech"),
            "The layout ljspeech does not tell 3 speakers, 12 labels, 3 splits apart (items.jsonl does) and leaves out "
            f"phones and frames; layout=vctk keeps the speakers, {ALL}",
        ),
        (
            ExportConfig("ljspeech", third_column="speaker"),
            "The layout ljspeech does not tell 12 labels, 3 splits apart (items.jsonl does) and leaves out phones and "
            f"frames; {ALL}",
        ),
        (
            ExportConfig("vctk"),
            "The layout vctk does not tell 12 labels, 3 splits apart (items.jsonl does) and leaves out phones and "
            f"frames; {ALL}",
        ),
        (ExportConfig("webdataset"), ""),
        (ExportConfig("huggingface"), ""),
    ],
)
def test_speech(tmp_path: Path, config: ExportConfig, line: str) -> None:
    assert untold(speech(tmp_path).info, config) == line


def test_one_speaker_in_one_split_is_all_that_lj_speech_holds(tmp_path: Path) -> None:
    same = {"split": "train", "label": "x", "speaker": "ann", "phone": None}
    rows = [speech_row(number) | same for number in range(3)]
    assert untold(write_dataset(tmp_path, [rows], AUDIO).info, ExportConfig("ljspeech")) == ""


def test_vctk_is_not_offered_where_it_would_be_refused(tmp_path: Path) -> None:
    same = {"split": "train", "label": None, "phone": None}
    rows = [speech_row(number) | same | {"speaker": ("ann", "bob", None)[number]} for number in range(3)]
    line = untold(write_dataset(tmp_path, [rows], AUDIO).info, ExportConfig("ljspeech"))
    assert line == f"The layout ljspeech does not tell 2 speakers apart (items.jsonl does); {ALL}"


@pytest.mark.parametrize("splits", ["folders", "off"])
def test_pictures_have_labels_and_splits_as_folders(tmp_path: Path, splits: str) -> None:
    info = write_dataset(tmp_path, [[picture_row(number) for number in range(6)]], IMAGE).info
    assert untold(info, ExportConfig("imagefolder", splits=splits)) == ""  # type: ignore[arg-type]
