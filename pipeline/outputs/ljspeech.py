"""The layout of LJ Speech: wavs/ID.wav and metadata.csv with a line an utterance, as most trainers of speech take it.

    id|text|normalised text               third_column=normalised, what LJ Speech itself has
    wavs/id.wav|text|speaker              third_column=speaker, for corpora of several speakers

There are no quotes in such a file and no way to escape: a pipe or an end of line within a text becomes a space there,
and the text as it is stands in items.jsonl. A text that the dataset lacks is empty, a normalised one the text itself.
"""

from collections import Counter
from functools import partial

from pipeline.outputs.item_files import ITEMS, ItemFile, item_line, media_file, paths_of, write_files, write_tables
from pipeline.outputs.job import Job, Row
from pipeline.outputs.layout import Layout

METADATA = "metadata.csv"


def files_of(job: Job, row: Row, numbers: Counter[str]) -> list[ItemFile]:
    """The recording."""
    return [media_file(job, row, f"wavs/{job.naming.stem(row['item_id'])}")]


def metadata_line(job: Job, row: Row, path: str) -> str:
    """A line of metadata.csv."""
    text = row["text"] or row["text_normalised"] or ""
    if job.config.third_column == "speaker":
        columns = [path, text, row["speaker"] or ""]
    else:
        columns = [job.naming.stem(row["item_id"]), text, row["text_normalised"] or text]
    return "|".join(map(on_one_line, columns)) + "\n"


def on_one_line(text: str) -> str:
    """A text without what a reader of lines or columns would stop at; all ends of line that any reader knows."""
    return " ".join(text.replace("|", " ").splitlines()).strip()


LAYOUT = Layout(
    kinds=("audio",),
    required="",
    keeps=(),
    write=partial(write_files, files_of),
    paths=partial(paths_of, files_of),
    finish=partial(write_tables, files_of, [(METADATA, metadata_line), (ITEMS, item_line)]),
)
