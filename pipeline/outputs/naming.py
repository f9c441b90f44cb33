"""What a dataset's items, labels and speakers are called as files and folders: decided once, for all parts.

Ids keep their capitals where no two differ by those alone: on many disks a.wav and A.wav are one file. To know it, all
ids are looked at (`SeenIds`: 22 bytes each, for as long as it takes).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pipeline.errors import DatasetError
from pipeline.file_names import CASED_NAME, file_stem, folder_names
from pipeline.seen_ids import SeenIds
from pipeline.shards.dataset import Dataset


@dataclass(frozen=True)
class Naming:
    """keeps_case: no two ids differ by case alone. labels, speakers: the folder of each value.

    keeps_utterances: every id is already SPEAKER_UTTERANCE as VCTK names them, and stays; else utterances are numbered.
    """

    keeps_case: bool = True
    keeps_utterances: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    speakers: Mapping[str, str] = field(default_factory=dict)

    def stem(self, item_id: str) -> str:
        """The name of an item's file, without ending."""
        return file_stem(item_id, keeps_case=self.keeps_case)

    def key(self, item_id: str) -> str:
        """The same without dots, at the first of which WebDataset ends a key; no id that stays as it is has an @."""
        return self.stem(item_id).replace(".", "@")


def naming_of(dataset: Dataset) -> Naming:
    """Look at all ids; DatasetError where one stands twice, since one file would overwrite the other."""
    lower, keeps_case, keeps_utterances = SeenIds(), True, "speaker" in dataset.schema.names
    for item_id, speaker in ids_and_speakers(dataset):
        keeps_case = lower.add(item_id.lower()) and keeps_case
        keeps_utterances = keeps_utterances and is_utterance(item_id, speaker)
    if not keeps_case:
        refuse_twins(dataset)
    labels, speakers = (folder_names(dataset.info.vocabulary(column)) for column in ("label", "speaker"))
    are_kept = keeps_case and keeps_utterances and all(name == speaker for speaker, name in speakers.items())
    return Naming(keeps_case, are_kept, labels, speakers)


def ids_and_speakers(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Both of each row; the speaker is "" where there is none."""
    for table in dataset.tables(["item_id", *(["speaker"] if "speaker" in dataset.schema.names else [])]):
        for row in table.to_pylist():
            yield row["item_id"], row.get("speaker") or ""


def is_utterance(item_id: str, speaker: str) -> bool:
    """Whether an id is the speaker's name, one underscore, and what has none: p225_001."""
    return bool(
        CASED_NAME.fullmatch(item_id)
        and item_id.startswith(f"{speaker}_")
        and "_" not in item_id[len(speaker) + 1 :]
        and len(item_id) > len(speaker) + 1
    )


def refuse_twins(dataset: Dataset) -> None:
    """DatasetError where an id stands twice, letter for letter."""
    seen = SeenIds()
    for item_id, _ in ids_and_speakers(dataset):
        if not seen.add(item_id):
            raise DatasetError(
                f"{dataset.folder}: the id {item_id!r} stands in two rows; expected each once. "
                f"`ancestral verify {dataset.folder}` says where; make the dataset again."
            )
