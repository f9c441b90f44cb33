"""The layout of torchvision's ImageFolder: SPLIT/LABEL/ID.png, or LABEL/ID.png without splits.

8-bit PNG, grey for one channel; of a dataset of few levels the intensities lie evenly from black to white, and
quantised again they are the levels. A label that no folder can be named by gets a name with a digest: items.jsonl
tells which.
"""

from collections import Counter
from functools import partial

from pipeline.outputs.item_files import ITEMS, ItemFile, item_line, media_file, paths_of, write_files, write_tables
from pipeline.outputs.job import Job, Row
from pipeline.outputs.layout import Layout


def files_of(job: Job, row: Row, numbers: Counter[str]) -> list[ItemFile]:
    """The picture."""
    below = f"{row['split']}/" if job.config.splits == "folders" else ""
    return [media_file(job, row, f"{below}{job.naming.labels[row['label']]}/{job.naming.stem(row['item_id'])}")]


LAYOUT = Layout(
    kinds=("image",),
    required="label",
    keeps=("label", "split"),
    write=partial(write_files, files_of),
    paths=partial(paths_of, files_of),
    finish=partial(write_tables, files_of, [(ITEMS, item_line)]),
)
