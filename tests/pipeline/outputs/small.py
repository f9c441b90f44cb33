"""Small datasets with what is hard to write elsewhere, exported in one process, and read back by `prepare`."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from pipeline.audio.companding import encode_fast
from pipeline.outputs.config import ExportConfig
from pipeline.outputs.export import claim_export, finish, known_records
from pipeline.outputs.job import Job
from pipeline.outputs.layouts import check_fit
from pipeline.outputs.naming import naming_of
from pipeline.outputs.part import Done, export_part
from pipeline.outputs.plan import parts_of
from pipeline.preparation.config import AudioConfig, ImageConfig, PrepareConfig, ShardConfig, SpeechConfig
from pipeline.preparation.make import make_shard
from pipeline.preparation.plan import shard_plans, survey
from pipeline.shards.dataset import Dataset, claim, open_dataset
from pipeline.shards.dataset import finish as finish_dataset
from pipeline.shards.plan import ShardPlan
from pipeline.shards.schema import AudioConventions, Conventions, ImageConventions
from pipeline.shards.writer import write_shard
from pipeline.storage import Location, locate

Row = dict[str, Any]

AUDIO = AudioConventions(sample_rate_hz=8000)
IMAGE = ImageConventions(height=5, width=4, channels=3, num_levels=8)

SPLITS = ("train", "validation", "test")
SPEAKERS = ("ann", "Bob", "ann_b")
TEXTS = ("hello there", "one | two", "first line\nsecond", "ünïcode — 寿司", None)
IDS = ("plain-1", "Capital-2", "with space 3", "a/b 4", "../up 5", "dotted.name.6", "ü-7", "0_8", "x" * 200)
LABELS = ("cat", "traffic light", "a/b", "Cat")


def speech_row(number: int) -> Row:
    """Every level once in the first row; the others are short."""
    levels = np.arange(256) if number == 0 else np.random.default_rng(number).integers(0, 256, 200 + number)
    text = TEXTS[number % len(TEXTS)]
    return {
        "item_id": IDS[number % len(IDS)] + str(number // len(IDS) or ""),
        "split": SPLITS[number % 3],
        "speaker": SPEAKERS[number % 2 + number // 9],
        "label": str(number),
        "text": text,
        "text_normalised": f"{text} said" if number % 2 and text else None,
        "licence": ("CC BY 4.0", "its own")[number % 2],
        "levels": levels.astype(np.uint8).tobytes(),
        "num_timesteps": len(levels),
        "sample_rate_hz": AUDIO.sample_rate_hz,
        "phone": ["a", "b"],
        "phone_start": [0, 100],
        "phone_end": [100, len(levels)],
        "nll_nats": (float("nan"), 1.5)[number % 2],
    }


def picture_row(number: int) -> Row:
    levels = np.random.default_rng(number).integers(0, 8, 5 * 4 * 3).astype(np.uint8)
    size = {"height": 5, "width": 4, "channels": 3}
    row = {"item_id": IDS[number % len(IDS)] + str(number // len(IDS) or ""), "split": SPLITS[number % 3], **size}
    return row | {"label": LABELS[number % len(LABELS)], "levels": levels.tobytes()}


def write_dataset(folder: Path, shards: Sequence[Sequence[Row]], conventions: Conventions, **lineage: Any) -> Dataset:
    """A dataset of these rows."""
    place, names = locate(str(folder)), [f"{index:06d}" for index in range(len(shards))]
    for index, rows in enumerate(shards):
        write_shard(place, ShardPlan(index, names[index], (), str(index)), rows, [], conventions)
    finish_dataset(place, names, conventions, lineage)
    return open_dataset(place)


def speech(folder: Path) -> Dataset:
    """Twelve rows in four shards, one of them without rows."""
    rows = [speech_row(number) for number in range(12)]
    return write_dataset(folder, [rows[:5], rows[5:7], [], rows[7:]], AUDIO, made_by="generate", model="0123abcd")


def pictures(folder: Path) -> Dataset:
    """Twelve rows in two shards."""
    rows = [picture_row(number) for number in range(12)]
    return write_dataset(folder, [rows[:5], rows[5:]], IMAGE)


def job_of(dataset: Dataset, out: Path | Location, config: ExportConfig) -> Job:
    return Job(dataset, locate(str(out)), config, naming_of(dataset))


def export_here(dataset: Dataset, out: Path, config: ExportConfig) -> list[Done]:
    """What `ancestral export` does, without Ray."""
    check_fit(dataset, config)
    claim_export(dataset, locate(str(out)), config)
    job, known = job_of(dataset, out, config), known_records(locate(str(out)))
    done = [export_part(job, part, known.get(part.name)) for part in parts_of(dataset, config, job.naming)]
    finish(job, [part.record for part in done])
    return done


def content_of(out: Path) -> dict[str, bytes]:
    """Every file's bytes."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def prepared(corpus: Path, out: Path, layout: str, **settings: Any) -> list[Row]:
    """The rows that `prepare` reads of an export, whose layout it finds to be this one; none may fail."""
    image = ImageConfig(num_levels=IMAGE.num_levels)
    config = PrepareConfig("auto", AudioConfig(8000), SpeechConfig("off"), image, shards=ShardConfig(100), **settings)
    found, folder = survey(locate(str(corpus)), config), locate(str(out))
    assert found.layout.name == layout
    claim(folder, "prepare", {})
    plans = list(shard_plans(found, config))
    for plan in plans:
        make_shard(folder, plan, config, found.conventions)
    info = finish_dataset(folder, [plan.name for plan in plans], found.conventions, {})
    assert info.num_failures == 0
    return rows_of(open_dataset(folder))


def heard(data: bytes) -> tuple[int, bytes]:
    """The rate of a recording in a file, and its levels as a row has them."""
    x: Any = sf.read(io.BytesIO(data), dtype="float32")
    return x[1], encode_fast(x[0]).tobytes()


def rows_of(dataset: Dataset) -> list[Row]:
    return [row for table in dataset.tables() for row in table.to_pylist()]
