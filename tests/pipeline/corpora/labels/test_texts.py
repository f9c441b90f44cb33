from pathlib import Path

import pytest

from pipeline.corpora.labels.texts import MOST_TEXT_BYTES, read_text
from pipeline.errors import ItemError


def read(folder: Path, data: bytes, name: str = "a.txt") -> str:
    (folder / name).write_bytes(data)
    return read_text(str(folder / name))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Hello there.\n", "Hello there."),
        (b"\xef\xbb\xbfHello\r\n  there.\t\n", "Hello there."),
        ("naïve\u2028café\u00a0au lait".encode(), "naïve café au lait"),
        (b"", ""),
        (b"0 46797 She had your dark suit.\n", "She had your dark suit."),
        (b"0 1 2 3", "0 1 2 3"),
    ],
)
def test_a_text_comes_on_one_line(tmp_path: Path, data: bytes, text: str) -> None:
    assert read(tmp_path, data) == read(tmp_path, data, "a.lab") == text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("Hällo".encode("latin-1"), "expected UTF-8 text, byte 1 cannot be read"),
        ("Hello".encode("utf-16"), "byte 0 cannot be read"),
        (b"a\0b", "bytes of zero"),
        pytest.param(b"x" * (MOST_TEXT_BYTES + 1), f"more than {MOST_TEXT_BYTES} bytes", id="large"),
    ],
)
def test_what_is_no_text_of_one_utterance_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ItemError) as caught:
        read(tmp_path, data)
    assert reason in caught.value.reason
    assert caught.value.stage == "text"


def test_a_text_that_is_not_there_is_the_item_s_failure(tmp_path: Path) -> None:
    with pytest.raises(ItemError, match="does not exist"):
        read_text(str(tmp_path / "a.txt"))


def test_prompts_of_timit_lose_their_timesteps(shared_data: Path) -> None:
    assert read_text(str(shared_data / "timit-sample" / "dr1-fvmh0" / "sx116.txt")) == (
        "Clasp the screw in your left hand."
    )
