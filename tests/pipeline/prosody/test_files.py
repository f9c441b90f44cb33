import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ModelError
from pipeline.prosody.files import NUMBERS_FILE, PAGE_FILE, read_prosody, save_prosody
from pipeline.prosody.prosody import Prosody
from pipeline.storage import Location
from tests.pipeline.generation.tiny_models import ABBA
from tests.pipeline.prosody.prosody_builders import SPACE, flat_prosody


@pytest.fixture
def folder(tmp_path: Path) -> Location:
    return Location(str(tmp_path))


@pytest.fixture
def saved(folder: Location) -> Prosody:
    return save_prosody(folder, flat_prosody(SPACE, with_pitch=True))


@pytest.mark.parametrize("with_pitch", [True, False])
def test_what_is_read_says_what_was_saved(folder: Location, with_pitch: bool) -> None:
    saved = save_prosody(folder, flat_prosody(SPACE, with_pitch=with_pitch))
    read = read_prosody(folder, saved.sha256)
    assert read is not None
    ours, theirs = (one.spoken(ABBA, {"speaker": "bob"}) for one in (saved, read))
    assert (ours.phone, ours.seconds.tolist()) == (theirs.phone, theirs.seconds.tolist())
    assert (read.space, read.pauses, read.figures) == (saved.space, saved.pauses, saved.figures)
    assert (read.pitch is None) == (not with_pitch)
    if read.pitch and saved.pitch:
        assert (read.pitch.lowest, read.pitch.highest) == (saved.pitch.lowest, saved.pitch.highest)
        assert (read.pitch.ridge.bias == saved.pitch.ridge.bias).all()
    assert save_prosody(folder, read).sha256 == saved.sha256


def test_a_model_without_it_has_none(folder: Location, saved: Prosody) -> None:
    assert read_prosody(folder, "") is None


@pytest.mark.parametrize("name", [PAGE_FILE, NUMBERS_FILE])
def test_a_file_that_is_damaged_or_gone_is_named(folder: Location, saved: Prosody, name: str) -> None:
    place = folder / name
    data = place.read_bytes()
    place.write_bytes(data[:-3] + b"x" + data[-2:])
    with pytest.raises(ModelError, match=rf"{name}: its checksum differs .* damaged or exchanged"):
        read_prosody(folder, saved.sha256)
    place.remove()
    with pytest.raises(ModelError, match=rf"{name} is missing"):
        read_prosody(folder, saved.sha256)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 9}, "format_version is 9, this release reads 1"),
        ({"points": [0.5]}, "points is"),
        ({"phones": ["a"]}, "damaged"),
        ({"phones": ["a", "b", "s", "sil", "z"]}, "damaged"),
        ({"pauses": 3}, "damaged"),
        ({"pitch": {}}, "damaged"),
    ],
)
def test_a_page_that_does_not_fit_is_one_message(
    folder: Location, saved: Prosody, change: dict[str, object], message: str
) -> None:
    text = json.dumps(json.loads((folder / PAGE_FILE).read_text()) | change)
    (folder / PAGE_FILE).write_text(text)
    with pytest.raises(ModelError, match=message):
        read_prosody(folder, hashlib.sha256(text.encode()).hexdigest())


def test_numbers_of_another_shape_are_refused(folder: Location, saved: Prosody) -> None:
    narrow = replace(saved.durations, weights=np.zeros((3, 1)))
    sha256 = save_prosody(folder, replace(saved, durations=narrow)).sha256
    with pytest.raises(ModelError, match=r"weights of shape \(3, 1\), expected"):
        read_prosody(folder, sha256)


def test_reading_and_predicting_need_no_torch() -> None:
    code = "import sys, pipeline.prosody.files; raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
