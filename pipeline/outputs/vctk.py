"""The layout of VCTK 0.80: wav48/SPEAKER/SPEAKER_001.wav and txt/SPEAKER/SPEAKER_001.txt.

wav48 is what programs look for; the rate is that of the dataset, as each file says. Utterances are numbered by speaker
in the order of the dataset, unless all ids are SPEAKER_UTTERANCE already; items.jsonl tells which is which item.
"""

from collections import Counter
from functools import partial

from pipeline.outputs.item_files import ITEMS, ItemFile, item_line, media_file, paths_of, write_files, write_tables
from pipeline.outputs.job import Job, Row
from pipeline.outputs.layout import Layout


def files_of(job: Job, row: Row, numbers: Counter[str]) -> list[ItemFile]:
    """The recording, and what is said in it where that is known."""
    speaker, text = row["speaker"], row["text"] or row["text_normalised"]
    numbers[speaker] += 1
    folder = job.naming.speakers[speaker]
    name = row["item_id"] if job.naming.keeps_utterances else f"{folder}_{numbers[speaker]:03d}"
    files = [media_file(job, row, f"wav48/{folder}/{name}")]
    return [*files, ItemFile(f"txt/{folder}/{name}.txt", f"{text}\n".encode)] if text else files


LAYOUT = Layout(
    kinds=("audio",),
    required="speaker",
    keeps=("speaker",),
    write=partial(write_files, files_of),
    paths=partial(paths_of, files_of),
    finish=partial(write_tables, files_of, [(ITEMS, item_line)]),
)
