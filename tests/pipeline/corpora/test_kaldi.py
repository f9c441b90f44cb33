import random
from pathlib import Path

import pytest

from pipeline.corpora import kaldi
from pipeline.corpora.kaldi_tables import Table
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import Location, locate
from tests.corpus_builders import tone, write_wav
from tests.label_builders import mutated

TABLES = {
    "wav.scp": "rec1 wavs/rec1.wav\nrec2 /data/rec 2.flac\nrec3 sph2pipe -f wav 'c d.sph' |\n",
    "segments": "ann-1 rec1 0.00 1.50\nann-2 rec1 1.5 -1\nbob-1 rec2 0.25 2 1\nbob-2 rec3 3 4\n",
    "text": "ann-1 hello  there\nann-2 naïve café\nbob-1\nbob-2 bye\n",
    "utt2spk": "ann-1 ann\nann-2 ann\nbob-1 bob\nbob-2 bob\n",
    "spk2gender": "ann f\nbob m\n",
    "utt2lang": "ann-1 en\n",
}


def write(folder: Path, tables: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def read(folder: Path, tables: dict[str, str]) -> list[Item]:
    return list(kaldi.items(locate(str(write(folder, tables)))))


def test_segments_of_recordings_are_items(tmp_path: Path) -> None:
    assert read(tmp_path, TABLES) == [
        AudioItem(
            "ann-1",
            str(tmp_path / "wavs" / "rec1.wav"),
            end_s=1.5,
            speaker="ann",
            language="en",
            label="f",
            text="hello  there",
            duration_s=1.5,
        ),
        AudioItem(
            "ann-2", str(tmp_path / "wavs" / "rec1.wav"), start_s=1.5, speaker="ann", label="f", text="naïve café"
        ),
        AudioItem(
            "bob-1", "/data/rec 2.flac", start_s=0.25, end_s=2.0, channel=1, speaker="bob", label="m", duration_s=1.75
        ),
        AudioItem(
            "bob-2",
            "sph2pipe -f wav 'c d.sph'",
            container="command",
            start_s=3.0,
            end_s=4.0,
            speaker="bob",
            label="m",
            text="bye",
            duration_s=1.0,
        ),
    ]


def test_without_segments_each_recording_is_an_utterance(tmp_path: Path) -> None:
    tables = {"wav.scp": TABLES["wav.scp"], "text": "rec1 hi\n", "utt2dur": "rec1 2.5\nrec3 x\n"}
    first, second, third = read(tmp_path, tables)
    assert first == AudioItem("rec1", str(tmp_path / "wavs" / "rec1.wav"), text="hi", duration_s=2.5)
    assert second == AudioItem("rec2", "/data/rec 2.flac")
    assert isinstance(third, BadItem)
    assert "expected a time in seconds, got 'x'" in third.reason


def test_unsorted_tables_give_the_same_as_sorted_ones(tmp_path: Path) -> None:
    expected = read(tmp_path / "sorted", TABLES)
    for name in TABLES:
        turned = TABLES | {name: "".join(reversed(TABLES[name].splitlines(keepends=True)))}
        found = read(tmp_path / f"turned-{name}", turned)
        as_sorted = sorted(str(item).replace(f"turned-{name}", "sorted") for item in found)
        assert as_sorted == sorted(map(str, expected))


def test_sorted_tables_are_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, TABLES)
    made: list[Table] = []

    def noting(folder: Location, path: str, is_merged: bool) -> Table:
        made.append(Table(folder, path, is_merged))
        return made[-1]

    monkeypatch.setattr("pipeline.corpora.kaldi.Table", noting)
    assert list(kaldi.items(locate(str(tmp_path))))
    assert [len(table._held) for table in made] == [0, 0, 0, 0]
    write(tmp_path, {"utt2spk": "bob-1 bob\nann-1 ann\n"})
    assert list(kaldi.items(locate(str(tmp_path))))
    assert [len(table.unasked) for table in made[4:]] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"segments": "ann-1 rec9 0 1\n"}, "the recording 'rec9' does not stand in wav.scp"),
        ({"segments": "ann-1 rec1 0\n"}, "expected utterance, recording, start_s and end_s, got 3 columns"),
        ({"segments": "ann-1 rec1 0 1 0 0\n"}, "got 6 columns"),
        ({"segments": "ann-1\n"}, "got 1 columns"),
        ({"segments": "ann-1 rec1 1 1\n"}, "expected a segment that ends after its start, got 1 s to 1 s"),
        ({"segments": "ann-1 rec1 -1 1\n"}, "expected a time in seconds, got '-1'"),
        ({"segments": "ann-1 rec1 0 nan\n"}, "expected a time in seconds, got 'nan'"),
        ({"segments": "ann-1 rec1 0 1_0\n"}, "expected a time in seconds, got '1_0'"),
        ({"segments": "ann-1 rec1 zero 1\n"}, "expected a time in seconds, got 'zero'"),
        ({"segments": "ann-1 rec1 0 1 A\n"}, "expected a channel, from 0, got 'A'"),
        ({"segments": "ann\x1b[31m rec1 0 1\n"}, "expected printable characters"),
        ({"wav.scp": "rec1 ../a.wav\n"}, "expected a path below the manifest"),
        ({"wav.scp": "rec1 s3://a/b.wav\n"}, "expected a path below the manifest"),
        ({"wav.scp": "rec1 foo.ark:1234\n"}, "'foo.ark:1234' is a place in an archive"),
        ({"wav.scp": "rec1 foo.ark:1234[0:9]\n"}, "is a place in an archive"),
        ({"wav.scp": "rec1 -\n"}, "expected a file or a command"),
        ({"wav.scp": "rec1\n"}, "expected a file or a command"),
        ({"wav.scp": "rec1 |cat\n"}, "expected a file or a command"),
        ({"wav.scp": "rec1 |\n"}, "expected a command before the '|'"),
    ],
)
def test_a_row_that_cannot_be_read_is_a_bad_item(tmp_path: Path, changes: dict[str, str], reason: str) -> None:
    tables = {"wav.scp": "rec1 a.wav\n", "segments": "ann-1 rec1 0 1\n"} | changes
    (item,) = read(tmp_path, tables)
    assert isinstance(item, BadItem)
    assert reason in item.reason
    assert "line 1" in item.item_id


def test_ids_given_twice_are_told_in_every_table(tmp_path: Path) -> None:
    tables = {"wav.scp": "rec1 a.wav\nrec1 b.wav\n", "segments": "ann-1 rec1 0 1\n" * 3}
    found = read(tmp_path, tables)
    assert [item.item_id for item in found] == [
        "wav.scp line 2",
        "ann-1",
        "ann-1 (segments line 2)",
        "ann-1 (segments line 3)",
    ]


@pytest.mark.parametrize("text", ["a hi\nann-1 hi\nb hi\n", "b hi\nann-1 hi\na hi\n"])
def test_a_text_without_audio_is_a_failure_and_not_a_gap(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, {"wav.scp": "ann-1 a.wav\n", "text": text})
    assert isinstance(found[0], AudioItem)
    assert found[0].text == "hi"
    assert sorted(item.reason for item in found if isinstance(item, BadItem)) == [
        "'a' has a text, but does not stand in wav.scp",
        "'b' has a text, but does not stand in wav.scp",
    ]


def test_bytes_that_are_no_utf8_spoil_their_line_alone(tmp_path: Path) -> None:
    write(tmp_path, {"wav.scp": "a a.wav\nb b.wav\n"})
    (tmp_path / "text").write_bytes(b"a \xff\nb ok\n")
    found = list(kaldi.items(locate(str(tmp_path))))
    assert [type(item) for item in found] == [AudioItem, AudioItem, BadItem]


def test_directories_below_are_splits(tmp_path: Path) -> None:
    for name in ("train_yesno", "test_yesno", "dev"):
        write(tmp_path / name, {"wav.scp": f"{name}-1 a.wav\nsame b.wav\n"})
    found = list(kaldi.items(locate(str(tmp_path))))
    assert [(item.item_id, getattr(item, "split", None)) for item in found] == [
        ("dev-1", "validation"),
        ("same", "validation"),
        ("test_yesno-1", "test"),
        ("same (test_yesno/wav.scp line 2)", None),
        ("train_yesno-1", "train"),
        ("same (train_yesno/wav.scp line 2)", None),
    ]
    assert getattr(found[0], "source", "") == str(tmp_path / "dev" / "a.wav")


def test_a_folder_of_many_files_is_not_asked_about_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        (tmp_path / f"{number}.wav").touch()
    monkeypatch.setattr(Location, "is_file", None)
    assert not kaldi.detect(locate(str(tmp_path)))


def test_lhotse_reads_the_same_of_a_directory(tmp_path: Path) -> None:
    from lhotse.kaldi import load_kaldi_data_dir

    for name in ("rec1", "rec2"):
        write_wav(tmp_path / f"{name}.wav", tone(32_000))
    tables = {
        "wav.scp": f"rec1 {tmp_path}/rec1.wav\nrec2 {tmp_path}/rec2.wav\n",
        "segments": "a-1 rec1 0.5 1.5\na-2 rec1 1.5 3.25\nb-1 rec2 0.125 4\n",
        "text": "a-1 hi\na-2 hello there\nb-1 bye\n",
        "utt2spk": "a-1 a\na-2 a\nb-1 b\n",
        "spk2gender": "a f\nb m\n",
    }
    ours = [item for item in read(tmp_path, tables) if isinstance(item, AudioItem)]
    recordings, supervisions, _ = load_kaldi_data_dir(tmp_path, 8000)
    assert [
        (one.item_id, one.start_s, one.duration_s, one.speaker, one.text, one.label, one.source) for one in ours
    ] == [
        (
            one.id,
            one.start,
            one.duration,
            one.speaker,
            one.text,
            one.gender,
            recordings[one.recording_id].sources[0].source,
        )
        for one in supervisions
    ]


def test_two_hundred_mutations_give_items_and_bad_items(tmp_path: Path) -> None:
    kinds = set()
    for seed in range(200):
        write(tmp_path, TABLES)
        rng = random.Random(seed)
        name = rng.choice(sorted(TABLES))
        (tmp_path / name).write_bytes(mutated(TABLES[name].encode(), rng))
        found = list(kaldi.items(locate(str(tmp_path))))
        kinds |= {type(item) for item in found}
        assert len({item.item_id for item in found}) == len(found)
        assert all(item.item_id.isprintable() for item in found)
    assert kinds == {AudioItem, BadItem}
