import gzip
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.audio.decode import decode
from pipeline.audio.piece import Piece
from pipeline.corpora import lhotse
from pipeline.items import AudioItem, BadItem, Item, TimedPhone, TimedWord
from pipeline.storage import locate
from tests.corpus_builders import tone, write_wav
from tests.label_builders import mutated, mutated_json

WAVES = np.stack([tone(32_000, seed=seed, frequency_hz=200 + 50 * seed) for seed in range(2)], axis=1)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Manifests that lhotse itself wrote, and lhotse."""
    import lhotse as library

    folder = tmp_path_factory.mktemp("lhotse")
    recording = library.Recording.from_file(write_wav(folder / "wavs" / "rec.wav", WAVES))
    alignment = {
        "word": [
            library.supervision.AlignmentItem(*one) for one in [("hi", 1.1, 0.4), ("", 1.5, 0.2), ("you", 1.7, 0.5)]
        ],
        "phone": [library.supervision.AlignmentItem("h", 1.1, 0.15), library.supervision.AlignmentItem("sp", 1.5, 0.2)],
    }
    supervision = library.SupervisionSegment("s1", "rec", 1.0, 2.0, 0, "hi you", "en", "ann", "F", alignment=alignment)
    both = library.SupervisionSegment("s2", "rec", 0.0, 4.0, [0, 1], "all", speaker="bob")
    parts = {
        "recordings": library.RecordingSet.from_recordings([recording]),
        "supervisions": library.SupervisionSet.from_segments([supervision, both]),
    }
    cuts = library.CutSet.from_manifests(**parts)
    for name, one in {**parts, "cuts": cuts}.items():
        place = folder / ("cuts" if name == "cuts" else "parts")
        place.mkdir(exist_ok=True)
        one.to_file(place / f"{name}.jsonl.gz")
    return library, folder, cuts


def audio(item: Item) -> AudioItem:
    assert isinstance(item, AudioItem), item
    return item


def read(folder: Path) -> list[Item]:
    return list(lhotse.items(locate(str(folder))))


def lines(folder: Path, name: str, *objects: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(json.dumps(one) + "\n" for one in objects))
    return folder


def test_supervisions_of_recordings_are_items(theirs: Any) -> None:
    _, folder, _ = theirs
    assert lhotse.detect(locate(str(folder / "parts")))
    first, second = map(audio, read(folder / "parts"))
    assert first == AudioItem(
        item_id="s1",
        source=str(folder / "wavs" / "rec.wav"),
        start_s=1.0,
        end_s=3.0,
        channel=0,
        speaker="ann",
        language="en",
        label="F",
        text="hi you",
        phones=first.phones,
        words=first.words,
        duration_s=2.0,
    )
    assert [(one.phone, round(one.start_s, 6), round(one.end_s, 6)) for one in first.phones] == [
        ("h", 0.1, 0.25),
        ("sil", 0.5, 0.7),
    ]
    assert [(one.word, round(one.start_s, 6), round(one.end_s, 6)) for one in first.words] == [
        ("hi", 0.1, 0.5),
        ("you", 0.7, 1.2),
    ]
    assert (second.item_id, second.start_s, second.end_s, second.channel) == ("s2", 0.0, None, None)


def test_a_piece_is_the_audio_that_lhotse_loads(theirs: Any) -> None:
    _, folder, cuts = theirs
    trimmed = cuts.trim_to_supervisions(keep_overlapping=False).to_eager()
    trimmed.to_file(folder / "trimmed.jsonl")
    found = {item.item_id: item for item in map(audio, read_only(folder, "trimmed.jsonl"))}
    assert set(found) == {cut.id for cut in trimmed}
    for cut in trimmed:
        item = found[cut.id]
        ours = decode(Path(item.source), 10, Piece(item.start_s, item.end_s, item.channel)).waveform
        assert np.abs(ours - cut.load_audio().mean(axis=0)).max() < 1e-6


def read_only(folder: Path, name: str) -> list[Item]:
    """One manifest of a folder, in a folder by itself."""
    alone = folder / f"only-{name}"
    alone.mkdir()
    (alone / name).write_bytes((folder / name).read_bytes())
    return read(alone)


def test_alignments_count_from_the_start_of_the_recording_in_a_cut_too(theirs: Any) -> None:
    _, folder, cuts = theirs
    moved = cuts[0].truncate(offset=1.05, duration=0.8)
    (item,) = map(audio, read(lines(folder / "moved", "cuts.jsonl", moved.to_dict())))
    assert (item.start_s, item.end_s) == (1.05, 1.85)
    assert [(one.word, round(one.start_s, 6), round(one.end_s, 6)) for one in item.words] == [
        ("hi", 0.05, 0.45),
        ("you", 0.65, 0.8),
    ]


def test_a_cut_of_two_channels_is_their_mean_and_of_several_speakers_nobody_s(theirs: Any) -> None:
    _, folder, _ = theirs
    (item,) = map(audio, read(folder / "cuts"))
    assert (item.channel, item.start_s, item.end_s, item.speaker) == (None, 0.0, None, "")
    assert item.text == "all hi you"


def test_what_is_no_piece_of_a_file_is_refused_with_the_reason(theirs: Any) -> None:
    library, folder, cuts = theirs
    cut = cuts[0]
    feature_cut = {**cut.to_dict(), "id": "f"}
    del feature_cut["recording"]
    objects = {
        "'MixedCut' is not a piece of one recording": cut.pad(6).to_dict(),
        "'PaddingCut' is not a piece": library.cut.PaddingCut("p", 1.0, 16_000, 0.0).to_dict(),
        "the recording is transformed": cut.perturb_speed(1.1).to_dict(),
        "the cut has no recording": feature_cut,
        "a 'command' and not a file": with_source(cut, type="command", source="sph2pipe a.sph"),
        "a 'url' and not a file": with_source(cut, type="url", source="https://a.b/c.wav"),
        "a 'memory' and not a file": with_source(cut, type="memory", source="AAAA"),
        "expected a path below the manifest": with_source(cut, source="../../etc/passwd"),
        "source 's3://bucket/a.wav': expected": with_source(cut, source="s3://bucket/a.wav"),
        "expected one of them, or all": {**with_source(cut, channels=[0, 1, 2]), "channel": [0, 2]},
        "lie in 0 files": {**cut.to_dict(), "channel": 7},
        "expected printable characters": {**cut.to_dict(), "id": "a\nb"},
        "a piece from 0 s or later that lasts": {**cut.to_dict(), "duration": 0},
    }
    found = read(lines(folder / "refused", "cuts.jsonl", cut.to_dict(), *objects.values(), cut.to_dict()))
    assert isinstance(found[0], AudioItem)
    for reason, item in zip([*objects, "is listed twice"], found[1:], strict=True):
        assert isinstance(item, BadItem)
        assert reason in item.reason


def with_source(cut: Any, **changes: Any) -> dict[str, Any]:
    """A cut whose recording's source says something else."""
    data: dict[str, Any] = json.loads(json.dumps(cut.to_dict()))
    data["recording"]["sources"][0].update(changes)
    return data


def test_a_file_for_each_channel_is_found_by_the_channel(theirs: Any) -> None:
    _, folder, cuts = theirs
    data = {**with_source(cuts[0]), "channel": 1}
    sources = [{"type": "file", "channels": [n], "source": f"wavs/{n}.wav"} for n in (0, 1)]
    data["recording"]["sources"] = sources
    one, all_of_them = read(lines(folder / "split", "cuts.jsonl", data, {**data, "id": "b", "channel": [0, 1]}))
    assert (audio(one).source, audio(one).channel) == (str(folder / "split" / "wavs" / "1.wav"), None)
    assert isinstance(all_of_them, BadItem)
    assert "lie in 2 files" in all_of_them.reason


def test_recordings_alone_are_items_and_an_unknown_recording_is_told(theirs: Any) -> None:
    _, folder, cuts = theirs
    recording = with_source(cuts[0])["recording"]
    alone = lines(folder / "alone", "recordings.jsonl", recording, {**recording, "id": "b"}, recording)
    assert [type(item) for item in read(alone)] == [AudioItem, AudioItem, BadItem]
    lines(alone, "supervisions.jsonl", {"id": "s", "recording_id": "c", "start": 0, "duration": 1, "channel": 0})
    twice, unknown = read(alone)
    assert isinstance(twice, BadItem)
    assert isinstance(unknown, BadItem)
    assert "no recording has the id 'c'" in unknown.reason


def test_names_of_manifests_say_the_split(theirs: Any) -> None:
    _, folder, cuts = theirs
    for name in ("train-clean-5", "dev-clean-2"):
        lines(folder / "splits", f"corpus_cuts_{name}.jsonl", {**cuts[0].to_dict(), "id": name})
    assert {item.item_id: audio(item).split for item in read(folder / "splits")} == {
        "train-clean-5": "train",
        "dev-clean-2": "validation",
    }


def test_other_json_lines_are_not_lhotse_s(tmp_path: Path) -> None:
    assert not lhotse.detect(locate(str(lines(tmp_path, "a.jsonl", {"audio_filepath": "a.wav"}))))
    assert not lhotse.detect(locate(str(lines(tmp_path, "b.jsonl", [1], "x"))))


@pytest.mark.parametrize("kind", ["cuts", "parts"])
def test_two_hundred_mutations_give_items_and_bad_items(theirs: Any, tmp_path: Path, kind: str) -> None:
    _, folder, _ = theirs
    names = ["cuts"] if kind == "cuts" else ["recordings", "supervisions"]
    data = {name: gzip.decompress((folder / kind / f"{name}.jsonl.gz").read_bytes()) for name in names}
    kinds = set()
    for seed in range(200):
        rng = random.Random(seed)
        for name, text in data.items():
            good = text.splitlines()[0]
            odd = json.dumps(mutated_json(json.loads(good), rng)).encode() if seed % 4 else mutated(good, rng)
            (tmp_path / f"{name}.jsonl").write_bytes(good + b"\n" + odd + b"\n" + good)
        found = read(tmp_path)
        kinds |= {type(item) for item in found}
        assert len({item.item_id for item in found}) == len(found)
        assert all(isinstance(one, AudioItem | BadItem) for one in found)
    assert kinds == {AudioItem, BadItem}


def test_times_are_of_the_types_that_items_have(theirs: Any) -> None:
    _, folder, _ = theirs
    first = audio(read(folder / "parts")[0])
    assert all(isinstance(one, TimedPhone) for one in first.phones)
    assert all(isinstance(one, TimedWord) for one in first.words)
