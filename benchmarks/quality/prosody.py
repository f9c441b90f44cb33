"""Phones' lengths and pitch as a model's prosody predicts them, on rows that it was not learned from.

    python -m benchmarks.quality.prosody DATASET ...         five folds of each dataset's rows, whatever their split
    python -m benchmarks.quality.prosody DATASET --folds 10

Row i is held out in fold i mod N. The baselines give each phone the mean length of its kind, and each speaker's frames
their mean ln F0; the figures are those of `pipeline/prosody/held_out.py`, averaged over folds. It prints a table.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.prosody.features import FeatureSpace, Row
from pipeline.prosody.fitting import Fitting
from pipeline.prosody.held_out import held_out_figures
from pipeline.prosody.measured import usable_rows
from pipeline.prosody.prosody import Prosody
from pipeline.shards.dataset import Dataset, open_dataset
from pipeline.shards.schema import AudioConventions
from pipeline.speech.row_utterance import utterance_of_row
from pipeline.storage import locate

PAIRS = (
    ("length, RMSE ms", "duration_rmse_ms", "duration_rmse_ms_of_phone_means"),
    ("length, correlation", "duration_correlation", "duration_correlation_of_phone_means"),
    ("F0, RMSE Hz", "f0_rmse_hz", "f0_rmse_hz_of_speaker_means"),
    ("F0, RMSE semitones", "f0_rmse_semitones", "f0_rmse_semitones_of_speaker_means"),
)


@dataclass(frozen=True)
class Measured:
    """A dataset's figures, one mapping a fold, and the CPU seconds that a fit of all its rows took."""

    num_rows: int
    num_phones: int
    folds: Sequence[dict[str, Any]]
    cpu_s: float

    def mean(self, name: str) -> str:
        """A figure's mean over folds."""
        return f"{np.mean([fold[name] for fold in self.folds if name in fold]):.3g}"


def space_of(dataset: Dataset) -> FeatureSpace:
    """What a model of this dataset would be told."""
    values = {name: dataset.info.vocabulary(name) for name in ("phone", "speaker", "emotion", "language")}
    return FeatureSpace(values.pop("phone"), {name: known for name, known in values.items() if known})


def fitted(rows: Sequence[Row], space: FeatureSpace, conventions: AudioConventions) -> Fitting:
    """What these rows teach."""
    fitting = Fitting(space, conventions, with_pitch=True)
    for row in rows:
        fitting.add(row)
    return fitting


def measured(dataset: Dataset, num_folds: int) -> Measured:
    """All folds of a dataset."""
    conventions, space = dataset.info.conventions, space_of(dataset)
    assert isinstance(conventions, AudioConventions)
    rows = [row for split in dataset.info.tally.num_rows for row in usable_rows(dataset, split, 10**9)]
    folds = []
    for fold in range(num_folds):
        fitting = fitted([row for number, row in enumerate(rows) if number % num_folds != fold], space, conventions)
        held_out, prosody = rows[fold::num_folds], fitting.prosody()
        judged = held_out_figures(prosody, fitting.baselines, held_out, conventions)
        folds.append({**judged, **whole_lengths(prosody, held_out, conventions)})
    started = time.process_time()
    whole = fitted(rows, space, conventions)
    whole.prosody()
    return Measured(len(rows), whole.durations.num_rows, folds, time.process_time() - started)


def whole_lengths(prosody: Prosody, rows: Sequence[Row], conventions: AudioConventions) -> dict[str, float]:
    """Predicted over true length of whole utterances, from text alone: phones and pauses."""
    ratios = []
    for row in rows:
        if row["word_index"] is not None:
            utterance, _ = utterance_of_row({**row, "word": [""] * max(row["word_index"])})
            true_s = row["phone_end"][-1] / conventions.sample_rate_hz
            ratios.append(prosody.spoken(utterance, row).seconds.sum() / true_s)
    return {"length_ratio": float(np.mean(ratios)), "length_ratio_spread": float(np.std(ratios))} if ratios else {}


def main() -> None:
    """Print a row for each dataset and figure."""
    parser = argparse.ArgumentParser(description="Predicted lengths and pitch against the simplest baselines.")
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--folds", type=int, default=5)
    given = parser.parse_args()
    print("| dataset | rows | phones | figure | predicted | means |\n|---|---|---|---|---|---|")
    for place in given.datasets:
        found = measured(open_dataset(locate(place), "audio"), given.folds)
        about = f"| {place.rstrip('/').rsplit('/', 1)[-1]} | {found.num_rows} | {found.num_phones:,}"
        for name, predicted, means in PAIRS:
            print(f"{about} | {name} | {found.mean(predicted)} | {found.mean(means)} |")
        print(f"{about} | voicing error | {found.mean('voicing_error')} | |")
        print(f"{about} | whole utterances, predicted / true length | {found.mean('length_ratio')} | |")
        print(f"{about} | its spread (standard deviation) | {found.mean('length_ratio_spread')} | |")
        print(f"{about} | CPU s to learn | {found.cpu_s:.2f} | |")


if __name__ == "__main__":
    main()
