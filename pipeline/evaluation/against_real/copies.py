"""Copy synthesis: a held-out row beside the item that a model drew from that row's own phones, times and pitch.

Both have the same phones at the same times, so their frames are aligned and are compared one by one: the cepstral
distortion, the error of F0 where both are voiced, and the share of frames of which one is voiced alone.

A pair scores 0 where the item is the row itself. What the row would score if it were played backwards stands beside:
the same voice and the same sounds at the wrong times.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.companding import decode_levels
from pipeline.audio.decode import Waveform
from pipeline.evaluation.against_real.cepstra import distortion_db, mel_cepstra
from pipeline.evaluation.against_real.measured import Place
from pipeline.evaluation.against_real.spectra import spectra_of
from pipeline.rows import Rows
from pipeline.shards.dataset import Dataset
from pipeline.shards.levels import unpack_levels
from pipeline.shards.schema import AudioConventions
from pipeline.speech.f0 import Method, log_f0

Row = Mapping[str, Any]
Pitch = tuple[NDArray[np.float32], NDArray[np.bool_]]

COLUMNS = ["item_id", "levels", "num_timesteps", "phone", "phone_start", "phone_end"]
MOST_APART = 1
"""Timesteps between the same boundary of phones in both: a request's seconds are rounded."""


@dataclass(frozen=True)
class Pair:
    """A row of the real dataset and one that was drawn after it, by their places."""

    item_id: str
    real: Place
    generated: Place


@dataclass(frozen=True)
class FrameScore:
    """Sums over the frames of an item: of distortion; of squares, over frames voiced in both; frames voiced in one."""

    num_frames: int
    distortion_db: float
    num_pitch_frames: int = 0
    num_voiced_in_both: int = 0
    squared_hz: float = 0.0
    squared_cents: float = 0.0
    num_voiced_in_one: int = 0


@dataclass(frozen=True)
class CopyScore:
    """A pair: as it is, and the real row held against itself backwards. None where it is no copy, for `reason`."""

    item_id: str
    copy: FrameScore | None = None
    backwards: FrameScore | None = None
    reason: str = ""


@dataclass(frozen=True)
class Heard:
    """What of a waveform is compared: mel cepstra [F, D], silent [F], and F0 where it is estimated."""

    cepstra: NDArray[np.float64]
    silent: NDArray[np.bool_]
    pitch: Pitch | None

    @property
    def backwards(self) -> "Heard":
        """The same frames from the last to the first."""
        pitch = (self.pitch[0][::-1], self.pitch[1][::-1]) if self.pitch else None
        return Heard(self.cepstra[::-1], self.silent[::-1], pitch)


def pairs_of(real: Mapping[str, Sequence[Place]], generated: Mapping[str, Sequence[Place]], most: int) -> list[Pair]:
    """Rows and what was drawn after them, by id, the first so many; in the order of the real shards."""
    pairs = [
        Pair(item_id, min(real[item_id]), place)
        for item_id in sorted(generated)
        for place in sorted(generated[item_id])
        if item_id in real
    ][:most]
    return sorted(pairs, key=lambda pair: (pair.real.shard, pair.generated.shard, pair.real.row, pair.generated.row))


def score_copies(
    real: Dataset, generated: Mapping[int, tuple[Dataset, int]], pairs: Sequence[Pair], method: Method | None
) -> list[CopyScore]:
    """Score the pairs of one real shard, `real`'s only one. generated: shard → the dataset and where in it that is."""
    conventions = real.info.conventions
    assert isinstance(conventions, AudioConventions)
    real_rows, scores = Rows(real.read_shard(0, COLUMNS)), []
    for shard, of_shard in groupby(pairs, key=lambda pair: pair.generated.shard):
        dataset, index = generated[shard]
        drawn_rows = Rows(dataset.read_shard(index, COLUMNS))
        for pair in of_shard:
            row, drawn = real_rows[pair.real.row], drawn_rows[pair.generated.row]
            scores.append(score_copy(pair.item_id, row, drawn, conventions, method))
    return scores


def score_copy(item_id: str, row: Row, drawn: Row, conventions: AudioConventions, method: Method | None) -> CopyScore:
    """One pair."""
    if reason := why_no_copy(row, drawn):
        return CopyScore(item_id, reason=reason)
    real, other = heard(row, conventions, method), heard(drawn, conventions, method)
    return CopyScore(item_id, frame_score(real, other), frame_score(real, real.backwards))


def why_no_copy(row: Row, drawn: Row) -> str:
    """Why the frames of two rows are not aligned; nothing where they are."""
    if row["num_timesteps"] != drawn["num_timesteps"]:
        return "of another length"
    if not row["phone"] or not drawn["phone"]:
        return "without phones"
    if list(row["phone"]) != list(drawn["phone"]):
        return "of other phones"
    apart = np.abs(np.asarray(row["phone_end"]) - np.asarray(drawn["phone_end"])).max()
    return "" if apart <= MOST_APART else "with phones at other times"


def heard(row: Row, conventions: AudioConventions, method: Method | None) -> Heard:
    """What is compared of a row."""
    levels = unpack_levels(row["levels"], conventions.num_levels)
    waveform: Waveform = decode_levels(levels, conventions.num_levels, conventions.companding)
    rate_hz, period_s = conventions.sample_rate_hz, conventions.features.frame_period_s
    spectra = spectra_of(waveform, rate_hz)
    pitch = log_f0(waveform, rate_hz, method, period_s) if method else None
    return Heard(mel_cepstra(spectra.mel_db), spectra.silent, pitch)


def frame_score(real: Heard, other: Heard) -> FrameScore:
    """Frames that are silent in the real row are left out of the distortion: there is nothing to distort."""
    sounding = ~real.silent
    total_db = float(distortion_db(real.cepstra[sounding], other.cepstra[sounding]).sum())
    if real.pitch is None or other.pitch is None:
        return FrameScore(int(sounding.sum()), total_db)
    (real_ln, real_voiced), (other_ln, other_voiced) = real.pitch, other.pitch
    both = real_voiced & other_voiced
    one, two = real_ln[both].astype(np.float64), other_ln[both].astype(np.float64)
    return FrameScore(
        num_frames=int(sounding.sum()),
        distortion_db=total_db,
        num_pitch_frames=len(both),
        num_voiced_in_both=int(both.sum()),
        squared_hz=float(((np.exp(one) - np.exp(two)) ** 2).sum()),
        squared_cents=float(((1200 / np.log(2) * (one - two)) ** 2).sum()),
        num_voiced_in_one=int((real_voiced != other_voiced).sum()),
    )


def by_real_shard(pairs: Sequence[Pair]) -> Iterator[tuple[int, list[Pair]]]:
    """The pairs of each real shard."""
    for shard, of_shard in groupby(pairs, key=lambda pair: pair.real.shard):
        yield shard, list(of_shard)
