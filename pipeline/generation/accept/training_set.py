"""The fingerprints of what a model was trained on."""

from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import ConfigError, DatasetError
from pipeline.generation.accept.config import AcceptConfig
from pipeline.generation.accept.content import fingerprint_of
from pipeline.generation.accept.fingerprint import Seen
from pipeline.model_folder import ModelInfo
from pipeline.rows import Rows
from pipeline.shards.dataset import open_dataset
from pipeline.shards.schema import Conventions
from pipeline.storage import locate

SPLIT = "train"


class Known(NamedTuple):
    """Fingerprints, and what the levels that they are of mean."""

    seen: Seen
    conventions: Conventions


def training_prints(config: AcceptConfig, info: ModelInfo) -> Seen | None:
    """What items may not be nearly the same as; None where they are not compared with it.

    ConfigError where nothing says where the dataset is, DatasetError where it is not there or of another kind.
    """
    if not config.with_training:
        return None
    place = config.training_dataset or info.lineage.get("dataset", "")
    if not place:
        raise ConfigError(
            "accept.against compares items with the training set, and the model does not say where it is: give it, "
            "with --set accept.training_dataset=PATH."
        )
    found = read_prints(str(place), config.same_bits)
    if found.conventions != info.conventions:
        raise DatasetError(f"{place}: its levels mean something else than the model's; give the model's own dataset.")
    return found.seen


@lru_cache(maxsize=1)
def read_prints(place: str, same_bits: int) -> Known:
    """The fingerprints of all rows of the training split: about 200 bytes for a row and piece, once in each process."""
    dataset = open_dataset(locate(place))
    conventions, seen = dataset.info.conventions, Seen(same_bits)
    for table in dataset.tables(["item_id", "split", "levels"]):
        rows = Rows(table.filter(pc.equal(table["split"], pa.scalar(SPLIT))))
        for row in (rows[number] for number in range(len(rows))):
            seen.add(row["item_id"], fingerprint_of(row, conventions))
    return Known(seen, conventions)
