import io
import json
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile as sf
from PIL import Image

from pipeline.audio.decode import decode
from pipeline.corpora import hf_rows
from pipeline.corpora.hf_parquet import AUDIO_LAYOUT, IMAGE_LAYOUT
from pipeline.corpora.hf_rows import read_record
from pipeline.errors import ItemError, StorageError
from pipeline.items import AudioItem, BadItem, ImageItem, Item
from pipeline.storage import locate
from tests.corpus_builders import tone, write_wav

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def wav(seed: int) -> bytes:
    sink = io.BytesIO()
    sf.write(sink, tone(400, seed=seed), 8000, format="WAV")
    return sink.getvalue()


def png(value: int) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (4, 3), (value, 0, 0)).save(sink, "PNG")
    return sink.getvalue()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Audio and pictures as `datasets` writes them."""
    import datasets
    from datasets.table import InMemoryTable

    folder = tmp_path_factory.mktemp("hub")
    features = datasets.Features(
        {
            "audio": datasets.Audio(sampling_rate=8000),
            "sentence": datasets.Value("string"),
            "speaker_id": datasets.Value("int64"),
            "label": datasets.ClassLabel(names=["no", "yes"]),
            "accents": datasets.Sequence(datasets.Value("string")),
        }
    )
    rows: dict[str, list[Any]] = {
        "audio": [{"bytes": wav(n), "path": f"{n}.wav"} for n in range(20)],
        "sentence": [f"text {n}" for n in range(19)] + [None],
        "speaker_id": [n % 3 for n in range(20)],
        "label": [n % 2 for n in range(19)] + [-1],
        "accents": [["x"]] * 20,
    }
    table = InMemoryTable(pa.Table.from_pydict(rows, schema=features.arrow_schema))
    audio = datasets.Dataset(table, info=datasets.DatasetInfo(features=features))
    (folder / "audio" / "data").mkdir(parents=True)
    for number, name in enumerate(("train-00000-of-00001", "test-00000-of-00001")):
        audio.select(range(10 * number, 10 * number + 10)).to_parquet(
            folder / "audio" / "data" / f"{name}.parquet", batch_size=4
        )
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    pictures = {"image": [{"bytes": png(n), "path": None} for n in range(5)], "label": [0, 1, 0, 1, -1]}
    (folder / "image").mkdir()
    datasets.Dataset.from_dict(pictures, features=features).to_parquet(folder / "image" / "train.parquet")
    return folder


def read(folder: Path, layout: Any = AUDIO_LAYOUT) -> list[Item]:
    assert layout.detect(locate(str(folder)))
    return list(layout.items(locate(str(folder))))


def audio(item: Item) -> AudioItem:
    assert isinstance(item, AudioItem), item
    return item


def test_recordings_that_datasets_wrote_are_read(theirs: Path) -> None:
    found = [audio(item) for item in read(theirs / "audio")]
    assert [item.item_id for item in found[:2]] == [
        "data/test-00000-of-00001-000000",
        "data/test-00000-of-00001-000001",
    ]
    assert [item.split for item in found] == ["test"] * 10 + [""] * 10
    first, last = found[10], found[9]
    assert (first.text, first.speaker, first.label, first.container, first.record) == (
        "text 0",
        "0",
        "no",
        "parquet",
        0,
    )
    assert (last.text, last.speaker, last.label, last.record) == ("", "1", "", 9)
    assert first.fingerprint
    assert len(wav(0)) / 4 < first.num_bytes < 4 * len(wav(0))
    for number, item in enumerate(found[10:] + found[:10]):
        assert read_record(item) == wav(number)
    assert decode(read_record(first), 10).sample_rate_hz == 8000


def test_pictures_that_datasets_wrote_are_read(theirs: Path) -> None:
    found = read(theirs / "image", IMAGE_LAYOUT)
    assert [getattr(item, "label", None) for item in found] == ["cat", "dog", "cat", "dog", ""]
    for number, item in enumerate(found):
        assert isinstance(item, ImageItem)
        assert read_record(item) == png(number)


def test_each_medium_is_left_to_its_own_layout(theirs: Path) -> None:
    assert not IMAGE_LAYOUT.detect(locate(str(theirs / "audio")))
    assert not AUDIO_LAYOUT.detect(locate(str(theirs / "image")))


def test_what_pandas_wrote_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    table = {
        "audio": [{"bytes": wav(n), "path": None} for n in range(3)],
        "Transcription": ["a", "b", "c"],
        "client_id": pd.Categorical(["ann", "bob", "ann"]),
        "duration": [0.05, float("nan"), -1.0],
        "gender": ["f", "m", None],
        "item_id": ["x", "y", "x"],
    }
    pd.DataFrame(table).to_parquet(tmp_path / "all.parquet")
    first, second, third = read(tmp_path)
    assert (audio(first).text, audio(first).speaker, audio(first).label) == ("a", "ann", "f")
    assert (audio(first).item_id, audio(first).duration_s, audio(second).duration_s) == ("x", 0.05, 0.0)
    assert third == BadItem("x (all.parquet row 2)", str(tmp_path / "all.parquet"), "the id 'x' is listed twice")
    assert read_record(audio(second)) == wav(1)


def write(folder: Path, rows: list[dict[str, Any] | None], name: str = "a.parquet", **columns: Any) -> Path:
    folder.mkdir(exist_ok=True)
    table = pa.table({"audio": pa.array(rows, STRUCT), **columns})
    pq.write_table(table, folder / name, row_group_size=2)
    return folder


def test_a_path_without_bytes_is_a_file_beside_and_nowhere_else(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "wavs" / "a.wav")
    paths = ["wavs/a.wav", "gone.wav", "../a.wav", "/etc/passwd", "s3://bucket/a.wav", "", None]
    found = [audio(item) for item in read(write(tmp_path, [{"bytes": None, "path": path} for path in paths] + [None]))]
    assert read_record(found[0]) == path.read_bytes()
    with pytest.raises(StorageError, match="does not exist"):
        read_record(found[1])
    for item in found[2:]:
        with pytest.raises(ItemError, match="is no file below that of the Parquet file") as caught:
            read_record(item)
        assert caught.value.stage == "read"


def test_where_some_rows_have_bytes_the_others_are_found_when_they_are_read(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav")
    rows: list[dict[str, Any] | None] = [{"bytes": wav(0), "path": None}, {"bytes": None, "path": "a.wav"}]
    rows += [{"bytes": wav(2), "path": "x"}]
    found = [audio(item) for item in read(write(tmp_path, rows))]
    assert [item.container for item in found] == ["parquet"] * 3
    assert [read_record(item) for item in found] == [wav(0), path.read_bytes(), wav(2)]


def test_rows_are_read_forwards_once_and_backwards_again(theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [audio(item) for item in read(theirs / "audio") if "train" in item.item_id]
    monkeypatch.setattr(hf_rows, "BATCH_ROWS", 2)
    hf_rows.opened.cache_clear()
    begun: list[int] = []
    go_to = hf_rows.OpenedFile._go_to

    def noting(self: hf_rows.OpenedFile, group: int) -> None:
        begun.append(group)
        go_to(self, group)

    monkeypatch.setattr(hf_rows.OpenedFile, "_go_to", noting)
    for number in [0, 1, 3, 4, 5, 6, 9, 9, 8, 2, 0]:  # row groups have four rows
        assert read_record(found[number]) == wav(number)
    assert begun == [0, 1, 2, 0, 0]
    assert hf_rows.opened.cache_info().misses == 1


def test_a_file_that_has_changed_since_is_told(theirs: Path) -> None:
    item = audio(read(theirs / "audio")[0])
    with pytest.raises(ItemError, match="row 99 of a file that has 10: it has changed since"):
        read_record(AudioItem("a", item.source, record=99, container="parquet"))


def test_a_class_that_is_not_there_and_a_text_that_is_no_utf8_spoil_their_rows_alone(tmp_path: Path) -> None:
    features = {"label": {"_type": "ClassLabel", "names": ["no"]}, "audio": {"_type": "Audio"}}
    texts = pa.array([b"ok", b"\xff", b"ok", b"ok"]).cast(pa.string(), safe=False).view(pa.string())
    table = pa.table(
        {"audio": pa.array([{"bytes": wav(0), "path": ""}] * 4, STRUCT), "label": [0, 0, 1, -1], "text": texts}
    )
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, tmp_path / "a.parquet")
    found = read(tmp_path)
    assert [type(item) for item in found] == [AudioItem, BadItem, BadItem, AudioItem]
    assert "text is no UTF-8 text" in getattr(found[1], "reason", "")
    assert "label is 1; expected one of 1 classes" in getattr(found[2], "reason", "")


def test_a_damaged_file_is_one_failure(tmp_path: Path) -> None:
    write(tmp_path, [{"bytes": wav(0), "path": None}])
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(data[: len(data) // 2])
    (tmp_path / "c.parquet").write_bytes(b"")
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "d.parquet")
    good, *bad = read(tmp_path)
    assert audio(good).item_id == "a-000000"
    assert [item.item_id for item in bad] == ["b.parquet", "c.parquet", "d.parquet"]
    assert all(isinstance(item, BadItem) for item in bad)


@pytest.mark.parametrize("metadata", [b"", b"{", b"[]", b'{"info": 1}', b'{"info": {"features": [1]}}', b"\xff"])
def test_metadata_of_any_kind_does_no_harm(tmp_path: Path, metadata: bytes) -> None:
    table = pa.table({"audio": [{"bytes": wav(0), "path": ""}]}).replace_schema_metadata({b"huggingface": metadata})
    pq.write_table(table, tmp_path / "a.parquet")
    assert [type(item) for item in read(tmp_path)] == [AudioItem]


@pytest.mark.parametrize(
    ("texts", "data"),
    [(pa.string(), pa.binary()), (pa.large_string(), pa.large_binary()), (pa.string_view(), pa.binary_view())],
    ids=["plain", "large", "view"],
)
def test_texts_and_bytes_of_every_width_are_read(tmp_path: Path, texts: pa.DataType, data: pa.DataType) -> None:
    kind = pa.struct([("bytes", data), ("path", texts)])
    table = pa.table({"audio": pa.array([{"bytes": wav(0), "path": ""}], kind), "text": pa.array(["a"], texts)})
    pq.write_table(table, tmp_path / "a.parquet")
    (item,) = read(tmp_path)
    assert audio(item).text == "a"
    assert read_record(audio(item)) == wav(0)


def test_two_columns_of_one_name_are_passed_over(tmp_path: Path) -> None:
    arrays = [pa.array([{"bytes": wav(0), "path": ""}], STRUCT), *map(pa.array, (["a"], ["b"], ["c"]))]
    pq.write_table(pa.Table.from_arrays(arrays, names=["audio", "text", "text", "sentence"]), tmp_path / "a.parquet")
    (item,) = read(tmp_path)
    assert audio(item).text == "c"


def test_other_parquet_is_left_alone(tmp_path: Path) -> None:
    pq.write_table(pa.table({"audio": ["a.wav"], "image": [b"x"]}), tmp_path / "a.parquet")
    assert not AUDIO_LAYOUT.detect(locate(str(tmp_path)))
    assert not IMAGE_LAYOUT.detect(locate(str(tmp_path)))


def test_two_hundred_mutations_of_a_file_give_items_and_failures(tmp_path: Path) -> None:
    write(tmp_path, [{"bytes": bytes([n] * 40), "path": f"{n}"} for n in range(3)], text=["a", "b", "c"])
    data = (tmp_path / "a.parquet").read_bytes()
    kinds = set()
    for seed in range(200):
        (tmp_path / "a.parquet").write_bytes(flipped(data, random.Random(seed)))
        hf_rows.opened.cache_clear()
        for item in AUDIO_LAYOUT.items(locate(str(tmp_path))):
            kinds.add(type(item))
            if isinstance(item, AudioItem) and item.container:
                kinds.add(outcome(item))
    assert kinds == {AudioItem, BadItem, bytes, ItemError}


def flipped(data: bytes, rng: random.Random) -> bytes:
    """Up to four bytes changed; lengths stay, since whatever moves the footer only hides the rest."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def outcome(item: AudioItem) -> type:
    """What comes of reading an item."""
    try:
        return type(read_record(item))
    except ItemError as error:
        return type(error)


def test_a_small_file_of_long_texts_does_not_fill_memory(tmp_path: Path) -> None:
    nothing = pa.array([None] * 4096, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    text = pa.array(["x" * 2**14] * 4096).dictionary_encode()
    pq.write_table(pa.table({"audio": nothing, "text": text}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 2**15
    tracemalloc.start()
    try:
        assert sum(1 for _ in AUDIO_LAYOUT.items(locate(str(tmp_path)))) == 4096
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
