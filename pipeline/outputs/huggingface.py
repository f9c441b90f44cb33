"""The layout of the Hugging Face Hub: data/SPLIT-00000.parquet with Audio or Image features, and a card, README.md.

The columns are those of the dataset. The levels give way to a recording or picture made of them, under the name `audio`
or `image`; where the dataset has such a column already (a file of its own in every row) both stay as they are, for that
file is not made of the levels.
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import DatasetError
from pipeline.outputs.card import CARD, card_of
from pipeline.outputs.hashed import HashedSink
from pipeline.outputs.item_files import media_bytes
from pipeline.outputs.job import Job, is_file_column
from pipeline.outputs.layout import EVERYTHING, Layout
from pipeline.outputs.plan import Part
from pipeline.outputs.proof import Record, Written
from pipeline.shards.schema import MEDIA, AudioConventions, hugging_face_feature
from pipeline.storage import streamed

ROWS_PER_GROUP = 64
"""As in our shards: a reader that shows a row has no more to read than so many recordings."""


def schema_of(job: Job) -> pa.Schema:
    """The columns, with the features that `datasets` reads from a Parquet file itself."""
    media = media_name(job)
    schema = job.dataset.schema.remove_metadata()
    if media not in schema.names:
        schema = schema.remove(schema.get_field_index("levels")).append(pa.field(media, MEDIA))
    features = {field.name: feature_of(job, field) for field in schema}
    return schema.with_metadata({b"huggingface": json.dumps({"info": {"features": features}}).encode()})


def media_name(job: Job) -> str:
    """What the column of files is called."""
    return job.conventions.kind


def feature_of(job: Job, field: pa.Field) -> dict[str, Any]:
    """A column as `datasets` describes it; recordings with their rate."""
    feature = hugging_face_feature(field)
    if feature["_type"] == "Audio" and isinstance(job.conventions, AudioConventions):
        return {**feature, "sampling_rate": job.conventions.sample_rate_hz}
    return feature


class TableFile:
    """A Parquet file that is written a shard at a time; the same bytes for the same rows."""

    def __init__(self, path: str, sink: IO[bytes], schema: pa.Schema) -> None:
        self._sink = HashedSink(path, sink)
        dictionaries = [field.name for field in schema if not is_file_column(field) and field.name != "log_f0"]
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._sink, "w"),
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=dictionaries,  # type: ignore[arg-type]  # a list of columns, which the stubs do not know
            write_page_checksum=True,
        )

        self._rest = schema.empty_table()

    def add(self, table: pa.Table) -> None:
        """More rows. Groups are filled across shards: `datasets` reads as many rows at a time as the first has."""
        rows = pa.concat_tables([self._rest, table])
        num_full = rows.num_rows - rows.num_rows % ROWS_PER_GROUP
        if num_full:
            self._writer.write_table(rows.slice(0, num_full), row_group_size=ROWS_PER_GROUP)
        self._rest = rows.slice(num_full)

    def end(self) -> Written:
        """Write what is left, and the footer; nothing happens the second time."""
        if self._rest.num_rows:
            self._writer.write_table(self._rest)
            self._rest = self._rest.slice(0, 0)
        self._writer.close()
        return self._sink.written()


def write(job: Job, part: Part) -> Iterator[Written]:
    """Write the Parquet files of a part side by side, one for each of its splits."""
    schema, files = schema_of(job), dict[str, TableFile]()
    with contextlib.ExitStack() as stack:
        for split, path in zip(part.files, paths(job, part), strict=True):
            files[split] = TableFile(path, stack.enter_context(streamed(job.out / path)), schema)
            stack.callback(files[split].end)  # pyarrow would do it when it is garbage, and its sink gone
        for index in range(part.first, part.end):
            table = with_media(job, job.dataset.read_shard(index), schema)
            for split, file in files.items():
                file.add(table.filter(pc.equal(table.column("split"), pa.scalar(split))))
        written = [file.end() for file in files.values()]
    yield from written


def paths(job: Job, part: Part) -> Iterator[str]:
    """The paths of a part's files, by split."""
    names = split_names(job)
    yield from (f"data/{names[split]}-{number:05d}.parquet" for split, number in part.files.items())


def with_media(job: Job, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A shard's rows with a file in each, in the order of the schema's columns."""
    if (media := media_name(job)) not in table.column_names:
        files = [
            {"bytes": media_bytes(job, row), "path": f"{job.naming.stem(row['item_id'])}.{job.ending}"}
            for row in table.select(["item_id", "levels"]).to_pylist()
        ]
        table = table.append_column(pa.field(media, MEDIA), pa.array(files, MEDIA))
    return table.select(schema.names).cast(schema)


def split_names(job: Job) -> dict[str, str]:
    """What splits are called there, where a name has letters, digits and _ alone; DatasetError where two are one."""
    names = {split: split.replace("-", "_") for split in sorted(job.dataset.info.tally.num_rows)}
    if len(set(names.values())) < len(names):
        raise DatasetError(
            f"{job.dataset.folder}: Hugging Face's splits are named without -, so that some of {', '.join(names)} "
            "are one there. Make the dataset with other names of splits, or choose another layout."
        )
    return names


def finish(job: Job, records: Sequence[Record]) -> None:
    """Write the card."""
    (job.out / CARD).write_text(card_of(job, schema_of(job), split_names(job), sum(one.num_bytes for one in records)))


LAYOUT = Layout(kinds=("audio", "image"), required="", keeps=EVERYTHING, write=write, paths=paths, finish=finish)
