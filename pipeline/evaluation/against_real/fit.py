"""Whether a generated dataset can be held against a real one, and what of it cannot be measured."""

from collections.abc import Iterator

from pipeline.errors import DatasetError
from pipeline.evaluation.against_real.config import AgainstRealConfig
from pipeline.evaluation.against_real.waveforms import f0_method
from pipeline.evaluation.baselines import TRAIN
from pipeline.model_folder import ModelInfo
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import AudioConventions
from pipeline.speech.f0 import load_librosa, load_pyworld


def check_generated(generated: Dataset, dataset: Dataset, info: ModelInfo, model: str) -> None:
    """A DatasetError unless this model drew the generated dataset, in levels that mean what the real one's do."""
    lineage, folder = generated.info.lineage, generated.folder
    if lineage.get("made_by") != "generate":
        raise DatasetError(
            f"{folder}: expected a dataset that `ancestral generate` made, this one is of "
            f"`{lineage.get('made_by', 'something else')}`. Give the folder of generated items to --generated."
        )
    if lineage.get("model") != info.digest:
        raise DatasetError(
            f"{folder}: drawn by the model {str(lineage.get('model'))[:12]} ({lineage.get('model_uri', 'unknown')}), "
            f"and {model} is {info.digest[:12]}. Evaluate the model that drew it, or generate again with this one."
        )
    if generated.info.conventions != dataset.info.conventions:
        raise DatasetError(
            f"{folder}: its levels mean something else than those of {dataset.folder}: "
            f"{generated.info.conventions} and {dataset.info.conventions}."
        )
    if not generated.info.num_rows:
        raise DatasetError(f"{folder}: no items; expected at least one. Generate some.")


def check_f0(dataset: Dataset, config: AgainstRealConfig) -> None:
    """A MissingExtra where F0 is to be estimated and its package is not installed: before any work."""
    conventions = dataset.info.conventions
    method = f0_method(conventions, config) if isinstance(conventions, AudioConventions) else None
    if method:
        (load_librosa if method == "pyin" else load_pyworld)()


def has_training_items(dataset: Dataset, split: str) -> bool:
    """Whether there are training items that the split's are not."""
    return bool(dataset.info.tally.num_rows.get(TRAIN)) and split != TRAIN


def limits(dataset: Dataset, split: str, config: AgainstRealConfig, *, has_copies: bool) -> Iterator[str]:
    """What cannot be measured of this dataset, and why; `has_copies` where items were drawn after rows of the split."""
    conventions = dataset.info.conventions
    if isinstance(conventions, AudioConventions) and not has_copies:
        yield (
            f"No copy synthesis: no generated item was asked for by the id of a row of split {split}; "
            "`ancestral requests` writes such requests."
        )
    if isinstance(conventions, AudioConventions) and f0_method(conventions, config) is None:
        why = "the dataset was prepared without it; " if config.f0 == "dataset" else ""
        yield f"F0 was not estimated: {why}--set against_real.f0=dio estimates it."
    if not has_training_items(dataset, split):
        why = "is the training split itself" if split == TRAIN else "is all there is, without a training split"
        yield f"No nearest training items and no classifier: the split {split} {why}."
