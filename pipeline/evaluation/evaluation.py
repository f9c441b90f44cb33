"""The result of an evaluation, and its page MODEL/evaluations/DATASET-SPLIT.json, or DATASET-SPLIT-GENERATED.json."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Literal

from pipeline.errors import DatasetError, ModelError
from pipeline.evaluation.against_real.result import AgainstReal, from_plain
from pipeline.evaluation.baselines import marginal_bits, uniform_bits
from pipeline.evaluation.likelihood import Score, Scores
from pipeline.model_folder import ModelInfo
from pipeline.shards.dataset import Dataset
from pipeline.storage import Location

FORMAT = "ancestral-evaluation"
FORMAT_VERSION = 2


@dataclass(frozen=True)
class Figure:
    """Bits per level over some items."""

    bits: float
    num_items: int
    num_levels: int


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts a split. `bits` are per level: a timestep, or one channel of one pixel.

    `marginal_bits` is None where the dataset has no training split. per_attribute: column → value → figure.
    against_real: a generated dataset beside the split, None where none was given.
    """

    model: str
    model_digest: str
    dataset: str
    dataset_digest: str
    split: str
    unit: Literal["bits_per_timestep", "bits_per_dim"]
    bits: float
    uniform_bits: float
    marginal_bits: float | None
    num_items: int
    num_levels_scored: int
    per_attribute: dict[str, dict[str, Figure]]
    against_real: AgainstReal | None = None
    format: str = FORMAT
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """The page as it is written."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Evaluation":
        """The inverse of `to_json`; ModelError for anything else."""
        try:
            data = json.loads(text)
            if (data["format"], data["format_version"]) != (FORMAT, FORMAT_VERSION):
                raise ModelError(
                    f"{where}: no evaluation of format {FORMAT!r} version {FORMAT_VERSION}; evaluate again."
                )
            figures = {
                column: {value: Figure(**figure) for value, figure in values.items()}
                for column, values in data["per_attribute"].items()
            }
            against_real = from_plain(data["against_real"]) if data["against_real"] else None
            return cls(**{**data, "per_attribute": figures, "against_real": against_real})
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{where}: a damaged evaluation ({error}); evaluate again.") from error

    def place(self, folder: Location) -> Location:
        """Where it stands below the model's folder."""
        names = [self.dataset_digest[:12], self.split]
        names += [self.against_real.generated_digest[:12]] if self.against_real else []
        return folder / f"evaluations/{'-'.join(names)}.json"


def conclude(scores: Scores, model: Location, info: ModelInfo, dataset: Dataset, split: str) -> Evaluation:
    """The evaluation of merged scores; a DatasetError unless every level that the dataset counts was scored."""
    tally = dataset.info.tally
    if scores.whole.num_levels != tally.num_levels[split]:
        raise DatasetError(
            f"{dataset.folder}: {tally.num_levels[split]} levels of split {split} are counted in dataset.json, "
            f"{scores.whole.num_levels} stand in its shards; `ancestral verify {dataset.folder}` says how to mend."
        )
    if not math.isfinite(scores.whole.nll_nats):
        raise ModelError(f"{model}: gives parameters that are no numbers for some of {dataset.folder}; train it again.")
    return Evaluation(
        model=str(model),
        model_digest=info.digest,
        dataset=str(dataset.folder),
        dataset_digest=dataset.info.digest,
        split=split,
        unit="bits_per_timestep" if info.conventions.kind == "audio" else "bits_per_dim",
        bits=figure(scores.whole).bits,
        uniform_bits=uniform_bits(info.conventions.num_levels),
        marginal_bits=marginal_bits(tally, split, info.conventions.num_levels),
        num_items=scores.whole.num_items,
        num_levels_scored=scores.whole.num_levels,
        per_attribute={
            column: {value: figure(score) for value, score in sorted(values.items())}
            for column, values in sorted(scores.by_attribute.items())
        },
    )


def figure(score: Score) -> Figure:
    """A score in bits: nats / (ln 2 · levels)."""
    return Figure(score.nll_nats / (math.log(2) * score.num_levels), score.num_items, score.num_levels)
