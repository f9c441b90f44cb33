from pathlib import Path
from typing import Any

import pytest

from pipeline.corpora import jsonl_manifest
from pipeline.corpora.lines import MOST_LINE_BYTES
from pipeline.errors import PassingStorageError
from pipeline.items import AudioItem, BadItem, Item, TimedPhone
from pipeline.storage import Location, locate
from tests.corpus_builders import manifest_corpus, write_wav


def read(folder: Path, *lines: dict[str, Any] | str) -> list[Item]:
    return list(jsonl_manifest.items(locate(str(manifest_corpus(folder, lines)))))


def test_every_field_is_read(tmp_path: Path) -> None:
    (item,) = read(
        tmp_path,
        {
            "audio_filepath": "wavs/ä b.wav",
            "text": "Hi",
            "text_normalised": "hi",
            "speaker": 12,
            "emotion": "calm",
            "language": "en-us",
            "label": "x",
            "licence": "CC0",
            "split": "dev",
            "duration": 1.5,
            "phones": [["h", 0, 0.1], ["aɪ", 0.1, 0.2]],
        },
    )
    source = tmp_path / "wavs" / "ä b.wav"
    assert isinstance(item, AudioItem)
    assert item.fingerprint
    assert item == AudioItem(
        item_id="wavs/ä b",
        source=str(source),
        fingerprint=item.fingerprint,
        speaker="12",
        emotion="calm",
        language="en-us",
        label="x",
        text="Hi",
        text_normalised="hi",
        licence="CC0",
        split="validation",
        phones=(TimedPhone("h", 0.0, 0.1), TimedPhone("aɪ", 0.1, 0.2)),
    )


def test_a_path_alone_will_do_and_may_be_absolute(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "elsewhere" / "a.wav")
    (item,) = read(tmp_path / "corpus", {"audio_filepath": str(path), "item_id": "first"})
    assert (item.item_id, item.source) == ("first", str(path))


def test_a_missing_file_is_still_an_item(tmp_path: Path) -> None:
    (item,) = read(tmp_path, '{"audio_filepath": "no/such.wav"}')
    assert isinstance(item, AudioItem)
    assert item.fingerprint == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{not json", "not JSON"),
        ("[1]", "expected a JSON object, got list"),
        ("{}", "expected audio_filepath"),
        ('{"audio_filepath": 3}', "expected audio_filepath"),
        ('{"audio_filepath": "../a.wav"}', "below the manifest"),
        ('{"audio_filepath": "http://a/b.wav"}', "below the manifest"),
        ('{"audio_filepath": "a.wav", "offset": 1.5}', "only whole files"),
        ('{"audio_filepath": "a.wav", "speaker": ["x"]}', "expected speaker to be text"),
        ('{"audio_filepath": "a.wav", "split": "holdout"}', "split 'holdout'"),
        ('{"audio_filepath": "a.wav", "phones": "x"}', "expected phones"),
        ('{"audio_filepath": "a.wav", "phones": [["x", 0]]}', "expected a phone as"),
        ('{"audio_filepath": "a.wav", "phones": [["x", 0, NaN]]}', "expected a phone as"),
        ('{"audio_filepath": "a.wav", "phones": [["x", 0, 1' + "0" * 400 + "]]}", "too large"),
        ('{"audio_filepath": "."}', "is no name of something below"),
        ('{"audio_filepath": "' + "x" * 300 + '"}', "File name too long"),
        pytest.param('{"text": "' + "x" * 3 * MOST_LINE_BYTES + '"}', "longer than 1048576 bytes", id="thrice"),
        pytest.param("x" * (MOST_LINE_BYTES + 1), "longer than 1048576 bytes", id="one byte too long"),
        pytest.param("x" * MOST_LINE_BYTES, "not JSON", id="as long as it may be"),
        ('{"audio_filepath": "a.wav", "text": "\\ud800"}', "not JSON in UTF-8"),
    ],
)
def test_a_line_that_cannot_be_read_is_a_bad_item_between_good_ones(tmp_path: Path, line: str, expected: str) -> None:
    items = read(tmp_path, {"audio_filepath": "1.wav"}, line, "", {"audio_filepath": "2.wav"})
    assert [item.item_id for item in items] == ["1", "manifest.jsonl line 2", "2"]
    assert isinstance(items[1], BadItem)
    assert expected in items[1].reason


def test_bytes_that_are_no_utf8_spoil_their_line_alone(tmp_path: Path) -> None:
    manifest_corpus(tmp_path, [{"audio_filepath": "1.wav"}])
    with (tmp_path / "manifest.jsonl").open("ab") as file:
        file.write(b'{"audio_filepath": "\xff.wav"}\n')
    items = list(jsonl_manifest.items(locate(str(tmp_path))))
    assert [type(item) for item in items] == [AudioItem, BadItem]


def test_an_id_given_twice_is_a_bad_item(tmp_path: Path) -> None:
    items = read(tmp_path, *[{"audio_filepath": "1.wav"}] * 3)
    assert [type(item) for item in items] == [AudioItem, BadItem, BadItem]
    assert len({item.item_id for item in items}) == 3


def test_storage_that_does_not_answer_is_no_fault_of_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(self: Location) -> str:
        raise PassingStorageError("timed out")

    monkeypatch.setattr(Location, "fingerprint", slow)
    with pytest.raises(PassingStorageError):
        read(tmp_path, {"audio_filepath": "1.wav"})


def test_an_id_that_would_act_on_a_terminal_is_a_bad_item(tmp_path: Path) -> None:
    (item,) = read(tmp_path, {"audio_filepath": "a.wav", "item_id": "a\nb\x1b[31m"})
    assert isinstance(item, BadItem)
    assert "expected printable characters" in item.reason
